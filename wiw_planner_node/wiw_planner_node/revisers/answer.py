"""Answering an open question: look, remember, go where the evidence may be, answer when sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Projection
from wiw_core.rollouts import Rollout
from wiw_core.tasks.aeqa import PRIMITIVES
from wiw_planner_node.perception.questions.answers import Finding, find_answer, guess
from wiw_planner_node.perception.questions.question import Question, understand
from wiw_planner_node.perception.questions.sight import Eyes
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.wanted import Wanted, wanted
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.revisers.select import check_score_by, select, value_score

GUESS_CONFIDENCE = 0.05
"""Confidence of an answer that rests on nothing."""
TRUST = 0.3
"""By how much another plan's evidence must exceed that of the proposer's first plan. The proposer
knows the map, which the pictures do not show. On 195 decisions of 30 train episodes 0.2 to 0.4 do
alike."""


class AnswerReviser:
    """The high level of a two-level policy for active embodied question answering.

    After every real observation it remembers what is detected and tries to answer from that. An
    answer that rests on everything it needs, twice in a row, is final (arXiv 2510.18135, appendix
    B.3). With the last decision, the last primitive, or when nothing is left to explore, the best
    answer so far is final, or a guess. Until then plans are scored by how much their last imagined
    panorama shows of what the question needs and has not been seen yet. Imagination never answers:
    it only says where to go and check.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` looks at the imagined frames; ``value`` takes the world model's own value
        (the oracle's is minus the true distance to where the evidence shows well).
    primitives : int
        Primitive actions per episode, of which one is kept back to answer.
    detect : {"granted", "own"}
        Take the detections that the protocol grants, or find things in the panorama itself.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` or ``detect`` is none of these, or ``primitives`` is below
        1.
    """

    frames: FramesWanted = "last"

    def __init__(
        self,
        score_by: str = "perception",
        primitives: int = PRIMITIVES,
        detect: str = "granted",
    ) -> None:
        self.score_by = check_score_by(score_by)
        if primitives < 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"primitives is {primitives}; it must be at least 1."
            )
        self.primitives = primitives
        self._seen = Surroundings(Recogniser.shipped(), detect)
        self._eyes = Eyes.shipped()
        self._question: Question | None = None
        self._finding = Finding()
        self._before = ""

    def reset(self, episode: Episode) -> None:
        """Forget the episode before and read the question."""
        self._seen.forget()
        self._question = understand(episode.goal_text)
        self._finding, self._before = Finding(), ""

    def glance(self, context: DecisionContext) -> Decision | None:
        """Look, remember, and answer if the same answer was found twice or time is over.

        Raises
        ------
        WiwError
            ``NO_EPISODE`` before :meth:`reset`; ``PANORAMA_REQUIRED`` or ``DEPTH_REQUIRED`` without
            a panorama with depth.
        """
        if self._question is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        self._seen.update(context)
        self._finding = find_answer(self._question, self._seen)
        before, self._before = self._before, self._finding.answer if self._finding.sure else ""
        if self._finding.sure and self._finding.answer == before:
            return self._final()
        last = context.index >= context.episode.budget - 1
        spent = self._left(context) < 1
        return self._final() if last or spent or self._exhausted() else None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan that shows most of what is needed; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``PANORAMA_REQUIRED`` if the frames are no
            panoramas; ``NO_EPISODE`` before :meth:`reset`.
        """
        if self._question is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        need = wanted(self._question, self._seen)

        def score(candidate: Candidate, rollout: Rollout) -> float:
            if self.score_by == "value":
                return value_score(candidate, rollout)
            return self._evidence(need, rollout)

        finding = self._finding
        decision = select(context, candidates, score, finding.answer, finding.confidence)
        return replace(
            decision, prefix_length=min(decision.prefix_length, max(1, self._left(context)))
        )

    def _evidence(self, need: Wanted, rollout: Rollout) -> float:
        if rollout.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Looking for evidence all round needs a world model that imagines panoramas.",
                "Use another model, or score_by=value.",
            )
        first = TRUST if rollout.plan_index == 0 else 0.0
        return first + need.score(self._eyes.see(rollout.frames[-1]))

    def _left(self, context: DecisionContext) -> int:
        """Return how many primitives may be executed so that one is kept back."""
        return self.primitives - context.now.step - 1

    def _exhausted(self) -> bool:
        return not self._seen.frontiers and not self._finding.landmarks and not self._finding.sure

    def _final(self) -> Decision:
        assert self._question is not None
        answer, confidence = self._finding.answer, self._finding.confidence
        if not answer:
            answer, confidence = guess(self._question, self._seen), GUESS_CONFIDENCE
        return Decision(DecisionKind.ANSWER, answer=answer, confidence=confidence)
