"""Collects navigation: walks through train apartments, each place with its panorama and depth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.observation import Depth
from wiw_core.plans import NAVIGATION, Action
from wiw_env_bridge.collect.jobs import Job
from wiw_env_bridge.collect.random_walk import RandomWalk
from wiw_env_bridge.collect.walks import Walk
from wiw_env_bridge.collect.waypoints import Waypoints
from wiw_env_bridge.episodes.making.common import random_pose
from wiw_env_bridge.mujoco.agent import plan_motion
from wiw_env_bridge.mujoco.apartment import VERSION
from wiw_env_bridge.mujoco.navigation import FloorGrid
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_learn.dataset import Trajectory

WALKS: dict[str, type[Walk]] = {"waypoints": Waypoints, "random_walk": RandomWalk}
"""Ways to walk, by name."""
_EDGE = 1.05


class NavigationSampler:
    """Walks of a kinematic robot from a random pose; every place is looked at.

    Parameters
    ----------
    walks : sequence of str
        Ways to walk, of :data:`WALKS`; every scene is walked in each.
    trajectories : int
        Trajectories per scene and way.
    length : int
        Primitives of a trajectory.
    height : int
        Rows of the panorama; it has twice as many columns.
    front_size : int
        Height and width of the picture of the goal camera, 90 degrees wide.
    oversample : int
        The renderer draws so many times larger, and colours are averaged: soft edges.
    seed : int
        Of everything drawn, beside the scene's.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an unknown walk, or a number out of its range.
    """

    kind = "navigation"
    actions = tuple(NAVIGATION)
    version = VERSION

    def __init__(
        self,
        walks: Sequence[str] = tuple(WALKS),
        trajectories: int = 1,
        length: int = 48,
        height: int = 144,
        front_size: int = 128,
        oversample: int = 2,
        seed: int = 0,
    ) -> None:
        for walk in walks:
            if walk not in WALKS:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "walk", walk, WALKS)
        for name, value, least, most in (
            ("the number of walks", len(walks), 1, 100),
            ("trajectories", trajectories, 1, 1000),
            ("length", length, 1, 10_000),
            ("height", height, 16, 1024),
            ("front_size", front_size, 16, 1024),
            ("oversample", oversample, 1, 8),
            ("seed", seed, 0, 2**31),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"{name} is {value!r}; it is {least} to {most}."
                )
        if height % 8:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"height is {height}, not a multiple of 8.")
        self._walks, self._trajectories, self._length = tuple(walks), trajectories, length
        self._hw, self._front = (height, 2 * height), front_size
        self._oversample, self._seed = oversample, seed
        self._renderer: Renderer | None = None

    def jobs(self, scenes: range) -> list[Job]:
        """Return the jobs of these scenes: each way to walk, ``trajectories`` times."""
        ways = [walk for walk in self._walks for _ in range(self._trajectories)]
        return [Job(scene, self._seed + k, walk) for scene in scenes for k, walk in enumerate(ways)]

    def collect(self, job: Job) -> Trajectory:
        """Return the arrays of one trajectory; see :mod:`wiw_learn.dataset`."""
        renderer = self._open()
        layout = renderer.layout(job.scene)
        rng = np.random.default_rng([job.scene, job.seed])
        poses = [random_pose(rng, layout)]
        walk = WALKS[job.task](layout.grid, rng)
        names, collided = [], []
        for _ in range(self._length):
            names.append(walk.next(poses[-1]))
            motion = plan_motion(layout.grid, poses[-1], Action(names[-1]))
            poses.append(motion.at(1.0))
            collided.append(motion.blocked)
        looks = [self._look(renderer, job.scene, pose) for pose in poses]
        to_odom = poses[0].inverse()
        odom = [to_odom * pose for pose in poses]
        return {
            **{name: np.stack([look[name] for look in looks]) for name in looks[0]},
            "pose": np.array([(p.x_m, p.y_m, p.yaw_rad) for p in odom]),
            "action": np.array([self.actions.index(name) for name in names], np.int8),
            "collided": np.array(collided),
            "geodesic_m": _between(layout.grid, poses),
        }

    def close(self) -> None:
        """Free the renderer; idempotent."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _open(self) -> Renderer:
        if self._renderer is None:
            height, width = (self._oversample * n for n in self._hw)
            self._renderer = Renderer((height, width), self._oversample * self._front)
        return self._renderer

    def _look(self, renderer: Renderer, scene: int, pose: Pose2) -> Trajectory:
        rgb, depth = renderer.panorama_view(scene, pose)
        front, _ = renderer.front_view(scene, pose)
        size = self._front, self._front
        return {
            "panorama": cv2.resize(rgb, self._hw[::-1], interpolation=cv2.INTER_AREA),
            "depth": reduced(depth, self._oversample).astype(np.float16),
            "front": cv2.resize(front, size, interpolation=cv2.INTER_AREA),
        }


def reduced(depth: Depth, times: int) -> Depth:
    """Return depth (H, W) at 1 / ``times`` the size; no surface is invented across an edge.

    Inside a block that is one surface the mean of one over the depth is exact on planes; a block
    across an edge, or with an unknown depth, takes the median, the nearer of the two middle ones.
    """
    height, width = depth.shape[0] // times, depth.shape[1] // times
    blocks = depth.reshape(height, times, width, times).transpose(0, 2, 1, 3)
    blocks = np.sort(blocks.reshape(height, width, times**2), axis=2)
    flat = (blocks[..., 0] > 0.0) & (blocks[..., -1] < _EDGE * blocks[..., 0])
    mean = 1.0 / np.mean(1.0 / np.where(flat[..., None], blocks, 1.0), axis=2)
    return np.asarray(np.where(flat, mean, blocks[..., (times**2 - 1) // 2]), np.float32)


def _between(grid: FloorGrid, poses: Sequence[Pose2]) -> npt.NDArray[np.float32]:
    """Return geodesic metres between every two places, (T+1, T+1), symmetric."""
    # Turns share a place, and the way back is as long as the way there.
    places, which = np.unique([(p.x_m, p.y_m) for p in poses], axis=0, return_inverse=True)
    metres = np.zeros((len(places), len(places)))
    for i, place in enumerate(places):
        to_place = grid.distances_to(*map(float, place))
        for j in range(i):
            metres[i, j] = metres[j, i] = to_place.metres(*map(float, places[j]))
    which = which.reshape(-1)
    return metres[np.ix_(which, which)].astype(np.float32)
