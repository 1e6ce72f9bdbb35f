"""Collects navigation: walks through train apartments, each place with its panorama and depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.plans import NAVIGATION, Action
from wiw_env_bridge.collect.jobs import Job
from wiw_env_bridge.collect.looks import Looks, between, check_range, in_odom
from wiw_env_bridge.collect.random_walk import RandomWalk
from wiw_env_bridge.collect.walks import Walk
from wiw_env_bridge.collect.waypoints import Waypoints
from wiw_env_bridge.episodes.making.common import random_pose
from wiw_env_bridge.mujoco.agent import plan_motion
from wiw_env_bridge.mujoco.apartment import VERSION
from wiw_learn.dataset import Trajectory

WALKS: dict[str, type[Walk]] = {"waypoints": Waypoints, "random_walk": RandomWalk}
"""Ways to walk, by name."""


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
        check_range("the number of walks", len(walks), 1, 100)
        check_range("trajectories", trajectories, 1, 1000)
        check_range("length", length, 1, 10_000)
        check_range("seed", seed, 0, 2**31)
        self._looks = Looks(height, front_size, oversample)
        self._walks, self._trajectories = tuple(walks), trajectories
        self._length, self._seed = length, seed

    def jobs(self, scenes: range) -> list[Job]:
        """Return the jobs of these scenes: each way to walk, ``trajectories`` times."""
        ways = [walk for walk in self._walks for _ in range(self._trajectories)]
        return [Job(scene, self._seed + k, walk) for scene in scenes for k, walk in enumerate(ways)]

    def collect(self, job: Job) -> Trajectory:
        """Return the arrays of one trajectory; see :mod:`wiw_learn.dataset`."""
        layout = self._looks.open().layout(job.scene)
        rng = np.random.default_rng([job.scene, job.seed])
        poses = [random_pose(rng, layout)]
        walk = WALKS[job.task](layout.grid, rng)
        names, collided = [], []
        for _ in range(self._length):
            names.append(walk.next(poses[-1]))
            motion = plan_motion(layout.grid, poses[-1], Action(names[-1]))
            poses.append(motion.at(1.0))
            collided.append(motion.blocked)
        return {
            **self._looks.at(job.scene, poses),
            "pose": in_odom(poses),
            "action": np.array([self.actions.index(name) for name in names], np.int8),
            "collided": np.array(collided),
            "geodesic_m": between(layout.grid, poses),
        }

    def close(self) -> None:
        """Free the renderer; idempotent."""
        self._looks.close()
