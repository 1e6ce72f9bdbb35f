"""Training pairs: a frame warped from what was remembered, and what the robot saw there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Depth, Observation, Projection, Rgb, View
from wiw_core.plans import TURN_RAD
from wiw_learn import dataset
from wiw_wm_node.warp.inpaint.features import features, working_size
from wiw_wm_node.warp.memory import Memory
from wiw_wm_node.warp.render import warped
from wiw_wm_node.warp.warped import Warped

LONGEST_STEPS = 6
"""Greatest number of actions between now and the frame to imagine."""
SHORTEST_M = 0.1
"""Frames nearer than this to where the robot is now have no holes worth learning from."""
LONGEST_MEMORY = 4
_FIELDS_OF_VIEW = (70.0, 110.0)  # degrees across a perspective sample
_TRIES = 50


class WarpSamples:
    """Random moments of the trajectories, whose panoramas are held in memory.

    Parameters
    ----------
    data : Dataset
        Of kind ``navigation``.
    held_out : bool
        The scenes to judge by, or those to train on.
    perspective : float
        Share of samples that are cut out of the panoramas as a pinhole camera would see them.
    """

    def __init__(self, data: dataset.Dataset, held_out: bool, perspective: float = 0.0) -> None:
        if data.manifest.kind != "navigation":
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The inpainter learns from navigation, not from '{data.manifest.kind}'.",
            )
        shards = [
            k for k, s in enumerate(data.manifest.shards) if dataset.held_out(s.scene) == held_out
        ]
        self.scenes = tuple(data.manifest.shards[k].scene for k in shards)
        self._walks = [_walk(data.trajectory(k)) for k in shards]
        self._perspective = perspective
        self._index = [(w, t) for w, walk in enumerate(self._walks) for t in _starts(walk["pose"])]

    def __len__(self) -> int:
        return len(self._index)

    def scene(self, index: int) -> int:
        """Return the scene of a sample."""
        return self.scenes[self._index[index][0]]

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return one pair; all have one shape, that of the panoramas.

        ``features`` (6, h, w) float32 as :func:`.features` gives them, ``known`` (h, w) bool,
        ``truth`` (3, h, w) float32 from -0.5 to 0.5, ``wraps`` (1, 1, 1) bool.
        """
        picture, truth = self.pair(index, rng)
        inputs, known = features(picture)
        size = known.shape[::-1]
        small = cv2.resize(truth, size, interpolation=cv2.INTER_AREA)
        colours = np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / 255.0 - 0.5
        wraps = picture.lens.wraps
        return _augmented(inputs, known, colours, wraps, rng)

    def pair(self, index: int, rng: np.random.Generator) -> tuple[Warped, Rgb]:
        """Return a warped picture, and the true one of the same camera."""
        w, now = self._index[index]
        walk = self._walks[w]
        first = max(0, now - int(rng.integers(LONGEST_MEMORY)))
        target = int(rng.choice(_targets(walk["pose"], now)))
        cut = None
        if rng.random() < self._perspective:
            cut = (rng.uniform(*_FIELDS_OF_VIEW), int(rng.integers(panorama.TURNS_PER_CIRCLE)))
        seen = tuple(_observation(walk, k, now, cut) for k in range(first, now + 1))
        size = working_size(*walk["panorama"].shape[1:3])
        memory = Memory.of(seen, LONGEST_MEMORY, size)
        there = _observation(walk, target, now, cut)
        pose = seen[-1].base_pose.inverse() * there.base_pose
        picture = warped(memory, pose)
        if not picture.seen.any():  # a camera that left all that it has seen behind
            return self.pair((index + 1) % len(self), rng)
        return picture, np.asarray(cv2.resize(there.views[0].rgb, size[::-1]), dtype=np.uint8)


def _walk(trajectory: dataset.Trajectory) -> dataset.Trajectory:
    return {name: trajectory[name] for name in ("panorama", "depth", "pose")}


def _targets(pose: npt.NDArray[Any], now: int) -> npt.NDArray[np.intp]:
    """Return the steps within reach whose place is another."""
    ahead = pose[now + 1 : now + 1 + LONGEST_STEPS, :2] - pose[now, :2]
    return now + 1 + np.flatnonzero(np.hypot(*ahead.T) >= SHORTEST_M)


def _starts(pose: npt.NDArray[Any]) -> list[int]:
    return [t for t in range(len(pose)) if len(_targets(pose, t))]


def _observation(
    walk: dataset.Trajectory, k: int, now: int, cut: tuple[float, int] | None
) -> Observation:
    """Return what was seen at step k.

    A panorama keeps the heading of ``now``, since turning it is exact; ``cut`` is the field of view
    in degrees of a pinhole camera, and by how many turns it looks to the left of the robot's front.
    """
    x, y, yaw = (float(v) for v in walk["pose"][k])
    heading = float(walk["pose"][now][2]) if cut is None else yaw + cut[1] * TURN_RAD
    turned = [panorama.roll_yaw(walk[name][k], heading - yaw) for name in ("panorama", "depth")]
    rgb, depth = np.asarray(turned[0], dtype=np.uint8), np.asarray(turned[1], dtype=np.float32)
    view = View("panorama", rgb, Projection.EQUIRECTANGULAR, depth)
    if cut is not None:
        view = _cut(rgb, depth, cut[0])
    pose = Pose2(x, y, heading)
    return Observation("sample", k, (view,), pose)


def _cut(rgb: Rgb, depth: Depth, fov_deg: float) -> View:
    """Return the perspective view straight ahead, of the panorama's size."""
    height, width = depth.shape
    k = pinhole.intrinsics(height, width, np.radians(fov_deg))
    maps = panorama.perspective_map(height, width, np.radians(fov_deg), 0.0, (height, width))
    colours = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    distance = cv2.remap(depth, *maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_WRAP)
    along = distance / np.linalg.norm(pinhole.rays(k, height, width), axis=-1)
    return View(
        "front",
        np.asarray(colours, dtype=np.uint8),
        Projection.PERSPECTIVE,
        np.asarray(along, dtype=np.float32),
        k,
    )


def _augmented(
    inputs: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.float32],
    wraps: bool,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the pair turned by any angle, if it is a panorama, and mirrored or not."""
    turn = int(rng.integers(known.shape[1])) if wraps else 0
    step = -1 if rng.random() < 0.5 else 1

    def moved(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(np.roll(image, turn, axis=-1)[..., ::step])

    return {
        "features": moved(inputs),
        "known": moved(known),
        "truth": moved(truth),
        "wraps": np.full((1, 1, 1), wraps),
    }
