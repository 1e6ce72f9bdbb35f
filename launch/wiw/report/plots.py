"""The plots of a study's report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

from wiw.arms import BASELINE
from wiw.report import words
from wiw.report.figures import (
    COLOURS,
    INK,
    MARKERS,
    ROW_IN,
    WIDTH_IN,
    Plot,
    half_range,
    inline_svg,
    legend,
    rows_axes,
    rows_plot,
    whisker,
)
from wiw.report.measure import compared, measure
from wiw.rows import Row
from wiw_core.metrics import THINKING

STAGES = {"glance": "#8a8f98", "propose": "#d98c21", "imagine": "#2f7ed8", "revise": "#3a9d5d"}


def outcome(rows: Sequence[Row]) -> Plot:
    """Return the plot of the task's own measure per arm, with its intervals."""
    what = measure(rows[0])
    figure, axes = rows_axes(len(rows))
    for y, row in enumerate(rows):
        whisker(axes, y, row.primary)
    axes.set_xlim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel(what.label)
    return _plot(figure, axes, rows, f"{what.name} of each arm, with 95 % intervals")


def differences(rows: Sequence[Row]) -> Plot | None:
    """Return the plot of paired differences to the baseline; None if nothing was compared."""
    pairs = [(row, found) for row in rows if (found := compared(row)) is not None]
    if not pairs:
        return None
    what = measure(rows[0])
    figure, axes = rows_axes(len(pairs))
    for y, (_, found) in enumerate(pairs):
        whisker(axes, y, found)
    reach = half_range((found for _, found in pairs), 0.1 * what.top)
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
    figure, axes = rows_axes(len(arms), ROW_IN * max(1.0, len(rows) / 2))
    place = {row.arm: y for y, row in enumerate(arms)}
    for k, (level, mine) in enumerate(rows.items()):
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
        }
        shift = 0.6 * ((k + 0.5) / len(rows) - 0.5)
        axes.plot([], [], linestyle="", label=level, **look)
        for row in mine:
            whisker(axes, place[row.arm] + shift, row.primary, **look)
    axes.set_xlim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel(what.label)
    legend(axes, min(4, len(rows)))
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
    axes.xaxis.set_major_locator(_log_ticks(*axes.get_xlim()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(-0.02 * what.top, 1.02 * what.top)
    axes.set_xlabel("seconds of thinking per decision")
    axes.set_ylabel(what.name)
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
    legend(axes, 2)
    title = (
        f"{what.name} against what it costs: the marker at the median second per decision, its"
        " thin line to the 95th percentile, its thick line the 95 % interval"
    )
    return Plot(inline_svg(figure, axes, f"cost-{rows[0].task}", title), title)


def _log_ticks(low: float, high: float) -> Locator:
    """Return where a logarithmic axis has ticks that do not run into one another."""
    if high < 6 * low:
        return MaxNLocator(4)
    return LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,), numticks=8)


def stages(rows: Sequence[Row]) -> Plot:
    """Return the plot of median seconds per stage of a decision."""
    figure, axes = rows_axes(len(rows))
    for y, row in enumerate(rows):
        left = 0.0
        for stage in THINKING:
            found = row.summary.seconds_by_stage.get(stage)
            if found is None or not math.isfinite(found.p50):
                continue
            axes.barh(y, found.p50, left=left, color=STAGES[stage], height=0.55)
            left += found.p50
    handles = [matplotlib.patches.Patch(color=STAGES[stage], label=stage) for stage in THINKING]
    legend(axes, 4, handles=handles, columnspacing=1.0, handlelength=1.0)
    axes.set_xlabel("seconds per decision")
    return _plot(figure, axes, rows, "Where the time goes: median seconds of each stage")


def _plot(figure: Figure, axes: Any, rows: Sequence[Row], title: str) -> Plot:
    return rows_plot(figure, axes, [row.arm for row in rows], rows[0].task, title)
