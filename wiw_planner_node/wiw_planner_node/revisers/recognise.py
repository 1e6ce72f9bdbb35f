"""Naming the object in the box, and choosing the plan that shows it best (active recognition)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode
from wiw_core.plans import camera_path, prolonged
from wiw_core.rollouts import Rollout
from wiw_core.tasks import ar
from wiw_planner_node.perception.crops import look
from wiw_planner_node.perception.following import Follower
from wiw_planner_node.perception.frontal import FOV_DEG, check_fov, imagined_view
from wiw_planner_node.perception.obstacles import ObstacleMap, obstacle_map
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.perception.target import Sighting, follow_within, shown
from wiw_planner_node.revisers.select import check_score_by, select, values_of

IMAGINED_TEMPERATURE = 1.85
DISCOUNT = 0.9
"""See :class:`RecogniseReviser`."""
ROBOT_RADIUS_M = 0.2
"""How near to what it sees the robot can come, in metres."""


class RecogniseReviser:
    """Answers once it recognises the boxed object; until then moves to where it shows best.

    The recogniser names the object in every real view and, as in the paper, in every imagined view
    in which the tracker finds it; the most confident label of all is the answer, given at
    ``stop_confidence`` or with the last decision of the budget. Plans are scored by the imagined
    view that shows most of the object, worth less the later it comes: what the robot lacks is a
    better look, and the recogniser is sure of too little before it has one. Imagination goes on
    with forwards past the plan's end (``PlanLimits.imagined``); what comes after something seen
    now blocks the way is not looked at.

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
    discount : float
        What an imagined view is worth less for each action on the way to it.
    fov_deg : float
        Horizontal field of view of imagined frames that are no panoramas: the world model's
        ``fov_deg``. In such a frame an object that is not wholly in sight does not show.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` is neither, ``stop_confidence`` or ``discount`` is not in
        (0, 1], ``imagined_temperature`` is below 1 or not finite, or ``fov_deg`` is not above 0
        and below 180.
    """

    frames: FramesWanted = "all"

    def __init__(
        self,
        score_by: str = "perception",
        stop_confidence: float = ar.STOP_CONFIDENCE,
        trust_imagination: bool = True,
        imagined_temperature: float = IMAGINED_TEMPERATURE,
        discount: float = DISCOUNT,
        fov_deg: float = FOV_DEG,
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
        if not 0.0 < discount <= 1.0:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"discount is {discount}; it must be above 0 and at most 1.",
            )
        self.fov_rad = check_fov(fov_deg)
        self.discount = discount
        self.stop_confidence = stop_confidence
        self.imagined_temperature = imagined_temperature
        self.trust_imagination = trust_imagination
        self._recogniser = Recogniser.shipped()
        self._labels: tuple[str, ...] = ()
        self._answer, self._confidence = "", 0.0
        self._follower = Follower()

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
        self._follower = Follower()

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
        seen = self._follower.update(context)
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
            followed.
        """

        obstacles = cache(lambda: obstacle_map(context.now))

        def score(candidate: Candidate, rollout: Rollout) -> float:
            value = math.nan
            if self.score_by == "value":
                value = self._best(values_of(rollout), rollout)
            if self.score_by == "perception" or self.trust_imagination:
                shown_sr = self._shown(context, candidate, rollout, obstacles)
                value = shown_sr if self.score_by == "perception" else value
            return value

        decision = select(context, candidates, score)
        if self._sure or _is_last(context):
            return self._answered(decision.candidates)
        return replace(decision, answer=self._answer, confidence=self._confidence)

    @property
    def sighted(self) -> Sighting | None:
        """The object in the real view last looked at; None if it was not found there."""
        return self._follower.sighted

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

    def _best(self, values: npt.ArrayLike, rollout: Rollout) -> float:
        """Return the best value of a frame, worth less the more actions it takes to get there."""
        actions = np.array(rollout.frame_indices)
        return float(np.max(np.asarray(values) * self.discount**actions))

    def _shown(
        self,
        context: DecisionContext,
        candidate: Candidate,
        rollout: Rollout,
        obstacles: Callable[[], ObstacleMap],
    ) -> float:
        """Return the best solid angle of the object; believe what the imagined views show."""
        target = self._follower.target()
        if target is None:  # never seen: no plan shows it better than another
            return 0.0
        path = camera_path(prolonged(candidate.plan, max(rollout.frame_indices)))
        reach = self._reach(obstacles(), path)
        found: list[Sighting] = []
        shown_sr: list[float] = []
        for frame, index in zip(rollout.frames, rollout.frame_indices):
            if index > reach:
                shown_sr.append(0.0)
                continue
            view = imagined_view(frame, rollout.projection, self.fov_rad)
            gaze = follow_within(target, view, context.now.base_pose * path[index])
            shown_sr.append(shown(target, view, gaze) if gaze is not None else 0.0)
            if gaze is not None:
                found.append(Sighting(view, gaze))
        if found and self.trust_imagination:
            p = self._probabilities(found) ** (1.0 / self.imagined_temperature)
            self._believe(p / p.sum(axis=1, keepdims=True))
        return self._best(shown_sr, rollout)

    @staticmethod
    def _reach(obstacles: ObstacleMap, path: Sequence[Pose2]) -> int:
        """Return how many actions a path can be followed before something seen is in its way.

        What a model shows from then on is not where the path says, since the robot stops.
        """
        for actions, (here, there) in enumerate(pairwise(path)):
            if obstacles.blocks(here, here.inverse() * there, ROBOT_RADIUS_M):
                return actions
        return len(path) - 1

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
