"""Choosing the plan whose imagined frames look most like the goal photo: the paper's LPIPS form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Projection, Rgb, View
from wiw_core.rollouts import Rollout
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_planner_node.perception.frontal import FOV_DEG, Extent, ahead, check_fov, cut
from wiw_planner_node.perception.likeness import make_metric
from wiw_planner_node.perception.place import photo_fov
from wiw_planner_node.revisers.select import select


class PerceptualReviser:
    """Score-and-select by how alike the frames ahead are to the goal photo.

    A plan's score is 1 minus the mean distance of its imagined frames to the photo (arXiv
    2510.18135, appendix B.2); of plans of different lengths the shorter ones' last frame is
    repeated, as the paper does. It takes perspective frames, as video models give them, and the
    part ahead of panoramas; frame and photo are both cut to what both show.

    It compares pictures, not places: until the goal is in sight the score tells little of where it
    lies. Where frames are panoramas, ``place`` compares places.

    It never stops by itself, and refuses a task in which it would have to.

    Parameters
    ----------
    metric : {"colour", "lpips"}
        ``colour`` compares joint colours in three bands and needs nothing; ``lpips`` is LPIPS
        (AlexNet) with weights that the user has.
    backbone, heads : str
        Paths of the LPIPS weights, see :mod:`wiw_learn.lpips`.
    fov_deg : float
        Horizontal field of view of imagined perspective frames: the world model's ``fov_deg``.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an unknown metric or a field of view out of its range;
        ``MODEL_UNAVAILABLE`` without the weights, ``RECORD_CORRUPT`` if they are others.
    """

    frames: FramesWanted = "all"
    serves: ClassVar[tuple[str, ...]] = ("ignav",)

    def __init__(
        self,
        metric: str = "colour",
        backbone: str = "",
        heads: str = "",
        fov_deg: float = FOV_DEG,
    ) -> None:
        self.fov_rad = check_fov(fov_deg)
        self._metric = make_metric(metric, backbone, heads)
        self._photo: View | None = None
        self._known: dict[Extent, Any] = {}

    def reset(self, episode: Episode) -> None:
        """Take the goal photo.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if the episode has no usable goal view; ``BAD_PARAMETER`` if the robot is
            to stop by itself.
        """
        self._photo, self._known = None, {}
        if episode.goal_view is None:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"Episode '{episode.id}' has no goal view to compare frames with.",
                "Use a task with an image goal.",
            )
        photo_fov(episode.goal_view)  # refuses one that is no square photo
        if ORACLE_STOP not in episode.privileges:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                "The reviser 'perceptual' does not know when to stop, and nobody does it for it.",
                "Use the reviser 'place', or a task with an oracle stop.",
            )
        self._photo = episode.goal_view

    def glance(self, context: DecisionContext) -> Decision | None:
        """Decide nothing without imagination."""
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan whose frames are most alike; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``NO_EPISODE`` before :meth:`reset`.
        """
        longest = max((len(c.rollout.frames) for c in candidates if c.rollout), default=0)

        def score(candidate: Candidate, rollout: Rollout) -> float:
            distances = [self._distance(frame, rollout.projection) for frame in rollout.frames]
            total = sum(distances) + (longest - len(distances)) * distances[-1]
            return 1.0 - total / longest

        return select(context, candidates, score)

    def _distance(self, frame: Rgb, projection: Projection) -> float:
        """Return the distance of an imagined frame to the goal photo, both cut alike."""
        if self._photo is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        photo = Extent.of(self._photo.size, photo_fov(self._photo))
        if projection is Projection.EQUIRECTANGULAR:
            seen = ahead(frame, photo, photo.size(self._metric.side))
            return self._metric.distance(self._goal(photo), self._metric.features(seen))
        own = Extent.of((int(frame.shape[0]), int(frame.shape[1])), self.fov_rad)
        both = photo.common(own)
        seen = cut(frame, own, both, both.size(self._metric.side))
        return self._metric.distance(self._goal(both), self._metric.features(seen))

    def _goal(self, wanted: Extent) -> Any:
        """Return what is remembered of the part of the goal photo that shows ``wanted``."""
        assert self._photo is not None
        if wanted not in self._known:
            whole = Extent.of(self._photo.size, photo_fov(self._photo))
            part = cut(self._photo.rgb, whole, wanted, wanted.size(self._metric.side))
            self._known[wanted] = self._metric.features(part)
        return self._known[wanted]
