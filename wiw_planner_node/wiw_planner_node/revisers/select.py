"""Score-and-select: the common instance of revision (arXiv 2510.18135, section 2.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.rollouts import Rollout

Score = Callable[[Candidate, Rollout], float]
"""Scores one candidate by its rollout; higher is better, NaN means it could not be judged."""

SCORERS = ("perception", "value")
"""``perception`` looks at imagined frames; ``value`` is the model's own estimate of progress."""


def check_score_by(score_by: str) -> str:
    """Return ``score_by`` if it is a known way to score; raises ``BAD_PARAMETER``."""
    if score_by not in SCORERS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "way to score", score_by, SCORERS)
    return score_by


def value_score(candidate: Candidate, rollout: Rollout) -> float:
    """Return the model's value in the last imagined frame; raises as :func:`values_of`."""
    return float(values_of(rollout)[-1])


def values_of(rollout: Rollout) -> npt.NDArray[np.float32]:
    """Return (T,): the model's value in each frame.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the model gives none.
    """
    if rollout.value is None or len(rollout.value) == 0:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "score_by=value needs a world model that gives a value; this one gives none.",
            "Use the oracle, or score_by=perception.",
        )
    return rollout.value


def score_all(candidates: Sequence[Candidate], score: Score) -> tuple[Candidate, ...]:
    """Return the candidates with scores; one without a usable rollout keeps NaN, and a reason."""
    scored = []
    for candidate in candidates:
        rollout = candidate.rollout
        if rollout is None or rollout.code is not ErrorCode.OK or len(rollout.frames) == 0:
            scored.append(
                replace(candidate, score=math.nan, reason=candidate.reason or "no rollout")
            )
            continue
        value = score(candidate, rollout)
        if math.isfinite(value):
            scored.append(replace(candidate, score=value))
        else:
            scored.append(replace(candidate, score=math.nan, reason=f"score is {value}"))
    return tuple(scored)


def best(candidates: Sequence[Candidate]) -> int:
    """Return the index of the highest finite score; of equal ones the first.

    Ties go to the first candidate so that a model that tells plans apart in nothing (the copy
    control) leaves the choice to the proposer.

    Raises
    ------
    WiwError
        ``NO_VALID_SCORE`` if no score is finite.
    """
    scores = np.array([candidate.score for candidate in candidates], dtype=np.float64)
    if not np.isfinite(scores).any():
        reasons = "; ".join(sorted({candidate.reason for candidate in candidates}))
        raise WiwError(
            ErrorCode.NO_VALID_SCORE,
            f"None of {len(candidates)} candidates could be scored ({reasons or 'none given'}).",
            "See the world model's log.",
        )
    return int(np.argmax(np.where(np.isfinite(scores), scores, -np.inf)))


def select(
    context: DecisionContext,
    candidates: Sequence[Candidate],
    score: Score,
    answer: str = "",
    confidence: float = math.nan,
) -> Decision:
    """Act on the candidate with the highest score; without any rollout, on the first plan.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` without candidates, ``NO_VALID_SCORE`` if none could be scored.
    """
    if not candidates:
        raise WiwError(ErrorCode.PROPOSAL_INVALID, "There is no candidate to choose from.")
    imagined = any(candidate.rollout is not None for candidate in candidates)
    scored = score_all(candidates, score) if imagined else tuple(candidates)
    chosen = best(scored) if imagined else 0
    plan = scored[chosen].plan
    return Decision(
        kind=DecisionKind.ACT,
        plan=plan,
        prefix_length=min(context.limits.execute, len(plan)),
        chosen=chosen,
        answer=answer,
        confidence=confidence,
        candidates=scored,
    )
