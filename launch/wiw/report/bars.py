"""Bars of counts, as inline SVG in the style of :mod:`wiw.report.figures`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from wiw.report.figures import (
    ACCENT,
    COLOURS,
    INK,
    ROW_IN,
    WIDTH_IN,
    Plot,
    inline_svg,
    legend,
)

_SHORT = 14
"""Letters of a name of which two fit beside each other in a legend."""


def bars(title: str, groups: Mapping[str, Mapping[str, int]], unit: str) -> Plot:
    """Return one bar per name, with a part for each group."""
    names = list(dict.fromkeys(name for counts in groups.values() for name in counts))
    height_in = 1.0 + ROW_IN * (len(names) + len(groups))
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.add_subplot()
    left = [0] * len(names)
    for k, (group, counts) in enumerate(groups.items()):
        values = [counts.get(name, 0) for name in names]
        axes.barh(names, values, left=left, color=COLOURS[k % len(COLOURS)], label=group)
        left = [a + b for a, b in zip(left, values)]
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    if len(groups) > 1:
        legend(axes, 2 if max(map(len, groups)) <= _SHORT else 1)
    return Plot(inline_svg(figure, axes, title, title), title)


def histogram(title: str, found: Mapping[str, Any], unit: str) -> Plot:
    """Return a histogram from its ``edges`` and ``counts``."""
    figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
    axes = figure.add_subplot()
    edges = found["edges"]
    widths = [b - a for a, b in zip(edges, edges[1:])]
    axes.bar(edges[:-1], found["counts"], widths, align="edge", color=ACCENT, edgecolor=INK)
    axes.set_xlabel(unit)
    axes.set_yticks([])
    return Plot(inline_svg(figure, axes, title, title), title)
