"""The VLM as the reviser of question answering: it answers, or says where to go and check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.observation import Episode, Projection, Rgb
from wiw_core.rollouts import Rollout
from wiw_core.tasks.aeqa import PRIMITIVES
from wiw_planner_node.vlm.chat import Chat, Picture, Question
from wiw_planner_node.vlm.choosing import adopted, written
from wiw_planner_node.vlm.pictures import sized
from wiw_planner_node.vlm.policies import first_plan
from wiw_planner_node.vlm.prompts import quoted
from wiw_planner_node.vlm.questions.four_views import IMAGINED_HW, four_views
from wiw_planner_node.vlm.questions.replies import (
    HighLevel,
    final_schema,
    plan_schema,
    read_final,
    read_plan,
    revision_schema,
)
from wiw_planner_node.vlm.questions.situation import (
    Situation,
    new_surroundings,
    rules,
    situation,
)
from wiw_planner_node.vlm.showing import Shown, shown


class QuestionsVlmReviser:
    """One high-level query per decision, with the simulated ends of the plans if there are any.

    It answers from what the robot really sees, never from a simulation (appendix B.3): an answer is
    final only when the queries of two decisions in a row give one, and the robot has really moved
    and looked again in between; the second answer counts. With the last decision, or with one
    primitive left, the VLM is asked for its final answer, and told its last one.

    The adopted candidate has score 1, others that were shown 0. Without a world model the first
    plan is taken, and the query is for the answer alone.

    Parameters
    ----------
    chat : Chat
    mode : {"check"}

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another mode.
    """

    frames: FramesWanted = "last"
    modes: ClassVar[tuple[str, ...]] = ("check",)

    def __init__(self, chat: Chat, mode: str = "check") -> None:
        if mode not in self.modes:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "mode", mode, self.modes)
        self._chat = chat
        self._seen = new_surroundings()
        self._answer = ""
        self._answered: dict[int, bool] = {}

    def reset(self, episode: Episode) -> None:
        """Forget the episode before."""
        self._seen.forget()
        self._answer, self._answered = "", {}

    def glance(self, context: DecisionContext) -> Decision | None:
        """Ask for the final answer if time is over; else return None.

        Raises
        ------
        WiwError
            As :func:`.situation.situation`; ``UNPARSABLE`` if the final answer stays unreadable;
            else what the chat raises.
        """
        last = context.index >= context.episode.budget - 1
        if not last and _left(context) >= 1:
            return None
        here = situation(self._seen, context)
        parts = here.parts
        if self._answer:
            parts = (*parts, f"Your answer from an earlier look: {quoted(self._answer)}")
        question = Question("answer", rules("questions_final"), parts)
        answer = self._chat.decision(context).ask(question, final_schema(), read_final)
        return Decision(DecisionKind.ANSWER, answer=answer)

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Answer if this is the second answer in a row; else go where the VLM says.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` without candidates; ``NO_VALID_SCORE`` if there are rollouts and
            none has a frame; ``UNPARSABLE`` if replies stay unreadable; else what the chat raises.
        """
        here = situation(self._seen, context)
        judged = shown(candidates)
        if judged:
            decision, reply = self._check(context, here, candidates, judged)
        else:
            decision = first_plan(context, candidates)
            question = Question("revise", rules("questions_explore"), here.parts)
            schema = plan_schema(here.texts)
            reply = self._chat.decision(context).ask(question, schema, read_plan)
        self._answer = reply.answer or self._answer
        self._answered[context.index] = bool(reply.answer)
        if reply.answer and self._answered.get(context.index - 1, False):
            return Decision(
                DecisionKind.ANSWER, answer=reply.answer, candidates=decision.candidates
            )
        length = min(decision.prefix_length, max(1, _left(context)))
        return replace(decision, prefix_length=length, answer=self._answer)

    def _check(
        self,
        context: DecisionContext,
        here: Situation,
        candidates: Sequence[Candidate],
        judged: Sequence[Shown],
    ) -> tuple[Decision, HighLevel]:
        parts = list(here.parts)
        for number, one in enumerate(judged, start=1):
            told = f"Plan {number}: {quoted(one.candidate.plan.text)}\nSimulated, where it ends:"
            parts.append(Picture(_picture(one.rollout), told))
        question = Question("revise", rules("questions_revise"), tuple(parts))
        schema = revision_schema(here.texts, len(judged))
        reply = self._chat.decision(context).ask(question, schema, read_plan)
        if reply.adopt:
            chosen = judged[reply.adopt - 1].index
            return adopted(context, candidates, judged, chosen), reply
        return written(context, candidates, judged, here.plan(reply)), reply


def _picture(rollout: Rollout) -> Rgb:
    """Return four views of an imagined panorama, or the one perspective view there is."""
    if rollout.projection is Projection.EQUIRECTANGULAR:
        return four_views(rollout.frames[-1], IMAGINED_HW)[0]
    return sized(rollout.frames[-1], IMAGINED_HW[0])


def _left(context: DecisionContext) -> int:
    """Return how many primitives may be executed so that one is kept back to answer."""
    return PRIMITIVES - context.now.step - 1
