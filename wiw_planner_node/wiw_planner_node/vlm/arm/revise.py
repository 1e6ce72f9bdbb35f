"""The VLM as the arm's reviser: by key frames, or by a describer and an evaluator in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode, Rgb
from wiw_core.rollouts import Rollout
from wiw_planner_node.vlm.arm.replies import (
    choice_schema,
    description_schema,
    numbers_of,
    read_choice,
    read_description,
    read_verdict,
    verdict_schema,
)
from wiw_planner_node.vlm.arm.table import goal_line, system_prompt, task_parts
from wiw_planner_node.vlm.chat import Chat, Picture, Question
from wiw_planner_node.vlm.choosing import adopted, written
from wiw_planner_node.vlm.pictures import sized, strip
from wiw_planner_node.vlm.policies import first_plan
from wiw_planner_node.vlm.prompts import prompt, quoted
from wiw_planner_node.vlm.showing import Shown, shown


class ArmVlmReviser:
    """Looks at what the plans lead to, as a world model imagines it (appendix B.4).

    ``ranking`` shows, after the real view, each plan in words with the frame after each of its
    actions; the VLM adopts one of the plans or writes another. This is the paper's mode of one
    iteration; its ``iterative`` mode, which simulates again, is not there.

    ``descriptor`` is the pair of the paper's diffusion policy. A describer turns each plan's last
    frame into words, all at once; an evaluator, who reads words only, picks a plan. Where it
    picks none the paper samples again, in its iterative mode; here the first plan is taken, and
    its reason says so. A plan whose picture nobody could describe is not judged.

    The chosen candidate has score 1, others that were judged 0: a VLM gives no finer scale.

    Parameters
    ----------
    chat : Chat
    mode : {"ranking", "descriptor"}

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another mode.
    """

    modes: ClassVar[tuple[str, ...]] = ("ranking", "descriptor")

    def __init__(self, chat: Chat, mode: str = "ranking") -> None:
        if mode not in self.modes:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "mode", mode, self.modes)
        self._chat, self._mode = chat, mode
        self.frames: FramesWanted = "all" if mode == "ranking" else "last"

    def reset(self, episode: Episode) -> None:
        """Nothing is kept from one decision to the next."""

    def glance(self, context: DecisionContext) -> Decision | None:
        """Return None: whether the task is done is for the environment to say."""
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan that the VLM adopts or writes; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` without candidates; ``NO_VALID_SCORE`` if there are rollouts and
            none can be judged; ``UNPARSABLE`` if replies stay unreadable; else what the chat
            raises.
        """
        judged = shown(candidates)
        if not judged:
            return first_plan(context, candidates)
        if self._mode == "ranking":
            return self._rank(context, candidates, judged)
        return self._describe_and_evaluate(context, candidates, judged)

    def _rank(
        self, context: DecisionContext, candidates: Sequence[Candidate], judged: Sequence[Shown]
    ) -> Decision:
        parts: list[str | Picture] = [*task_parts(context)]
        for number, one in enumerate(judged, start=1):
            actions = [numbers_of(action) for action in one.candidate.plan.actions]
            told = f"Plan {number}: {quoted(one.candidate.plan.text)} {actions}\nSimulated:"
            parts.append(Picture(_strip(one.rollout), told))
        question = Question("revise", system_prompt("arm_revise", context), tuple(parts))
        schema = choice_schema(len(judged), context.limits.horizon)
        choice = self._chat.decision(context).ask(
            question, schema, lambda reply: read_choice(reply, context.actions)
        )
        if choice.plan is not None:
            return written(context, candidates, judged, choice.plan)
        return adopted(context, candidates, judged, judged[choice.adopt - 1].index)

    def _describe_and_evaluate(
        self, context: DecisionContext, candidates: Sequence[Candidate], described: Sequence[Shown]
    ) -> Decision:
        talk, goal = self._chat.decision(context), goal_line(context)
        system = prompt("arm_describe")
        pictures = [Picture(sized(one.rollout.frames[-1])) for one in described]
        questions = [Question("describe", system, (goal, picture)) for picture in pictures]
        descriptions = talk.ask_each(questions, description_schema(), read_description)
        judged: list[Shown] = []
        lines = [goal]
        for one, words in zip(described, descriptions):
            if not isinstance(words, WiwError):
                judged.append(one)
                lines.append(f"Plan {len(judged)}: {quoted(one.candidate.plan.text)}")
                lines.append(f"  scene: {quoted(words[0])}\n  end state: {quoted(words[1])}")
        if not judged:
            raise WiwError(
                ErrorCode.NO_VALID_SCORE,
                "None of the imagined pictures could be described.",
                "See the decision's transcript.",
            )
        question = Question("evaluate", prompt("arm_evaluate"), ("\n".join(lines),))
        verdict = talk.ask(question, verdict_schema(len(judged)), read_verdict)
        if verdict > 0:
            return adopted(context, candidates, judged, judged[verdict - 1].index)
        reason = "the evaluator found none good, so the first plan is taken"
        return adopted(context, candidates, judged, 0, reason)


def _strip(rollout: Rollout) -> Rgb:
    """Return the key frames side by side: how the table looks after each action."""
    cells = zip(rollout.frames, rollout.frame_indices)
    return strip([(frame, f"after action {k}") for frame, k in cells])
