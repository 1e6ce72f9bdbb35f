"""Naming the object in the box, and choosing the plan that shows it best (active recognition)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Projection, View
from wiw_core.plans import camera_path
from wiw_core.rollouts import Rollout
from wiw_core.tasks import ar
from wiw_planner_node.perception.crops import Gaze, look, pixels_across
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.perception.target import TrackedTarget, locate, sighting
from wiw_planner_node.revisers.select import check_score_by, select, value_score


class RecogniseReviser:
    """Answers once it recognises the boxed object; until then moves to where it shows best.

    In every real view the recogniser names the object; the most confident label so far is the
    answer, given at ``stop_confidence`` or with the last decision of the budget. Otherwise plans
    are scored by the confidence that the recogniser has in the object as their last imagined frame
    shows it.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` looks at the imagined frames; ``value`` takes the world model's own value
        (the oracle's is the true share of pixels that show the object).
    stop_confidence : float
        Probability at which to answer.
    trust_imagination : bool
        Let imagined views change the answer too, as the paper's policy may. Off: what a model
        imagines of an object unseen is its own invention.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` is neither, or ``stop_confidence`` is not in (0, 1].
    """

    frames: FramesWanted = "last"

    def __init__(
        self,
        score_by: str = "perception",
        stop_confidence: float = ar.STOP_CONFIDENCE,
        trust_imagination: bool = False,
    ) -> None:
        self.score_by = check_score_by(score_by)
        if not 0.0 < stop_confidence <= 1.0:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"stop_confidence is {stop_confidence}; it must be above 0 and at most 1.",
            )
        self.stop_confidence = stop_confidence
        self.trust_imagination = trust_imagination
        self._recogniser = Recogniser.shipped()
        self._labels: tuple[str, ...] = ()
        self._answer, self._confidence = "", 0.0
        self._target: TrackedTarget | None = None

    def reset(self, episode: Episode) -> None:
        """Forget the object before; until one is seen any label is as good as another.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if the recogniser does not know the episode's labels.
        """
        self._recogniser.check_labels(episode.labels)
        self._labels = episode.labels
        self._answer, self._confidence = episode.labels[0], 1.0 / len(episode.labels)
        self._target = None

    def glance(self, context: DecisionContext) -> Decision | None:
        """Recognise the object in the real view; answer if sure, or if this is the last decision.

        Raises
        ------
        WiwError
            ``NO_EPISODE`` before :meth:`reset`; ``BAD_IMAGE`` for a box outside its view.
        """
        if not self._labels:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        seen = sighting(context.now)
        if seen is not None:
            self._believe(self._probabilities(seen.view, seen.gaze))
        last = context.index >= context.episode.budget - 1
        if not last and self._confidence < self.stop_confidence:
            return None
        return Decision(DecisionKind.ANSWER, answer=self._answer, confidence=self._confidence)

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan whose end shows the object best; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``DEPTH_REQUIRED`` if the object cannot be
            followed; ``PANORAMA_REQUIRED`` if the frames are no panoramas.
        """
        seen = sighting(context.now)
        imagined = any(candidate.rollout is not None for candidate in candidates)
        if seen is not None and imagined and self.score_by == "perception":
            self._target = locate(seen, context.now.base_pose)

        def score(candidate: Candidate, rollout: Rollout) -> float:
            if self.score_by == "value":
                return value_score(candidate, rollout)
            return self._expected_confidence(context, candidate, rollout)

        decision = select(context, candidates, score)
        return replace(decision, answer=self._answer, confidence=self._confidence)

    def _expected_confidence(
        self, context: DecisionContext, candidate: Candidate, rollout: Rollout
    ) -> float:
        if rollout.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Following the target all round needs a world model that imagines panoramas.",
                "Use another model, or score_by=value.",
            )
        if self._target is None:  # never seen: no plan shows it better than another
            return 0.0
        motion = camera_path(candidate.plan)[rollout.frame_indices[-1]]
        frame = View("imagined", rollout.frames[-1], Projection.EQUIRECTANGULAR)
        p = self._probabilities(frame, self._target.gaze(context.now.base_pose * motion))
        if self.trust_imagination:
            self._believe(p)
        return float(p.max())

    def _probabilities(self, view: View, gaze: Gaze) -> npt.NDArray[np.float64]:
        crops, pixels = look(view, gaze)[None], np.array([pixels_across(view, gaze)])
        return np.asarray(self._recogniser.probabilities(crops, pixels, self._labels)[0])

    def _believe(self, probabilities: npt.NDArray[np.float64]) -> None:
        """Keep the most confident label of all views."""
        best = int(np.argmax(probabilities))
        if float(probabilities[best]) > self._confidence:
            self._answer, self._confidence = self._labels[best], float(probabilities[best])
