"""Choosing the plan that ends where the goal photo was taken (image-goal navigation)."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Projection
from wiw_core.rollouts import Rollout
from wiw_planner_node.perception.place import Signature, goal_signature, place_distance
from wiw_planner_node.revisers.select import check_score_by, select, value_score


class PlaceReviser:
    """Score-and-select by how alike each plan's imagined end is to the goal's place.

    Compares places, not pictures: a distance between the robot's front view and the goal photo is
    flat until the goal is in view, and best served by standing still and staring.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` compares the last imagined panorama with the goal view over all headings;
        ``value`` takes the world model's own value (the oracle's is minus the true distance).

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` is neither.
    """

    frames: FramesWanted = "last"

    def __init__(self, score_by: str = "perception") -> None:
        self.score_by = check_score_by(score_by)
        self._goal: tuple[Signature, float] | None = None

    def reset(self, episode: Episode) -> None:
        """Look at the goal once.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if the episode has no usable goal view and ``score_by`` needs one.
        """
        self._goal = None
        if self.score_by == "value":
            return
        if episode.goal_view is None:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"Episode '{episode.id}' has no goal view to compare places with.",
                "Use score_by=value, or a task with an image goal.",
            )
        self._goal = goal_signature(episode.goal_view)

    def glance(self, context: DecisionContext) -> Decision | None:
        """Return None: where to go always needs imagination."""
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
                "Use another model, or another reviser.",
            )
        if self._goal is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        signature, fov_rad = self._goal
        return -place_distance(signature, rollout.frames[-1], fov_rad)
