"""The plots of the findings: as SVG for the page, as PNG for the documents."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from wiw.findings.correlation import Correlation
from wiw.findings.evidence import share
from wiw.pooling import metric_of
from wiw.report import words
from wiw.report.figures import (
    ACCENT,
    COLOURS,
    INK,
    MARKERS,
    ROW_IN,
    WIDTH_IN,
    half_range,
    inline_svg,
    legend,
    rows_axes,
    whisker,
)
from wiw.rows import Difference, Row
from wiw.texts import interval
from wiw_core.statistics import Interval

DPI = 110
GREY = "#8a8f98"
_LABEL_WIDTH = 42  # characters below the axes
SUCCESS = "success rate (or answer score / 100)"


@dataclass(frozen=True)
class Drawing:
    """A figure with one pair of axes, what it shows, and the name of its file."""

    figure: Figure
    axes: Any
    title: str
    name: str

    @property
    def svg(self) -> str:
        """An ``<svg>`` element that takes the page's colours."""
        return inline_svg(self.figure, self.axes, self.name, self.title)

    @property
    def png(self) -> bytes:
        """A picture on white."""
        self.svg  # noqa: B018 - styles the axes
        written = io.BytesIO()
        self.figure.savefig(
            written, format="png", dpi=DPI, facecolor="white", metadata={"Software": None}
        )
        return written.getvalue()


def by_task(rows: Iterable[Row], order: Sequence[str]) -> Drawing:
    """Return the plot of each task's arms side by side, those in ``order``."""
    kept = [row for row in rows if row.arm in order]
    tasks = list(dict.fromkeys(row.task for row in kept))
    names = [name for name in order if any(row.arm == name for row in kept)]
    figure, axes = rows_axes(len(tasks), ROW_IN * max(1.5, len(names) / 2))
    for k, name in enumerate(names):
        look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        axes.plot([], [], linestyle="", label=words.short(name), **look)
        shift = 0.7 * ((k + 0.5) / len(names) - 0.5)
        for row in kept:
            if row.arm == name:
                place = tasks.index(row.task) + shift
                whisker(axes, place, share(row.primary, row.metric), **look)
    _rows(axes, [words.short(task) for task in tasks])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(SUCCESS)
    legend(axes, min(4, len(names)))
    return Drawing(figure, axes, "Success of each task and arm, with 95 % intervals", "worth")


def pairs(found: Sequence[tuple[str, str, Difference]]) -> Drawing:
    """Return the plot of paired differences of success (or score / 100).

    Parameters
    ----------
    found : sequence of (str, str, Difference)
        Task, what was compared, and the difference.
    """
    figure, axes = rows_axes(len(found), 2.2 * ROW_IN)
    values = [share(value.value, metric_of(task)) for task, _, value in found]
    for y, value in enumerate(values):
        whisker(axes, y, value)
    reach = half_range(values, 0.1)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlabel("paired difference of success")
    _rows(axes, [_pair_label(task, what) for task, what, _ in found])
    title = "The trained one minus the other, with 95 % intervals; right of the line is better"
    return Drawing(figure, axes, title, "training")


def curve(
    name: str,
    what: str,
    task: str,
    points: Sequence[tuple[float, Interval]],
    bounds: Mapping[str, Interval],
) -> Drawing:
    """Return the plot of success against a number, with the bounds as dashed lines."""
    metric = metric_of(task)
    figure, axes = _square()
    xs = [x for x, _ in points]
    ys = [share(value, metric) for _, value in points]
    axes.plot(xs, [y.estimate for y in ys], color=ACCENT, linewidth=1.5)
    for x, y in zip(xs, ys):
        _upright(axes, x, y, ACCENT, "o")
    for k, (bound, value) in enumerate(bounds.items()):
        line = share(value, metric).estimate
        axes.axhline(line, color=GREY, linewidth=1.2, linestyle=("--", ":")[k % 2])
        axes.annotate(
            bound,
            (1.0, line),
            xycoords=("axes fraction", "data"),
            color=INK,
            ha="right",
            va="bottom",
            fontsize=9,
        )
    if min(xs) > 0 and max(xs) > 12 * min(xs):
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(xs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(textwrap.fill(what, _LABEL_WIDTH))
    title = f"{task}, {name}: success against {what}, with 95 % intervals"
    return Drawing(figure, axes, title, _file(f"{task} {name} {what}"))


def scatter(
    task: str,
    what: str,
    points: Sequence[tuple[str, float, Interval]],
    correlation: Correlation,
) -> Drawing:
    """Return the plot of success against a measure, a marker per checkpoint.

    Parameters
    ----------
    points : sequence of (str, float, Interval)
        Series, measure, success.
    """
    metric = metric_of(task)
    figure, axes = _square()
    for k, series in enumerate(dict.fromkeys(series for series, _, _ in points)):
        look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        axes.plot([], [], linestyle="", label=textwrap.shorten(series, 26), **look)
        for other, x, y in points:
            if other == series:
                _upright(axes, x, share(y, metric), **look)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(textwrap.fill(what, _LABEL_WIDTH))
    legend(axes, 2)
    title = (
        f"{task}: success against {what}, a marker per checkpoint; Spearman"
        f" {interval(correlation.spearman, sign=True)}, Pearson"
        f" {interval(correlation.pearson, sign=True)}"
    )
    return Drawing(figure, axes, title, _file(f"{task} {what}"))


def _square() -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("success")
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
    return figure, axes


def _upright(axes: Any, x: float, y: Interval, color: str, marker: str) -> None:
    if math.isnan(y.estimate):
        return
    if math.isfinite(y.low) and math.isfinite(y.high):
        axes.plot([x, x], [y.low, y.high], color=color, linewidth=2)
    axes.plot([x], [y.estimate], marker, color=color, markersize=6)


def _pair_label(task: str, what: str) -> str:
    """Return what is compared in three lines: the first, the second, the task."""
    first, _, second = what.partition(" / ")
    return "\n".join((words.short(first), f"over {words.short(second)}", words.short(task)))


def _rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _file(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
