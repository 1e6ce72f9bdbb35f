"""The colours of the table tasks, and which of them a picture can tell apart."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

Rgb = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {
    "red": (1.0, 0.0, 0.0),
    "maroon": (0.5, 0.0, 0.0),
    "orange": (1.0, 0.5, 0.0),
    "gold": (1.0, 0.8, 0.0),
    "yellow": (1.0, 1.0, 0.0),
    "olive": (0.5, 0.5, 0.0),
    "lime": (0.5, 1.0, 0.0),
    "green": (0.0, 0.6, 0.0),
    "turquoise": (0.2, 0.9, 0.75),
    "teal": (0.0, 0.5, 0.5),
    "cyan": (0.0, 1.0, 1.0),
    "azure": (0.0, 0.5, 1.0),
    "blue": (0.0, 0.0, 1.0),
    "navy": (0.0, 0.0, 0.5),
    "indigo": (0.3, 0.0, 0.6),
    "violet": (0.5, 0.0, 1.0),
    "purple": (0.5, 0.0, 0.5),
    "magenta": (1.0, 0.0, 1.0),
    "pink": (1.0, 0.5, 0.75),
    "rose": (1.0, 0.0, 0.5),
}
"""RGB in [0, 1] of every colour that a goal may name. All have a hue: white is a lit button, and
the arm and the table are grey and brown."""

HUE_GAP_DEG = 75.0
"""Least difference in hue of two colours in one scene."""


def hue_deg(name: str) -> float:
    """Return the hue of a colour in degrees [0, 360)."""
    return 360.0 * colorsys.rgb_to_hsv(*COLOURS[name])[0]


def hue_gap_deg(a: str, b: str) -> float:
    """Return the difference in hue of two colours in degrees [0, 180]."""
    gap = abs(hue_deg(a) - hue_deg(b))
    return min(gap, 360.0 - gap)


def company(
    rng: np.random.Generator, named: str, count: int, among: Sequence[str] = tuple(COLOURS)
) -> tuple[str, ...]:
    """Return ``count`` other colours; each pair, ``named`` included, is HUE_GAP_DEG apart."""
    chosen: list[str] = []
    while len(chosen) < count:
        free = [c for c in among if all(hue_gap_deg(c, o) >= HUE_GAP_DEG for o in (named, *chosen))]
        if not free:
            chosen.clear()
            continue
        chosen.append(free[int(rng.integers(len(free)))])
    return tuple(chosen)


def mixed(
    rng: np.random.Generator, named: str, others: tuple[str, ...]
) -> tuple[tuple[str, ...], int]:
    """Return the colours with ``named`` somewhere among them, and its index."""
    index = int(rng.integers(len(others) + 1))
    return (*others[:index], named, *others[index:]), index
