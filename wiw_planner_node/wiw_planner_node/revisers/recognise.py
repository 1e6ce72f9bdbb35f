"""Naming the object in the box, and choosing the plan that shows it best (active recognition)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Projection, View
from wiw_core.plans import camera_path
from wiw_core.rollouts import Rollout
from wiw_core.tasks import ar
from wiw_planner_node.perception.crops import look
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.perception.target import (
    Sighting,
    TrackedTarget,
    follow,
    follow_all,
    locate,
    shown,
    sighting,
)
from wiw_planner_node.revisers.select import check_score_by, select, value_score

IMAGINED_TEMPERATURE = 1.85
"""See :class:`RecogniseReviser`."""


class RecogniseReviser:
    """Answers once it recognises the boxed object; until then moves to where it shows best.

    The recogniser names the object in every real view and, as in the paper, in every imagined view
    in which the tracker finds it; the most confident label of all is the answer, given at
    ``stop_confidence`` or with the last decision of the budget. Plans are scored by how much of the
    view shows the object in their last imagined frame: what the robot lacks is a better look, and
    the recogniser is sure of too little before it has one.

    Where the task shows the box in the first observation only, the tracker follows the object from
    there.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` looks at the imagined frames; ``value`` takes the world model's own value
        (the oracle's is the true share of pixels that show the object). Imagined views are evidence
        for the answer either way.
    stop_confidence : float
        Probability at which to answer.
    trust_imagination : bool
        Let imagined views change the answer too, as the paper's policy does. Off: only real ones.
    imagined_temperature : float
        Divides the log-probabilities of imagined views, of every model alike: they are coarser than
        real ones and their box is the tracker's. The default is the most likely one for 508 true
        renders of the train split's starts.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` is neither, ``stop_confidence`` is not in (0, 1], or
        ``imagined_temperature`` is below 1 or not finite.
    """

    frames: FramesWanted = "all"

    def __init__(
        self,
        score_by: str = "perception",
        stop_confidence: float = ar.STOP_CONFIDENCE,
        trust_imagination: bool = True,
        imagined_temperature: float = IMAGINED_TEMPERATURE,
    ) -> None:
        self.score_by = check_score_by(score_by)
        if not 0.0 < stop_confidence <= 1.0:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"stop_confidence is {stop_confidence}; it must be above 0 and at most 1.",
            )
        if not 1.0 <= imagined_temperature < math.inf:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"imagined_temperature is {imagined_temperature}; it is finite and at least 1.",
            )
        self.stop_confidence = stop_confidence
        self.imagined_temperature = imagined_temperature
        self.trust_imagination = trust_imagination
        self._recogniser = Recogniser.shipped()
        self._labels: tuple[str, ...] = ()
        self._answer, self._confidence = "", 0.0
        self.sighted: Sighting | None = None
        """The object in the real view last looked at; None if it was not found there."""
        self._seen: tuple[Sighting, Pose2] | None = None
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
        self.sighted = self._seen = self._target = None

    def glance(self, context: DecisionContext) -> Decision | None:
        """Recognise the object in the real view; answer if that is enough.

        Raises
        ------
        WiwError
            ``NO_EPISODE`` before :meth:`reset`; ``BAD_IMAGE`` for a box outside its view;
            ``DEPTH_REQUIRED``, ``PANORAMA_REQUIRED`` if the object has no box and cannot be
            followed.
        """
        if not self._labels:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        seen = self.sighted = self._sighting(context)
        if seen is not None:
            self._believe(self._probabilities([seen]))
        if self._sure or (_is_last(context) and not self.trust_imagination):
            return self._answered(())
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Look at the imagined views; answer if that is enough, else act on the best plan.

        Without rollouts the best plan is the first.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``DEPTH_REQUIRED`` if the object cannot be
            followed; ``PANORAMA_REQUIRED`` if the frames are no panoramas.
        """

        def score(candidate: Candidate, rollout: Rollout) -> float:
            if self.score_by == "value" and not self.trust_imagination:
                return value_score(candidate, rollout)
            shown_sr = self._shown_at_the_end(context, candidate, rollout)
            return value_score(candidate, rollout) if self.score_by == "value" else shown_sr

        decision = select(context, candidates, score)
        if self._sure or _is_last(context):
            return self._answered(decision.candidates)
        return replace(decision, answer=self._answer, confidence=self._confidence)

    @property
    def _sure(self) -> bool:
        return self._confidence >= self.stop_confidence

    def _answered(self, candidates: tuple[Candidate, ...]) -> Decision:
        return Decision(
            DecisionKind.ANSWER,
            answer=self._answer,
            confidence=self._confidence,
            candidates=candidates,
        )

    def _sighting(self, context: DecisionContext) -> Sighting | None:
        """Return the object in the real views, and remember it."""
        now = context.now
        seen = sighting(now)
        if seen is not None:
            self._seen, self._target = (seen, now.base_pose), None
        elif ar.TARGET_BOX in context.episode.privileges:
            return None  # the box would be there
        else:
            target = self._tracked()
            seen = follow_all(target, now) if target is not None else None
            if seen is not None and target is not None:
                self._target = target.refined(locate(seen, now.base_pose))
        return seen

    def _tracked(self) -> TrackedTarget | None:
        """Return the object's place; None if it was never seen."""
        if self._target is None and self._seen is not None:
            self._target = locate(*self._seen)
        return self._target

    def _shown_at_the_end(
        self, context: DecisionContext, candidate: Candidate, rollout: Rollout
    ) -> float:
        """Return the solid angle of the object at the plan's end; believe what is seen before."""
        if rollout.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Following the target all round needs a world model that imagines panoramas.",
                "Use another model, or score_by=value with trust_imagination=false.",
            )
        target = self._tracked()
        if target is None:  # never seen: no plan shows it better than another
            return 0.0
        path = camera_path(candidate.plan)
        found: list[Sighting] = []
        at_the_end = 0.0
        for frame, index in zip(rollout.frames, rollout.frame_indices):
            view = View("imagined", frame, Projection.EQUIRECTANGULAR)
            gaze = follow(target, view, context.now.base_pose * path[index])
            at_the_end = shown(target, view, gaze) if gaze is not None else 0.0
            if gaze is not None:
                found.append(Sighting(view, gaze))
        if found and self.trust_imagination:
            p = self._probabilities(found) ** (1.0 / self.imagined_temperature)
            self._believe(p / p.sum(axis=1, keepdims=True))
        return at_the_end

    def _probabilities(self, seen: Sequence[Sighting]) -> npt.NDArray[np.float64]:
        """Return (N, labels)."""
        crops = np.stack([look(s.view, s.gaze) for s in seen])
        pixels = np.array([s.pixels for s in seen])
        return np.asarray(self._recogniser.probabilities(crops, pixels, self._labels))

    def _believe(self, probabilities: npt.NDArray[np.float64]) -> None:
        """Keep the most confident label of all views."""
        view, best = np.unravel_index(int(np.argmax(probabilities)), probabilities.shape)
        if float(probabilities[view, best]) > self._confidence:
            self._answer = self._labels[int(best)]
            self._confidence = float(probabilities[view, best])


def _is_last(context: DecisionContext) -> bool:
    return context.index >= context.episode.budget - 1
