"""The letters that name the choices of a question."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.errors import ErrorCode, WiwError

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "αβγδεζηθικλμνξοπρστυφχψω")
"""26 Latin and 24 Greek ones, a token each for the usual models.

The released solver has ten Greek ones; our homes hold more kinds of things.
"""


def lettered(choices: Sequence[str]) -> str:
    """Return a line per choice, each named by its letter.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if there are more choices than letters.
    """
    if len(choices) > len(LETTERS):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A question can have {len(LETTERS)} choices, not {len(choices)}.",
        )
    return "\n".join(f"{letter}: {choice}" for letter, choice in zip(LETTERS, choices))
