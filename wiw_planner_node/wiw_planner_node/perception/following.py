"""Following the target over an episode: by its box where the task shows it, else by its place."""

from __future__ import annotations

from wiw_core.contracts import DecisionContext
from wiw_core.geometry import Pose2
from wiw_core.tasks import ar
from wiw_planner_node.perception.target import (
    Sighting,
    TrackedTarget,
    follow_all,
    locate,
    sighting,
)


class Follower:
    """Remembers where the target of one episode is."""

    def __init__(self) -> None:
        self.sighted: Sighting | None = None
        """The target in the real view last looked at; None if it was not found there."""
        self._seen: tuple[Sighting, Pose2] | None = None
        self._target: TrackedTarget | None = None

    def update(self, context: DecisionContext) -> Sighting | None:
        """Look for the target in what is seen now, and return it if it is there.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` for a box outside its view; ``DEPTH_REQUIRED``, ``PANORAMA_REQUIRED`` if
            the target has no box and cannot be followed.
        """
        self.sighted = self._look(context)
        return self.sighted

    def target(self) -> TrackedTarget | None:
        """Return the target's place; None if it was never seen.

        Raises
        ------
        WiwError
            ``DEPTH_REQUIRED`` if no valid depth was seen there.
        """
        if self._target is None and self._seen is not None:
            self._target = locate(*self._seen)
        return self._target

    def _look(self, context: DecisionContext) -> Sighting | None:
        now = context.now
        seen = sighting(now)
        if seen is not None:
            self._seen, self._target = (seen, now.base_pose), None
        elif ar.TARGET_BOX in context.episode.privileges:
            return None  # the box would be there
        else:
            target = self.target()
            seen = follow_all(target, now) if target is not None else None
            if seen is not None and target is not None:
                self._target = target.refined(locate(seen, now.base_pose))
        return seen
