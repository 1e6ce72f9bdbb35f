"""What every plot shares: inline SVG whose text and axes take the page's colour, light or dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import escape
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wiw.report import words
from wiw_core.statistics import Interval

INK = "#010203"
"""Replaced by the page's own text colour."""
ACCENT = "#2f7ed8"
COLOURS = ("#2f7ed8", "#d98c21", "#3a9d5d", "#c0508a", "#8a6fd1", "#8a8f98")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")
WIDTH_IN, ROW_IN, FONT_PT = 4.3, 0.3, 11
"""At this width a point is a pixel or more, on a phone too: no text falls below 11 pixels."""


@dataclass(frozen=True)
class Plot:
    """A drawing, what it shows in a sentence, and the same for who cannot see it."""

    svg: str
    title: str


def half_range(intervals: Iterable[Interval], least: float) -> float:
    """Return how far from 0 an axis must go to show the intervals, and at least ``least``."""
    ends = [abs(end) for i in intervals for end in (i.low, i.high) if math.isfinite(end)]
    return max([least, *ends]) * 1.1


def rows_axes(count: int, row_in: float = ROW_IN) -> tuple[Figure, Any]:
    """Return a figure and its axes, with room for ``count`` rows."""
    figure = Figure(figsize=(WIDTH_IN, 0.9 + row_in * count), layout="constrained")
    return figure, figure.add_subplot()


def rows_plot(figure: Figure, axes: Any, names: Sequence[str], salt: str, title: str) -> Plot:
    """Return the finished plot of axes that have one row per name."""
    axes.set_yticks(range(len(names)), [words.short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return Plot(inline_svg(figure, axes, f"{title}-{salt}", title), title)


def whisker(axes: Any, y: float, value: Interval, color: str = ACCENT, marker: str = "o") -> None:
    """Draw an estimate with its interval at the height ``y``; nothing for not-a-number."""
    if math.isnan(value.estimate):
        return
    if math.isfinite(value.low) and math.isfinite(value.high):
        axes.plot([value.low, value.high], [y, y], color=color, linewidth=2)
    axes.plot([value.estimate], [y], marker, color=color, markersize=6)


def legend(axes: Any, columns: int, handles: Sequence[Any] = (), **more: Any) -> None:
    """Put a legend above the axes, as wide as the figure allows."""
    shown = list(handles) or axes.get_legend_handles_labels()[0]
    made = axes.figure.legend(
        handles=shown, frameon=False, ncols=columns, loc="outside upper center", **more
    )
    for text in made.get_texts():
        text.set_color(INK)
        text.set_fontsize(FONT_PT)


def inline_svg(figure: Figure, axes: Any, salt: str, title: str) -> str:
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
