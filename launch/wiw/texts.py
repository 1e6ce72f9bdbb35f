"""Numbers and lists in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wiw_core.statistics import Interval

NONE = "–"
"""Stands where there is no number."""


def interval(value: Interval, *, sign: bool = False, digits: int = 2) -> str:
    """Return ``0.50 [0.31, 0.69]``."""
    if math.isnan(value.estimate):
        return NONE
    form = f"{'+' if sign else ''}.{digits}f"
    return f"{value.estimate:{form}} [{value.low:{form}}, {value.high:{form}}]"


def number(value: float, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:.{digits}f}"


def join(words: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
