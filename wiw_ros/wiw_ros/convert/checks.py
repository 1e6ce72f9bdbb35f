"""Small checks that every conversion shares."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar

from wiw_core.errors import ErrorCode, WiwError

E = TypeVar("E", bound=IntEnum)


def code_from_msg(code: int) -> ErrorCode:
    """Return the error code; 0 or an unknown number is ``INTERNAL``: a verdict is never unset."""
    try:
        known = ErrorCode(code)
    except ValueError:
        return ErrorCode.INTERNAL
    return ErrorCode.INTERNAL if known is ErrorCode.UNSET else known


def enum_from_msg(kind: type[E], value: int, what: str, code: ErrorCode) -> E:
    """Return the member of ``kind``, or raise ``code`` naming what is allowed."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(f"{m.value} {m.name}" for m in kind)
        raise WiwError(code, f"{what} is {value}; allowed: {allowed}.") from None


def require_finite(values: Iterable[float], what: str, code: ErrorCode) -> None:
    """Raise ``code`` unless every number is finite."""
    bad = [v for v in values if not math.isfinite(v)]
    if bad:
        raise WiwError(code, f"{what} holds {bad[0]}, which is not finite.")
