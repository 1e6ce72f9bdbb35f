"""The language model as recogniser, and as chooser of the next look (arXiv 2510.18135, B.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode, Rgb
from wiw_core.plans import NAVIGATION, Plan, navigation_plan
from wiw_core.tasks import ar
from wiw_planner_node.vlm.chat import Chat, Picture, Question, Talk
from wiw_planner_node.vlm.letters import LETTERS, lettered
from wiw_planner_node.vlm.navigation import Parts, rules, seen_now, words
from wiw_planner_node.vlm.pictures import strip
from wiw_planner_node.vlm.policies import first_plan
from wiw_planner_node.vlm.prompts import prompt, quoted
from wiw_planner_node.vlm.showing import Shown, shown
from wiw_planner_node.vlm.target import Target


class RecognitionReviser:
    """Names the object in the red rectangle, and moves to see it better until it is sure.

    Two multiple-choice questions per decision, both answered by the probabilities of the first
    token: which label (with imagined looks at the object as further evidence, where there are any),
    then, unless that is sure enough, which action next, of which the likeliest is carried out. The
    most confident label of all decisions is the answer; it is given at the protocol's 0.95, or with
    the last decision of the budget. A candidate's score is the probability of its first action.

    Parameters
    ----------
    chat : Chat
    mode : {"answer"}

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another mode.
    """

    frames: FramesWanted = "all"
    modes: ClassVar[tuple[str, ...]] = ("answer",)

    def __init__(self, chat: Chat, mode: str = "answer") -> None:
        if mode not in self.modes:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "mode", mode, self.modes)
        self._chat = chat
        self._target = Target()
        self._labels: tuple[str, ...] = ()
        self._answer, self._confidence = "", 0.0

    def reset(self, episode: Episode) -> None:
        """Forget the object before; until one is seen any label is as good as another.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` for an episode without labels, or with more than there are letters.
        """
        if not episode.labels:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"Episode '{episode.id}' has no labels to choose from."
            )
        lettered(episode.labels)
        self._target, self._labels = Target(), episode.labels
        self._answer, self._confidence = episode.labels[0], 1.0 / len(episode.labels)

    def glance(self, context: DecisionContext) -> Decision | None:
        """Look for the object, which is not asked about before plans are imagined; return None.

        Raises
        ------
        WiwError
            ``NO_EPISODE`` before :meth:`reset`; ``BAD_IMAGE`` for a box outside its view;
            ``DEPTH_REQUIRED``, ``PANORAMA_REQUIRED`` if the object has no box and cannot be
            followed.
        """
        if not self._labels:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        self._target.update(context)
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Answer if it is sure, or out of decisions; else act, without rollouts on the first plan.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` without candidates; ``NO_VALID_SCORE`` if there are rollouts and
            none has frames; ``DEPTH_REQUIRED`` if the object cannot be followed into imagined
            frames; ``UNPARSABLE`` if replies stay unusable; else what the chat raises.
        """
        looked_at = shown(candidates)
        talk = self._chat.decision(context)
        self._recognise(context, looked_at, talk)
        last = context.index >= context.episode.budget - 1
        if last or self._confidence >= ar.STOP_CONFIDENCE:
            return Decision(
                DecisionKind.ANSWER,
                answer=self._answer,
                confidence=self._confidence,
                candidates=tuple(candidates),
            )
        if looked_at:
            decision = self._next(context, candidates, looked_at, talk)
        else:
            decision = first_plan(context, candidates)
        return replace(decision, answer=self._answer, confidence=self._confidence)

    @property
    def belief(self) -> tuple[str, float]:
        """The best answer so far, and its probability."""
        return self._answer, self._confidence

    def _recognise(self, context: DecisionContext, looked_at: Sequence[Shown], talk: Talk) -> None:
        """Ask which label; keep it if it is the most confident one so far."""
        looks = [
            Picture(strip([(look, "simulated") for look in found]), "Simulated looks:")
            for one in looked_at
            if (found := self._target.looks(context.now, one.candidate.plan, one.rollout))
        ]
        if not (self._target.visible or looks):
            return  # nothing of the object is to be seen
        imagined = "\n" + prompt("recognition_imagined") if looks else ""
        choices = lettered([quoted(label) for label in self._labels])
        system = prompt("recognition_answer", imagined=imagined, choices=choices)
        parts: Parts = (*seen_now(context.now), *self._target.parts(context.now), *looks)
        likely = talk.choose(Question("recognise", system, parts), LETTERS[: len(self._labels)])
        best = int(np.argmax(likely))
        if likely[best] > self._confidence:
            self._answer, self._confidence = self._labels[best], likely[best]

    def _next(
        self,
        context: DecisionContext,
        candidates: Sequence[Candidate],
        looked_at: Sequence[Shown],
        talk: Talk,
    ) -> Decision:
        """Ask which action is next; the likeliest one is carried out, whatever the plans were."""
        names = tuple(NAVIGATION)
        system = prompt(
            "recognition_next",
            rules=rules(context),
            count=len(looked_at),
            choices=lettered(names),
        )
        told = [
            Picture(self._strip(context, one), f"Plan {number}: {words(one.candidate.plan)}")
            for number, one in enumerate(looked_at, start=1)
        ]
        likely = dict(
            zip(names, talk.choose(Question("revise", system, tuple(told)), LETTERS[: len(names)]))
        )
        best = max(names, key=lambda name: likely[name])
        plan: Plan = navigation_plan([best])
        scored = list(candidates)
        for one in looked_at:
            score = likely[one.candidate.plan.names[0]]
            scored[one.index] = replace(one.candidate, score=score)
        return Decision(DecisionKind.ACT, plan, 1, chosen=-1, candidates=tuple(scored))

    def _strip(self, context: DecisionContext, one: Shown) -> Rgb:
        cells = self._target.cells(context.now, one.candidate.plan, one.rollout)
        return strip([self._target.ahead(context.now), *cells])
