"""Clips of a dataset on disk: windows of a navigating robot's panoramas or of an arm's looks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from wiw_core.action_api.arm import tool_poses
from wiw_core.action_api.lowlevel import cumulative_ids
from wiw_core.action_api.text import prompt
from wiw_core.arm import tool_pose
from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import Plan, navigation_plan
from wiw_learn.dataset import Dataset, Trajectory, held_out
from wiw_wm_node.video.training.clips import Clip, Clips, caption_of, sized, turns_of

VIEWS = {"panorama": "panorama", "front": "front"}
"""Views that a navigating robot's clips may show, and the dataset's arrays of them."""
KEPT = 8
"""Trajectories whose pictures are kept in memory, in each process."""


class _Windows:
    """Windows over the trajectories of one part of a dataset; only manifest lines are in memory."""

    def __init__(self, data: Dataset, judged: bool, size: tuple[int, int], names: Sequence[str]):
        shards = data.manifest.shards
        self.numbers = [k for k, shard in enumerate(shards) if held_out(shard.scene) is judged]
        self.shards, self.size = shards, size
        self.trajectory = lru_cache(KEPT)(lambda number: data.trajectory(number, names))
        self.starts: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.starts)


class NavigationClips(_Windows):
    """Every window of ``frames`` frames of every walk.

    Parameters
    ----------
    frames : int
        Frames of a clip, one more than its actions.
    view : str
        ``panorama``, or ``front`` for the perspective camera.
    """

    def __init__(
        self, data: Dataset, frames: int, size: tuple[int, int], view: str, *, judged: bool
    ) -> None:
        super().__init__(data, judged, size, (VIEWS[view], "action"))
        self._frames, self._picture, self._actions = frames, VIEWS[view], data.manifest.actions
        self.mirror = True
        for number in self.numbers:
            last = self.shards[number].length - (frames - 1)
            self.starts += [(number, start) for start in range(last + 1)]

    def __getitem__(self, index: int) -> Clip:
        number, start = self.starts[index]
        walk, last = self.trajectory(number), start + self._frames - 1
        names = [self._actions[k] for k in walk["action"][start:last]]
        ids = cumulative_ids(navigation_plan(names), self._frames)
        frames = sized(walk[self._picture][start : last + 1], self.size)
        return Clip(self.shards[number].scene, frames, ids, turns_of(ids[-1]), caption_of(ids[-1]))


class ArmClips(_Windows):
    """Windows of the looks that follow one another, from every look that has one after it.

    One frame per tool pose, as it was reached. After a trajectory's end the arm rests: its last
    look and pose are repeated.
    """

    def __init__(self, data: Dataset, frames: int, size: tuple[int, int], *, judged: bool) -> None:
        super().__init__(data, judged, size, ("front", "tool_pose", "gripper"))
        self._frames, self.mirror = frames, False
        for number in self.numbers:
            self.starts += [(number, start) for start in range(self.shards[number].length)]

    def __getitem__(self, index: int) -> Clip:
        number, start = self.starts[index]
        walk, shard = self.trajectory(number), self.shards[number]
        looks = np.minimum(start + np.arange(self._frames), shard.length)
        plan = _plan(walk, looks[1:], shard.text)
        first = int(looks[0])
        control = tool_poses(
            plan, self._frames, _pose(walk["tool_pose"][first]), _opened(walk, first)
        )
        return Clip(
            shard.scene,
            sized(walk["front"][looks], self.size),
            control.astype(np.float32),
            np.zeros(self._frames, np.int64),
            prompt(plan),
        )


def clips_of(
    data: Dataset, frames: int, size: tuple[int, int], view: str, *, judged: bool
) -> Clips:
    """Return the clips of the scenes to train on, or of those held out.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the dataset has no such clip, is of a kind without them, or its
        panoramas of this width cannot be turned by 22.5 degrees exactly.
    """
    kind = data.manifest.kind
    if kind == "arm":
        found: NavigationClips | ArmClips = ArmClips(data, frames, size, judged=judged)
    elif kind == "navigation" and view in VIEWS:
        if view == "panorama" and size[1] % TURNS_PER_CIRCLE:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Panoramas {size[1]} pixels wide cannot be turned by 22.5 degrees exactly.",
                f"Choose a width that is a multiple of {TURNS_PER_CIRCLE}.",
            )
        found = NavigationClips(data, frames, size, view, judged=judged)
    else:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A dataset of {kind} has no clips of the view '{view}'.",
            f"Collect navigation (views {', '.join(VIEWS)}) or arm.",
        )
    if not len(found):
        which = "held-out" if judged else "training"
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset has no {which} clip of {frames} frames.",
            "Collect more scenes (one in ten is held out), or longer walks.",
        )
    return found


def _plan(walk: Trajectory, looks: Array, text: str) -> Plan:
    actions = [
        tool_pose(_pose(walk["tool_pose"][k]), _opened(walk, k)) for k in (int(k) for k in looks)
    ]
    return Plan(tuple(actions), text)


def _pose(numbers: Array) -> Pose3:
    return Pose3(*(float(value) for value in numbers))


def _opened(walk: Trajectory, look: int) -> bool:
    return bool(walk["gripper"][look] > 0.5)
