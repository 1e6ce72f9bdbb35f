"""Choosing a fault from a fake's menu."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.errors import ErrorCode, unknown_name


class FakeCrash(RuntimeError):
    """What a fake raises when it is told to crash: an error that nobody foresaw."""


def chosen_fault(fault: str, menu: Sequence[str]) -> str:
    """Return ``fault``; raises ``BAD_PARAMETER`` if it is not on the menu."""
    if fault not in menu:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "fault", fault, menu)
    return fault
