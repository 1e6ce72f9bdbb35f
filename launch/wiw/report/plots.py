"""Plots as inline SVG: text and axes take the page's colour, so they read in light and dark."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wiw.arms import BASELINE
from wiw.results import Row
from wiw_core.metrics import THINKING
from wiw_core.statistics import Interval

INK = "#010203"
"""Replaced by the page's own text colour."""
ACCENT = "#2f7ed8"
STAGES = {"glance": "#8a8f98", "propose": "#d98c21", "imagine": "#2f7ed8", "revise": "#3a9d5d"}


def success(rows: Sequence[Row]) -> str:
    """Return the plot of success per arm, with Wilson intervals."""
    figure, axes = _axes(len(rows))
    for y, row in enumerate(rows):
        _whisker(axes, y, row.summary.success)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("success rate, 95 % interval")
    return _svg(figure, axes, [row.arm for row in rows], f"success-{rows[0].task}")


def differences(rows: Sequence[Row]) -> str:
    """Return the plot of paired differences to the baseline; empty if it was not run."""
    compared = [row for row in rows if BASELINE in row.versus]
    if not compared:
        return ""
    figure, axes = _axes(len(compared))
    for y, row in enumerate(compared):
        _whisker(axes, y, row.versus[BASELINE].success)
    axes.set_xlim(*_around_zero(row.versus[BASELINE].success for row in compared))
    axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel(f"success minus that of '{BASELINE}', paired, 95 % interval")
    return _svg(figure, axes, [row.arm for row in compared], f"difference-{rows[0].task}")


def stages(rows: Sequence[Row]) -> str:
    """Return the plot of median seconds per stage of a decision."""
    figure, axes = _axes(len(rows))
    for y, row in enumerate(rows):
        left = 0.0
        for stage in THINKING:
            found = row.summary.seconds_by_stage.get(stage)
            if found is None:
                continue
            axes.barh(y, found.p50, left=left, color=STAGES[stage], height=0.55)
            left += found.p50
    handles = [matplotlib.patches.Patch(color=STAGES[stage], label=stage) for stage in THINKING]
    axes.legend(
        handles=handles, frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
    axes.set_xlabel("seconds per decision, median of each stage")
    return _svg(figure, axes, [row.arm for row in rows], f"stages-{rows[0].task}")


def _around_zero(intervals: Iterable[Interval]) -> tuple[float, float]:
    ends = [abs(end) for i in intervals for end in (i.low, i.high) if math.isfinite(end)]
    reach = max([0.1, *ends]) * 1.1
    return -reach, reach


def _axes(count: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.6, 0.9 + 0.3 * count), layout="constrained")
    return figure, figure.add_subplot()


def _whisker(axes: Any, y: int, value: Interval) -> None:
    axes.plot([value.low, value.high], [y, y], color=ACCENT, linewidth=2, solid_capstyle="round")
    axes.plot([value.estimate], [y], "o", color=ACCENT, markersize=6)


def _svg(figure: Figure, axes: Any, labels: Sequence[str], name: str) -> str:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(INK)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(colors=INK, length=0)
    axes.xaxis.label.set_color(INK)
    for text in axes.get_legend().get_texts() if axes.get_legend() else ():
        text.set_color(INK)
    written = io.StringIO()
    # The salt keeps the ids of one plot apart from those of the next on the same page.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 10}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor")
