"""What the direct model learns from: a panorama, an intended motion, and what was seen after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_core.plans import NAVIGATION_DELTA
from wiw_learn.dataset import Dataset
from wiw_wm_node import views

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Walk:
    """One trajectory.

    Attributes
    ----------
    panoramas : (T + 1, H, W, 3) uint8
    actions : tuple of str
        T names.
    collided : (T,) bool
        Which actions something was in the way of.
    """

    scene: int
    panoramas: Rgb
    actions: tuple[str, ...]
    collided: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Step:
    """What is known and what came of it.

    Attributes
    ----------
    now, after : (H, W, 3) uint8
        ``after`` is turned back to the heading of ``now``.
    motion : (2,) float64
        Displacement in metres that the actions intend, in ``base_link`` of now. Walls do not
        shorten it: a plan is all that a model knows.
    """

    now: Rgb
    after: Rgb
    motion: Array


def walks(data: Dataset, size: tuple[int, int], *, judged: bool) -> list[Walk]:
    """Return the trajectories to train on, or those of the held-out scenes, at the inside size.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the dataset is not of navigation, or has no such scene.
    """
    found = []
    for shard, arrays in data.part("navigation", judged=judged):
        small = np.stack([views.resized(image, size) for image in arrays["panorama"]])
        actions = tuple(data.manifest.actions[k] for k in arrays["action"])
        found.append(Walk(shard.scene, small, actions, arrays["collided"]))
    return found


def motion_of(actions: Iterable[str]) -> Pose2:
    """Return where the actions lead, were nothing in the way."""
    pose = Pose2()
    for name in actions:
        pose = pose * NAVIGATION_DELTA[name]
    return pose


def step_of(walk: Walk, start: int, length: int) -> Step:
    """Return the step from place ``start`` over ``length`` actions."""
    pose = motion_of(walk.actions[start : start + length])
    after = roll_yaw(walk.panoramas[start + length], -pose.yaw_rad)
    motion = np.array([pose.x_m, pose.y_m])
    return Step(walk.panoramas[start], np.asarray(after, dtype=np.uint8), motion)


class DirectSamples:
    """Steps of 1 to ``longest`` actions, short ones more often, mirrored half of the time.

    Parameters
    ----------
    walks : sequence of Walk
    longest : int
        Most actions between the two panoramas.
    mirrored : bool
        Show left and right exchanged half of the time.
    """

    def __init__(self, walks: Sequence[Walk], longest: int, *, mirrored: bool) -> None:
        self.walks, self.longest, self._mirrored = walks, longest, mirrored
        self._starts = [(w, t) for w, walk in enumerate(walks) for t in range(len(walk.actions))]

    def __len__(self) -> int:
        return len(self._starts)

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return ``now`` and ``after`` (3, H, W) uint8 and ``motion`` (2,) float32."""
        which, start = self._starts[index]
        walk = self.walks[which]
        farthest = min(self.longest, len(walk.actions) - start)
        length = 1 + int(rng.integers(0, farthest, 2).min())
        step = step_of(walk, start, length)
        now, after, motion = step.now, step.after, step.motion.copy()
        if self._mirrored and rng.random() < 0.5:
            now, after, motion[1] = now[:, ::-1], after[:, ::-1], -motion[1]
        return {
            "now": np.ascontiguousarray(now.transpose(2, 0, 1)),
            "after": np.ascontiguousarray(after.transpose(2, 0, 1)),
            "motion": motion.astype(np.float32),
        }
