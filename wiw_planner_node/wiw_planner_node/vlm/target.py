"""The object in question as a language model is shown it: boxed, now and in imagined frames."""

from __future__ import annotations

from collections.abc import Iterator

from wiw_core.contracts import DecisionContext
from wiw_core.observation import Box, Observation, Projection, Rgb, View
from wiw_core.plans import Plan, camera_path, prolonged
from wiw_core.rollouts import Rollout, main_view
from wiw_planner_node.perception.crops import Gaze
from wiw_planner_node.perception.following import Follower
from wiw_planner_node.perception.frontal import imagined_view
from wiw_planner_node.perception.target import follow_within
from wiw_planner_node.vlm.pictures import CELL, FRONT_RAD, Picture, boxed
from wiw_planner_node.vlm.showing import ahead, box_of, looked

FIRST, STEP = 3, 2
"""Imagined frames that the answerer is shown: from this index, every so many (released solver)."""
MAX_SHARE = 0.5
"""An object that fills more of a frame than this is not shown (the same)."""


class Target:
    """Follows the object of one episode; see :class:`.perception.following.Follower`."""

    def __init__(self) -> None:
        self._follower = Follower()
        self._seen = False

    def update(self, context: DecisionContext) -> bool:
        """Look for the object in what is seen now; return whether it is there.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` for a box outside its view; ``DEPTH_REQUIRED``, ``PANORAMA_REQUIRED`` if
            the object has no box and cannot be followed.
        """
        self._seen = self._follower.update(context) is not None
        return self._seen

    @property
    def visible(self) -> bool:
        """It was found in what was last looked at."""
        return self._seen

    def parts(self, now: Observation) -> list[Picture]:
        """Return a look at the followed object, where no view of now has its box."""
        seen = self._follower.sighted
        if seen is None or any(view.target_box is not None for view in now.views):
            return []
        view = looked(seen.view, Gaze(seen.gaze.direction, FRONT_RAD), CELL)
        rgb = boxed(view.rgb, box_of(view, seen.gaze))
        return [Picture(rgb, "A look towards the object:")]

    def looks(self, now: Observation, plan: Plan, rollout: Rollout) -> list[Rgb]:
        """Return imagined looks at the object, boxed, until it is lost from view (strip A).

        Frames :data:`FIRST`, then every :data:`STEP`-th; those that it fills are left out.
        Panoramas are turned to it; a pinhole camera's frames are shown as they are.
        """
        chosen: list[Rgb] = []
        for index, view, gaze in self._followed(now, plan, rollout):
            if gaze is None:
                break
            if index < FIRST or (index - FIRST) % STEP:
                continue
            panorama = view.projection is Projection.EQUIRECTANGULAR
            shown = looked(view, Gaze(gaze.direction, FRONT_RAD), CELL) if panorama else view
            box = box_of(shown, gaze)
            if box is not None and _area(box) <= MAX_SHARE * shown.rgb[..., 0].size:
                chosen.append(boxed(shown.rgb, box))
        return chosen

    def ahead(self, now: Observation) -> tuple[Rgb, str]:
        """Return what is seen straight ahead now, the object boxed where it is (strip B)."""
        seen = self._follower.sighted
        return _boxed_ahead(main_view(now), None if seen is None else seen.gaze), "now"

    def cells(self, now: Observation, plan: Plan, rollout: Rollout) -> list[tuple[Rgb, str]]:
        """Return the plan's frames straight ahead, the object boxed where it is (strip B)."""
        found = []
        for index, view, gaze in self._followed(now, plan, rollout):
            if index > len(plan):
                break
            found.append((_boxed_ahead(view, gaze), f"{index}: {plan.names[index - 1]}"))
        return found

    def _followed(
        self, now: Observation, plan: Plan, rollout: Rollout
    ) -> Iterator[tuple[int, View, Gaze | None]]:
        """Yield each frame's index, the frame as a view, and where in it the object is, if seen."""
        target = self._follower.target()
        path = camera_path(prolonged(plan, max(rollout.frame_indices)))
        for frame, index in zip(rollout.frames, rollout.frame_indices):
            view = imagined_view(frame, rollout.projection, FRONT_RAD)
            there = now.base_pose * path[index]
            yield index, view, None if target is None else follow_within(target, view, there)


def _boxed_ahead(view: View, gaze: Gaze | None) -> Rgb:
    """Return what of a view lies ahead; boxed what a gaze takes in."""
    shown = ahead(view)
    return boxed(shown.rgb, box_of(shown, gaze) if gaze is not None else None)


def _area(box: Box) -> int:
    x0, y0, x1, y1 = box
    return (x1 - x0) * (y1 - y0)
