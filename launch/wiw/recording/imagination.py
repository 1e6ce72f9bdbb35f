"""A world model that imagines nothing: it gives back what was imagined in a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan, prolonged
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest


class RecordedImagination:
    """Plays back the rollouts of one recorded decision at a time, see :meth:`at`.

    A plan that was not imagined then comes back as a failed rollout, ``MODEL_UNAVAILABLE``: nothing
    is made up for it.

    Parameters
    ----------
    info : ModelInfo
        Of the model that imagined.
    imagined : int
        ``PlanLimits.imagined`` of the recorded policy: how far plans were prolonged.
    """

    def __init__(self, info: ModelInfo, imagined: int) -> None:
        self.info = info
        self._imagined = imagined
        self._candidates: list[tuple[Candidate, Rollout]] = []
        self._round = 0

    def at(self, decision: Decision, rollouts: Mapping[int, Rollout]) -> None:
        """Play back this decision from now on.

        Parameters
        ----------
        rollouts : mapping
            By index of the candidate.
        """
        self._round = 0
        self._candidates = [
            (candidate, rollouts[place])
            for place, candidate in enumerate(decision.candidates)
            if place in rollouts
        ]

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield what was imagined for each plan, of the same round; see the contract."""
        round_, self._round = self._round, self._round + 1
        for index, plan in enumerate(request.plans):
            if request.cancelled():
                raise WiwError(ErrorCode.CANCELLED, "Nobody waits any more.")
            found = self._of(plan, round_, request.frame_indices(index))
            yield replace(found, plan_index=index, generation=request.generation)

    def close(self) -> None:
        """Forget the decision."""
        self._candidates = []

    def _of(self, plan: Plan, round_: int, wanted: tuple[int, ...]) -> Rollout:
        for candidate, rollout in self._candidates:
            known = prolonged(candidate.plan, self._imagined).actions
            if candidate.round == round_ and known == plan.actions:
                return _frames(rollout, wanted)
        return _without("This plan was not imagined in the recording.")


def _frames(rollout: Rollout, wanted: tuple[int, ...]) -> Rollout:
    """Return the rollout with the frames wanted alone."""
    if rollout.code is not ErrorCode.OK or rollout.frame_indices == wanted:
        return rollout
    places = [k for k, frame in enumerate(rollout.frame_indices) if frame in wanted]
    if len(places) != len(wanted) or len(rollout.frames) != len(rollout.frame_indices):
        return _without(f"Of frames {list(wanted)} only {list(rollout.frame_indices)} are kept.")
    return replace(
        rollout,
        frames=rollout.frames[places],
        frame_indices=wanted,
        confidence=None if rollout.confidence is None else rollout.confidence[places],
        value=None if rollout.value is None else rollout.value[places],
    )


def _without(why: str) -> Rollout:
    return Rollout(
        0, np.zeros((0, 1, 1, 3), np.uint8), (), code=ErrorCode.MODEL_UNAVAILABLE, message=why
    )
