"""Plots as inline SVG: text and axes take the page's colour, so they read in light and dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import escape
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from wiw.arms import BASELINE
from wiw.report import words
from wiw.report.measure import compared, measure
from wiw.rows import Row
from wiw_core.metrics import THINKING
from wiw_core.statistics import Interval

INK = "#010203"
"""Replaced by the page's own text colour."""
ACCENT = "#2f7ed8"
STAGES = {"glance": "#8a8f98", "propose": "#d98c21", "imagine": "#2f7ed8", "revise": "#3a9d5d"}
COLOURS = ("#2f7ed8", "#d98c21", "#3a9d5d", "#c0508a", "#8a6fd1", "#8a8f98")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")
WIDTH_IN, ROW_IN, FONT_PT = 4.3, 0.3, 11
"""At this width a point is a pixel or more, on a phone too: no text falls below 11 pixels."""


@dataclass(frozen=True)
class Plot:
    """A drawing, what it shows in a sentence, and the same for who cannot see it."""

    svg: str
    title: str


def outcome(rows: Sequence[Row]) -> Plot:
    """Return the plot of the task's own measure per arm, with its intervals."""
    what = measure(rows[0])
    figure, axes = _axes(len(rows))
    for y, row in enumerate(rows):
        _whisker(axes, y, row.primary)
    axes.set_xlim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel(what.label)
    return _plot(figure, axes, rows, f"{what.name} of each arm, with 95 % intervals")


def differences(rows: Sequence[Row]) -> Plot | None:
    """Return the plot of paired differences to the baseline; None if nothing was compared."""
    pairs = [(row, found) for row in rows if (found := compared(row)) is not None]
    if not pairs:
        return None
    what = measure(rows[0])
    figure, axes = _axes(len(pairs))
    for y, (_, found) in enumerate(pairs):
        _whisker(axes, y, found)
    reach = _reach((found for _, found in pairs), 0.1 * what.top)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlabel(f"{what.name} minus that of '{BASELINE}'")
    title = (
        f"{what.name}: paired difference to '{BASELINE}', with 95 % intervals; right of the"
        " dashed line is better"
    )
    return _plot(figure, axes, [row for row, _ in pairs], title)


def levels(rows: Mapping[str, Sequence[Row]], arms: Sequence[Row]) -> Plot | None:
    """Return the plot of the measure by difficulty; None if there are not two levels.

    Parameters
    ----------
    rows : mapping
        The rows of each level, easiest first.
    arms : sequence of Row
        One row per arm, in the order of the table.
    """
    if len(rows) < 2:
        return None
    what = measure(arms[0])
    figure, axes = _axes(len(arms), ROW_IN * max(1.0, len(rows) / 2))
    place = {row.arm: y for y, row in enumerate(arms)}
    for k, (level, mine) in enumerate(rows.items()):
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
        }
        shift = 0.6 * ((k + 0.5) / len(rows) - 0.5)
        axes.plot([], [], linestyle="", label=level, **look)
        for row in mine:
            _whisker(axes, place[row.arm] + shift, row.primary, **look)
    axes.set_xlim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel(what.label)
    _legend(axes, min(4, len(rows)))
    return _plot(figure, axes, arms, f"{what.name} by difficulty, with 95 % intervals")


def cost(rows: Sequence[Row]) -> Plot | None:
    """Return the plot of the measure against seconds per decision; None without any seconds."""
    timed = [
        row for row in rows if row.summary.seconds.p50 > 0 and not math.isnan(row.primary.estimate)
    ]
    if not timed:
        return None
    what = measure(rows[0])
    figure = Figure(figsize=(WIDTH_IN, 3.2 + 0.22 * len(timed) / 2), layout="constrained")
    axes = figure.add_subplot()
    for row in timed:
        k = rows.index(row)
        seconds, value = row.summary.seconds, row.primary
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
        }
        if math.isfinite(value.low) and math.isfinite(value.high):
            axes.plot([seconds.p50] * 2, [value.low, value.high], color=look["color"], linewidth=2)
        axes.plot([seconds.p50, seconds.p95], [value.estimate] * 2, color=look["color"], alpha=0.45)
        axes.plot(
            seconds.p50,
            value.estimate,
            linestyle="",
            markersize=7,
            label=words.short(row.arm),
            **look,
        )
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    narrow = high < 6 * low
    axes.xaxis.set_major_locator(
        MaxNLocator(4) if narrow else LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=8)
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel("seconds of thinking per decision")
    axes.set_ylabel(what.name)
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
    _legend(axes, 2)
    title = (
        f"{what.name} against what it costs: the marker at the median second per decision, its"
        " thin line to the 95th percentile, its thick line the 95 % interval"
    )
    return Plot(_svg(figure, axes, f"cost-{rows[0].task}", title), title)


def stages(rows: Sequence[Row]) -> Plot:
    """Return the plot of median seconds per stage of a decision."""
    figure, axes = _axes(len(rows))
    for y, row in enumerate(rows):
        left = 0.0
        for stage in THINKING:
            found = row.summary.seconds_by_stage.get(stage)
            if found is None or not math.isfinite(found.p50):
                continue
            axes.barh(y, found.p50, left=left, color=STAGES[stage], height=0.55)
            left += found.p50
    handles = [matplotlib.patches.Patch(color=STAGES[stage], label=stage) for stage in THINKING]
    _legend(axes, 4, handles=handles, columnspacing=1.0, handlelength=1.0)
    axes.set_xlabel("seconds per decision")
    return _plot(figure, axes, rows, "Where the time goes: median seconds of each stage")


def _reach(intervals: Iterable[Interval], least: float) -> float:
    ends = [abs(end) for i in intervals for end in (i.low, i.high) if math.isfinite(end)]
    return max([least, *ends]) * 1.1


def _axes(count: int, row_in: float = ROW_IN) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH_IN, 0.9 + row_in * count), layout="constrained")
    return figure, figure.add_subplot()


def _whisker(axes: Any, y: float, value: Interval, color: str = ACCENT, marker: str = "o") -> None:
    if math.isnan(value.estimate):
        return
    if math.isfinite(value.low) and math.isfinite(value.high):
        axes.plot([value.low, value.high], [y, y], color=color, linewidth=2)
    axes.plot([value.estimate], [y], marker, color=color, markersize=6)


def _legend(axes: Any, columns: int, handles: Sequence[Any] = (), **more: Any) -> None:
    """Put a legend above the axes, as wide as the figure allows."""
    shown = list(handles) or axes.get_legend_handles_labels()[0]
    legend = axes.figure.legend(
        handles=shown, frameon=False, ncols=columns, loc="outside upper center", **more
    )
    for text in legend.get_texts():
        text.set_color(INK)
        text.set_fontsize(FONT_PT)


def _plot(figure: Figure, axes: Any, rows: Sequence[Row], title: str) -> Plot:
    axes.set_yticks(range(len(rows)), [words.short(row.arm) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return Plot(_svg(figure, axes, f"{title}-{rows[0].task}", title), title)


def _svg(figure: Figure, axes: Any, salt: str, title: str) -> str:
    """Return the figure as an ``<svg>`` element; ``salt`` keeps its ids apart from the next's."""
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(INK)
    axes.tick_params(colors=INK, length=0, which="both", labelsize=FONT_PT)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(FONT_PT)
    written = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # not used, and the same in every plot of a page
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
