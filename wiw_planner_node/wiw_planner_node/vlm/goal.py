"""The language model as reviser of image-goal navigation (arXiv 2510.18135, appendix B.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.observation import Episode, Rgb
from wiw_core.plans import Plan
from wiw_core.rollouts import main_view
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_planner_node.vlm.chat import Chat, Picture, Question, Talk
from wiw_planner_node.vlm.letters import LETTERS
from wiw_planner_node.vlm.navigation import (
    Parts,
    goal_photo,
    plan_schema,
    read_plan,
    rules,
    seen_now,
    words,
)
from wiw_planner_node.vlm.pictures import front, strip
from wiw_planner_node.vlm.policies import first_plan
from wiw_planner_node.vlm.prompts import prompt
from wiw_planner_node.vlm.showing import Shown, shown

STOP_PROBABILITY = 0.5
"""Of the model's yes, from which the robot stops where the environment does not stop it."""


class GoalReviser:
    """Looks at where plans lead, and at the goal photo.

    ``rewrite`` is the paper's: the model sees each plan with its imagined frames and writes the
    plan that is carried out, which may be another. ``select`` picks one of the plans by the
    probability of its letter as the first token of the reply: the scores are these probabilities.

    Without an oracle stop the model is also asked, before each decision, whether the robot has
    arrived; the paper's solver has such a question, switched off.

    Parameters
    ----------
    chat : Chat
    mode : {"rewrite", "select"}

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another mode.
    """

    frames: FramesWanted = "all"
    modes: ClassVar[tuple[str, ...]] = ("rewrite", "select")

    def __init__(self, chat: Chat, mode: str = "rewrite") -> None:
        if mode not in self.modes:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "mode", mode, self.modes)
        self._chat, self._mode = chat, mode

    def reset(self, episode: Episode) -> None:
        """Nothing is kept from one decision to the next."""

    def glance(self, context: DecisionContext) -> Decision | None:
        """Stop where the model says that the robot has arrived, unless the environment does that.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` without a goal photo; else what the chat raises.
        """
        if ORACLE_STOP in context.episode.privileges:
            return None
        parts = (goal_photo(context), *seen_now(context.now))
        question = Question("stop", prompt("goal_stop", rules=rules(context)), parts)
        arrived, _ = self._chat.decision(context).choose(question, LETTERS[:2])
        return Decision(DecisionKind.STOP) if arrived >= STOP_PROBABILITY else None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan that the model writes or picks; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` without candidates; ``NO_VALID_SCORE`` if there are rollouts and
            none has frames; ``BAD_IMAGE`` without a goal photo; ``UNPARSABLE`` if replies stay
            unusable; else what the chat raises.
        """
        looked_at = shown(candidates)
        if not looked_at:
            return first_plan(context, candidates)
        talk = self._chat.decision(context)
        decide = self._rewritten if self._mode == "rewrite" else self._selected
        return decide(context, candidates, looked_at, talk)

    def _rewritten(
        self,
        context: DecisionContext,
        candidates: Sequence[Candidate],
        looked_at: Sequence[Shown],
        talk: Talk,
    ) -> Decision:
        horizon = context.limits.horizon
        system = prompt("goal_rewrite", rules=rules(context), count=len(looked_at), horizon=horizon)
        names = [str(number) for number in range(1, len(looked_at) + 1)]
        question = Question("revise", system, _parts(context, looked_at, names))
        plan = talk.ask(question, plan_schema(horizon), lambda reply: read_plan(reply, context))
        return _acting(context, plan, -1, candidates)

    def _selected(
        self,
        context: DecisionContext,
        candidates: Sequence[Candidate],
        looked_at: Sequence[Shown],
        talk: Talk,
    ) -> Decision:
        letters = LETTERS[: len(looked_at)]
        system = prompt(
            "goal_select",
            rules=rules(context),
            count=len(looked_at),
            letters=", ".join(letters),
        )
        question = Question("revise", system, _parts(context, looked_at, letters))
        likely = talk.choose(question, letters)
        scored = list(candidates)
        for one, probability in zip(looked_at, likely):
            scored[one.index] = replace(one.candidate, score=probability)
        best = looked_at[likely.index(max(likely))]
        return _acting(context, best.candidate.plan, best.index, scored)


def _parts(context: DecisionContext, looked_at: Sequence[Shown], names: Sequence[str]) -> Parts:
    told = [
        Picture(_strip(context, one), f"Plan {name}: {words(one.candidate.plan)}")
        for one, name in zip(looked_at, names)
    ]
    return (goal_photo(context), *told)


def _strip(context: DecisionContext, one: Shown) -> Rgb:
    """Return what is seen ahead now, and then after each action of the plan."""
    here, plan, rollout = main_view(context.now), one.candidate.plan, one.rollout
    cells = [(front(here.rgb, here.projection), "now")]
    for frame, index in zip(rollout.frames, rollout.frame_indices):
        if index <= len(plan):
            caption = f"{index}: {plan.names[index - 1]}"
            cells.append((front(frame, rollout.projection), caption))
    return strip(cells)


def _acting(
    context: DecisionContext, plan: Plan, chosen: int, candidates: Sequence[Candidate]
) -> Decision:
    return Decision(
        DecisionKind.ACT,
        plan,
        min(context.limits.execute, len(plan)),
        chosen=chosen,
        candidates=tuple(candidates),
    )
