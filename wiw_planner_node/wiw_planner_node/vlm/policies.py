"""The registered policies: which role serves a task, and what happens when a model fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from wiw_core.contracts import DecisionContext, FramesWanted, Proposer, Reviser
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode
from wiw_core.plans import Plan
from wiw_core.registry import PROPOSERS as PROPOSER_KIND
from wiw_core.registry import TASKS, Registry
from wiw_planner_node.vlm.chat import Chat, ChatOptions

_VLM = "wiw_planner_node.vlm"
PROPOSERS: dict[str, str] = {
    "active recognition": f"{_VLM}.navigation:RecognitionProposer",
    "image-goal navigation": f"{_VLM}.navigation:GoalProposer",
    "manipulation": f"{_VLM}.arm.propose:ArmVlmProposer",
    "active embodied question answering": f"{_VLM}.questions.propose:QuestionsVlmProposer",
}
"""By the task's family: module and class of who proposes; ``(chat)`` makes one."""
REVISERS: dict[str, str] = {
    "active recognition": f"{_VLM}.recognition:RecognitionReviser",
    "image-goal navigation": f"{_VLM}.goal:GoalReviser",
    "manipulation": f"{_VLM}.arm.revise:ArmVlmReviser",
    "active embodied question answering": f"{_VLM}.questions.revise:QuestionsVlmReviser",
}
"""The same of who revises; ``(chat)`` or ``(chat, mode)`` makes one."""
D = TypeVar("D")
SERVES = ("ar", "ignav", "aeqa", "push_buttons")
"""A task of each family."""
ON_FAILURE = ("abort", "first_plan")
_FAILURES = (ErrorCode.VLM_UNAVAILABLE, ErrorCode.UNPARSABLE, ErrorCode.DEADLINE_EXCEEDED)


class VlmProposer:
    """Asks a vision-language model for plans, in the way of the task's family.

    M plans are M samples of one question (arXiv 2510.18135, appendix B); equal ones are dropped.

    Parameters
    ----------
    on_failure : {"abort", "first_plan"}
        ``abort``: a model that cannot be asked, or is not understood, ends the decision with that
        code. ``first_plan``: the first plan of the task's own proposer is taken, and the decision
        is marked as degraded.
    **options
        See :class:`wiw_planner_node.vlm.options.ChatOptions`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``; ``VLM_UNAVAILABLE`` if no endpoint is named.
    """

    serves: ClassVar[tuple[str, ...]] = SERVES

    def __init__(self, on_failure: str = "abort", **options: Any) -> None:
        self._on_failure = _checked(on_failure)
        self._chat = Chat(ChatOptions.of(options))
        self._roles: dict[str, Proposer] = {}

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return 1 to ``count`` distinct plans; the first does not depend on ``count``.

        Raises
        ------
        WiwError
            ``VLM_UNAVAILABLE``, ``UNPARSABLE``, ``DEADLINE_EXCEEDED`` unless told to degrade;
            ``CANCELLED``; ``BAD_PARAMETER`` for a task of a family that is not served.
        """
        task = context.episode.task
        if task not in self._roles:
            self._roles[task] = _role(PROPOSERS, task)(self._chat)
        try:
            return self._roles[task].propose(context, count)
        except WiwError as error:
            if self._on_failure == "abort" or error.code not in _FAILURES:
                raise
        context.notes.degraded = True
        own: Proposer = Registry(PROPOSER_KIND).create(Registry(TASKS).create(task).proposer)
        return own.propose(context, 1)


class VlmReviser:
    """Shows a vision-language model what plans lead to, and lets it decide as the task wants.

    Parameters
    ----------
    mode : str
        How it decides, one of its family's; empty: that family's default.
    on_failure : {"abort", "first_plan"}
        ``abort``: a model that cannot be asked, or is not understood, ends the decision with that
        code. ``first_plan``: the first plan is taken, and the decision is marked as degraded.
    **options
        See :class:`wiw_planner_node.vlm.options.ChatOptions`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``; ``VLM_UNAVAILABLE`` if no endpoint is named.
    """

    serves: ClassVar[tuple[str, ...]] = SERVES

    def __init__(self, mode: str = "", on_failure: str = "abort", **options: Any) -> None:
        self._mode = mode
        self._on_failure = _checked(on_failure)
        self._chat = Chat(ChatOptions.of(options))
        self._role: Reviser | None = None

    @property
    def frames(self) -> FramesWanted:
        """Which imagined frames it looks at: before :meth:`reset` all, then as its role wants."""
        return "all" if self._role is None else self._role.frames

    def reset(self, episode: Episode) -> None:
        """Take the role that the task wants.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` for a family that is not served, or a mode that it does not have.
        """
        role = _role(REVISERS, episode.task)
        self._role = role(self._chat, self._mode) if self._mode else role(self._chat)
        self._role.reset(episode)

    def glance(self, context: DecisionContext) -> Decision | None:
        """Decide by what is really seen, if that is enough; raises as :meth:`revise`."""
        return self._or_else(context, lambda role: role.glance(context), lambda: None)

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Decide; without rollouts the first plan is taken.

        Raises
        ------
        WiwError
            ``VLM_UNAVAILABLE``, ``UNPARSABLE``, ``DEADLINE_EXCEEDED`` unless told to degrade;
            ``CANCELLED``; ``NO_EPISODE`` before :meth:`reset`; ``NO_VALID_SCORE`` if there are
            rollouts and none can be looked at.
        """
        return self._or_else(
            context,
            lambda role: role.revise(context, candidates),
            lambda: self._first_plan(context, candidates),
        )

    def _first_plan(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Return the first plan, with the answer that the role believes in so far, if any."""
        decision = first_plan(context, candidates)
        belief = getattr(self._role, "belief", None)
        if belief is None:
            return decision
        return replace(decision, answer=belief[0], confidence=belief[1])

    def _or_else(
        self,
        context: DecisionContext,
        decide: Callable[[Reviser], D],
        otherwise: Callable[[], D],
    ) -> D:
        if self._role is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        try:
            return decide(self._role)
        except WiwError as error:
            if self._on_failure == "abort" or error.code not in _FAILURES:
                raise
        context.notes.degraded = True
        return otherwise()


def first_plan(context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
    """Return the decision to act on the first plan; an answer given before stays.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` without candidates.
    """
    if not candidates:
        raise WiwError(ErrorCode.PROPOSAL_INVALID, "There is no candidate to choose from.")
    plan, before = candidates[0].plan, context.previous
    return Decision(
        DecisionKind.ACT,
        plan,
        min(context.limits.execute, len(plan)),
        chosen=0,
        answer=before.answer if before is not None else "",
        confidence=before.confidence if before is not None else float("nan"),
        candidates=tuple(candidates),
    )


def _checked(on_failure: str) -> str:
    if on_failure not in ON_FAILURE:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "on_failure", str(on_failure), ON_FAILURE)
    return on_failure


def _role(table: Mapping[str, str], task: str) -> Callable[..., Any]:
    """Return the class that serves the task's family; imported here, when it is wanted."""
    family = Registry(TASKS).create(task).family
    if family not in table:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "VLM policy for the family", family, table)
    module, _, name = table[family].partition(":")
    role: Callable[..., Any] = getattr(import_module(module), name)
    return role
