"""Judging open answers on OpenEQA's scale: 1 (wrong) to 5 (right).

Judges are entry points of the group ``wiw.judges``: ``matcher`` compares words, repeatably and for
free; ``llm`` asks a language model. The environment judges with ``matcher``; records can be judged
again with any (:func:`wiw_core.judging.rejudge.rejudge`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from wiw_core.errors import ErrorCode
from wiw_core.registry import Kind

WORST, BEST = 1, 5
"""The ends of the scale."""
JUDGES = Kind("wiw.judges", "judge", ErrorCode.BAD_PARAMETER)


@dataclass(frozen=True)
class Truth:
    """A question with its accepted answers, and those that are right as far as they go."""

    question: str
    answers: tuple[str, ...]
    partial: tuple[str, ...] = ()


@runtime_checkable
class Judge(Protocol):
    """Grades answers."""

    name: str

    def grade(self, truth: Truth, answer: str) -> int:
        """Return sigma, 1 to 5; an empty answer is 1.

        Raises ``VLM_UNAVAILABLE`` or ``UNPARSABLE``: a judge that cannot judge never guesses.
        """
        ...


def score_of(sigma: int) -> float:
    """Return the answer score, 0 to 100: ``(sigma - 1) * 25`` (arXiv 2510.18135, appendix B.3)."""
    if not WORST <= sigma <= BEST:
        raise ValueError(f"sigma is {sigma}, outside {WORST} to {BEST}")
    return (sigma - WORST) * 25.0
