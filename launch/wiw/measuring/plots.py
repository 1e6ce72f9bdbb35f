"""The plots of a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wiw.report import words
from wiw.report.figures import (
    COLOURS,
    INK,
    MARKERS,
    WIDTH_IN,
    Plot,
    half_range,
    inline_svg,
    legend,
    rows_axes,
    rows_plot,
    whisker,
)
from wiw_core.statistics import Interval
from wiw_learn.measure import Report, Row
from wiw_learn.measure.metrics import METRICS

CHOICES = ("action_choice", "heading_choice", "future_choice")
CURVES = ("psnr_db", "place_error_m", "heading_error_deg", "tool_error")
HEIGHT_IN = 3.0


def draw(report: Report) -> list[Plot]:
    """Return every plot that the report has numbers for."""
    drawn = [choice(report, name) for name in CHOICES if name in report.shown()]
    drawn += [gap(report)] if "action_gap_db" in report.shown() else []
    drawn += [found for name in CURVES if (found := drift(report, name)) is not None]
    reliable = reliability(report)
    return drawn if reliable is None else [*drawn, reliable]


def choice(report: Report, name: str) -> Plot:
    """Return the plot of how often each model picks the true one, and chance."""
    rows = [row for row in report.rows.values() if row.estimate(name).n]
    figure, axes = rows_axes(len(rows))
    for y, row in enumerate(rows):
        whisker(axes, y, row.estimate(name, report.settings.seed).value, **_look(report, row))
    axes.axvline(1.0 / report.settings.plans, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of cases, 95 % interval")
    title = f"{METRICS[name].title}: {METRICS[name].text}; the dashed line is chance"
    return rows_plot(figure, axes, [row.name for row in rows], name, title)


def gap(report: Report) -> Plot:
    """Return the plot of the gap between the executed plan and the others."""
    rows = [row for row in report.rows.values() if row.estimate("action_gap_db").n]
    figure, axes = rows_axes(len(rows))
    found = [row.estimate("action_gap_db", report.settings.seed).value for row in rows]
    for y, (row, value) in enumerate(zip(rows, found, strict=True)):
        whisker(axes, y, value, **_look(report, row))
    reach = half_range(found, 1.0)
    axes.set_xlim(-0.25 * reach, reach)
    axes.axvline(0.0, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlabel("dB, 95 % interval")
    title = f"action gap: {METRICS['action_gap_db'].text}"
    return rows_plot(figure, axes, [row.name for row in rows], "gap", title)


def drift(report: Report, name: str) -> Plot | None:
    """Return the plot of a metric after 1, 2, ... actions; None if no model has it."""
    curves = {row.name: row.curve(name, report.settings.seed) for row in report.rows.values()}
    curves = {row: curve for row, curve in curves.items() if any(point.n for point in curve)}
    if not curves:
        return None
    metric = METRICS[name]
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.add_subplot()
    for row, curve in curves.items():
        look = _look(report, report.row(row))
        after = np.arange(1, len(curve) + 1)
        low, high = ([_bound(point.value, side) for point in curve] for side in (0, 1))
        axes.fill_between(after, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axes.plot(
            after,
            [point.value.estimate for point in curve],
            label=words.short(row),
            linewidth=2,
            **look,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("actions ahead")
    axes.set_ylabel(f"{metric.title}, {metric.unit}" if metric.unit else metric.title)
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
    legend(axes, min(3, len(curves)))
    title = f"{metric.title} against the actions ahead: {metric.text}; bands are 95 % intervals"
    return Plot(inline_svg(figure, axes, f"drift-{name}", title), title)


def reliability(report: Report) -> Plot | None:
    """Return the reliability diagram; None if no model states a confidence."""
    bins = {row.name: row.reliability() for row in report.rows.values()}
    bins = {name: parts for name, parts in bins.items() if parts}
    if not bins:
        return None
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1.2, linestyle="--")
    for name, parts in bins.items():
        most = max(part.count for part in parts)
        look = _look(report, report.row(name))
        claimed, right = [p.confidence for p in parts], [p.right for p in parts]
        axes.plot(claimed, right, color=look["color"], linewidth=1.2)
        axes.scatter(
            claimed,
            right,
            s=[15 + 90 * part.count / most for part in parts],
            label=words.short(name),
            **look,
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("stated confidence")
    axes.set_ylabel("share of right pixels")
    axes.grid(color=INK, alpha=0.15, linewidth=0.6)
    legend(axes, min(3, len(bins)))
    title = (
        "Reliability: stated confidence against the share of pixels that are right; on the dashed"
        " line it means what it says, and larger marks are more frames"
    )
    return Plot(inline_svg(figure, axes, "reliability", title), title)


def _look(report: Report, row: Row) -> dict[str, Any]:
    """Return a row's colour and marker: a shuffled row has the colour of its model."""
    names: Sequence[str] = list(report.rows)
    k = names.index(row.of or row.name)
    marker = "x" if row.of else MARKERS[k % len(MARKERS)]
    return {"color": COLOURS[k % len(COLOURS)], "marker": marker}


def _bound(value: Interval, side: int) -> float:
    bound = (value.low, value.high)[side]
    return bound if np.isfinite(bound) else value.estimate
