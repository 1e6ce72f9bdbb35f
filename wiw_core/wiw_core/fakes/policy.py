"""A fake proposer and a fake reviser: fixed plans, a fixed choice, and a menu of faults."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.faults import FakeCrash, chosen_fault
from wiw_core.observation import Episode
from wiw_core.plans import Plan, navigation_plan

PROPOSER_FAULTS = (
    "none",
    "crash",  # raises an error nobody foresaw
    "unparsable",  # raises UNPARSABLE, as a policy that talks to a language model may
    "empty",  # proposes nothing
    "empty_plan",  # proposes a plan without actions
    "unknown_action",  # proposes to fly
    "too_long",  # plans are longer than the horizon
    "too_many",  # one plan more than asked for
    "duplicate",  # all plans are the same
    "fickle",  # the first plan depends on the count
)
REVISER_FAULTS = (
    "none",
    "crash",  # revise raises an error nobody foresaw
    "no_score",  # raises NO_VALID_SCORE
    "nan_score",  # scores are NaN, and it chooses all the same
    "no_plan",  # says ACT without a plan
)
_CYCLE = ("forward", "turn_left", "turn_right")


class FakeProposer:
    """A fake: fixed plans in a fixed order, the first one straight ahead.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`PROPOSER_FAULTS`.
    """

    def __init__(self, fault: str = "none") -> None:
        self._fault = chosen_fault(fault, PROPOSER_FAULTS)

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return ``count`` plans of the full horizon, in lexical order, forward first."""
        if self._fault == "crash":
            raise FakeCrash("The fake proposer was told to crash.")
        if self._fault == "unparsable":
            raise WiwError(ErrorCode.UNPARSABLE, "The fake proposer was told to talk nonsense.")
        length = context.limits.horizon + (1 if self._fault == "too_long" else 0)
        every = itertools.product(_CYCLE, repeat=length)
        wanted = count + (1 if self._fault == "too_many" else 0)
        plans = [navigation_plan(names) for names in itertools.islice(every, wanted)]
        if self._fault == "empty":
            return []
        if self._fault == "empty_plan":
            plans[0] = Plan(())
        if self._fault == "unknown_action":
            plans[0] = replace(plans[0], actions=(replace(plans[0].actions[0], name="fly"),))
        if self._fault == "duplicate":
            return [plans[0]] * max(2, count)
        if self._fault == "fickle":
            plans.reverse()
        return plans


class FakeReviser:
    """A fake: takes the first plan; answers with the first label once the budget is used up.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`REVISER_FAULTS`.
    frames : str
        Which imagined frames it claims to look at: ``"none"``, ``"last"`` or ``"all"``.
    stop_after : int
        Decisions after which it says ``STOP``; 0: it never does.
    """

    frames: FramesWanted

    def __init__(
        self, fault: str = "none", frames: FramesWanted = "last", stop_after: int = 0
    ) -> None:
        self._fault = chosen_fault(fault, REVISER_FAULTS)
        self.frames = frames
        self._stop_after = stop_after

    def reset(self, episode: Episode) -> None:
        """Nothing to forget."""

    def glance(self, context: DecisionContext) -> Decision | None:
        """Stop when it is to; answer at the last decision of a task that wants a label."""
        if self._stop_after and context.index >= self._stop_after:
            return Decision(DecisionKind.STOP)
        if not context.episode.labels or context.index < context.episode.budget - 1:
            return None
        return Decision(DecisionKind.ANSWER, answer=context.episode.labels[0], confidence=0.5)

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Choose the first candidate; a candidate's score is minus its index."""
        if self._fault == "crash":
            raise FakeCrash("The fake reviser was told to crash.")
        if self._fault == "no_score":
            raise WiwError(ErrorCode.NO_VALID_SCORE, "The fake reviser was told to score nothing.")
        scores = [
            math.nan if self._fault == "nan_score" else -float(i) for i in range(len(candidates))
        ]
        scored = tuple(
            replace(c, score=score, reason="a fake score") for c, score in zip(candidates, scores)
        )
        plan = Plan(()) if self._fault == "no_plan" else candidates[0].plan
        return Decision(
            DecisionKind.ACT,
            plan=plan,
            prefix_length=min(context.limits.execute, len(plan)),
            chosen=0,
            candidates=scored,
        )
