"""Choosing the plan that ends where the goal photo was taken (image-goal navigation)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode, Projection, Rgb, View
from wiw_core.rollouts import Rollout, main_view
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_planner_node.perception.goal_distance.distance import GoalDistance
from wiw_planner_node.perception.place import (
    Signature,
    goal_signature,
    nearest_heading,
    place_distance,
)
from wiw_planner_node.revisers.select import check_score_by, select, value_score

DISTANCES = ("classical", "learned", "both")
STOP_DISTANCE, NEAR_DISTANCE = 0.053, 0.099
"""See :class:`PlaceReviser`."""
_BOTH_SOFT_M, _BOTH_CLASSICAL = 0.5, 8.0


class PlaceReviser:
    """Score-and-select by how alike each plan's imagined end is to the goal's place.

    Compares places, not pictures: a distance between the robot's front view and the goal photo is
    flat until the goal is in view, and best served by standing still and staring.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` compares the last imagined panorama with the goal view over all headings;
        ``value`` takes the world model's own value (the oracle's is minus the true distance).
    distance : {"classical", "learned", "both"}
        ``classical`` is :func:`place_distance`, ``learned`` the metres of :class:`GoalDistance`;
        ``both`` is the logarithm of the metres, log(1 + d / 0.5 m), plus 8 times the classical one.
    weights : str
        Those of the learned distance, see :class:`GoalDistance`; empty for the shipped ones.
    stop_distance, near_distance : float
        Without the oracle stop: how unlike the goal photo the most alike heading of the real
        panorama may be to stop at once, and to stop at the second such look running. The defaults
        are calibrated on the train split (866 places around 32 goals): the first holds at 40 % of
        the places within 0.5 m of the goal, at 8 % of those between 0.5 m and 1 m and at none
        beyond; the second at 75 %, 38 % and 5 %.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` or ``distance`` is none of these, or a stopping distance
        is out of order or of 0 to 1; as :class:`GoalDistance` if it is asked for.
    """

    frames: FramesWanted = "last"

    def __init__(
        self,
        score_by: str = "perception",
        stop_distance: float = STOP_DISTANCE,
        near_distance: float = NEAR_DISTANCE,
        distance: str = "classical",
        weights: str = "",
    ) -> None:
        self.score_by = check_score_by(score_by)
        if distance not in DISTANCES:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "distance", distance, DISTANCES)
        if not 0.0 <= stop_distance <= near_distance <= 1.0:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"stop_distance is {stop_distance} and near_distance {near_distance};"
                " they must be in order and from 0 to 1.",
            )
        self.stop_distance, self.near_distance = stop_distance, near_distance
        self.distance = distance
        learned = self.score_by == "perception" and distance != "classical"
        self._learned = GoalDistance(weights) if learned else None
        self._goal: tuple[Signature, float] | None = None
        self._far: Callable[[Rgb], float] | None = None
        self._was_near = False

    def reset(self, episode: Episode) -> None:
        """Look at the goal once.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if the episode has no usable goal view, and scoring or stopping needs one.
        """
        self._goal, self._far, self._was_near = None, None, False
        if self.score_by == "value" and ORACLE_STOP in episode.privileges:
            return
        if episode.goal_view is None:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"Episode '{episode.id}' has no goal view to compare places with.",
                "Use score_by=value, or a task with an image goal.",
            )
        self._goal = goal_signature(episode.goal_view)
        self._far = self._distance_to(episode.goal_view)

    def glance(self, context: DecisionContext) -> Decision | None:
        """Stop where the goal photo was taken, unless the environment does that.

        Raises
        ------
        WiwError
            ``NO_EPISODE`` before :meth:`reset`; ``PANORAMA_REQUIRED`` without a panorama to stop
            by.
        """
        if ORACLE_STOP in context.episode.privileges:
            return None
        here = main_view(context.now)
        if here.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Stopping by the goal photo needs a panorama of where the robot is.",
                "Give the robot one, or use a task with an oracle stop.",
            )
        signature, fov_rad = self._known_goal()
        distance = nearest_heading(signature, here.rgb, fov_rad)
        near, self._was_near = self._was_near, distance <= self.near_distance
        if distance <= self.stop_distance or (near and self._was_near):
            return Decision(DecisionKind.STOP)
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan whose end is nearest to the goal; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``PANORAMA_REQUIRED`` if the frames are no
            panoramas.
        """
        return select(context, candidates, value_score if self.score_by == "value" else self._score)

    def _score(self, candidate: Candidate, rollout: Rollout) -> float:
        if rollout.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Comparing places over all headings needs a world model that imagines panoramas.",
                "Set view=panorama if the model has it, or use the reviser 'perceptual'.",
            )
        if self._far is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        return -self._far(rollout.frames[-1])

    def _distance_to(self, photo: View) -> Callable[[Rgb], float]:
        """Return how far a panorama's place is from where the photo was taken."""
        signature, fov_rad = self._known_goal()
        if self._learned is None:
            return lambda rgb: place_distance(signature, rgb, fov_rad)
        learned, goal = self._learned, self._learned.goal(photo)
        if self.distance == "learned":
            return lambda rgb: learned.metres(goal, rgb)

        def both(rgb: Rgb) -> float:
            metres = learned.metres(goal, rgb)
            unlike = place_distance(signature, rgb, fov_rad)
            return math.log1p(metres / _BOTH_SOFT_M) + _BOTH_CLASSICAL * unlike

        return both

    def _known_goal(self) -> tuple[Signature, float]:
        if self._goal is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        return self._goal
