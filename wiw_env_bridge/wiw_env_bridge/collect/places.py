"""Collects places: groups of places near one another all over train apartments; nobody walks."""

from __future__ import annotations

import math

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.collect.jobs import Job
from wiw_env_bridge.collect.looks import Looks, between, check_range, in_odom
from wiw_env_bridge.episodes.making.common import random_pose
from wiw_env_bridge.episodes.making.ignav import shows_more_than_a_wall
from wiw_env_bridge.mujoco.apartment import VERSION, Layout
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_learn.dataset import Trajectory

KIND = "places"
APART_M = (0.2, 1.0)
"""Way from a group's first place to its others: as far apart as ends of plans are."""
_TRIES = 400


class PlacesSampler:
    """Groups of places spread over an apartment, every one fit to be a goal's.

    A walk's places are few: turning leaves it where it is, and it stays near where it began. What
    is to tell places apart needs many, some near one another and most in other rooms. A group's
    first place is drawn as an episode's goal is; the others lie within a plan's reach of it. All
    headings are such that the front picture shows more than a bare wall.

    Parameters
    ----------
    groups, per_group : int
        Groups per scene, and places per group.
    height, front_size, oversample : int
        See :class:`Looks`.
    seed : int
        Of everything drawn, beside the scene's.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a number is out of its range.
    """

    kind = KIND
    actions: tuple[str, ...] = ()
    version = VERSION

    def __init__(
        self,
        groups: int = 6,
        per_group: int = 4,
        height: int = 144,
        front_size: int = 128,
        oversample: int = 2,
        seed: int = 0,
    ) -> None:
        check_range("groups", groups, 1, 1000)
        check_range("per_group", per_group, 1, 100)
        check_range("seed", seed, 0, 2**31)
        self._groups, self._per_group, self._seed = groups, per_group, seed
        self._looks = Looks(height, front_size, oversample)

    def jobs(self, scenes: range) -> list[Job]:
        """Return one job per scene."""
        return [Job(scene, self._seed, KIND) for scene in scenes]

    def collect(self, job: Job) -> Trajectory:
        """Return the arrays of one scene's places; see :mod:`wiw_learn.dataset`."""
        layout = self._looks.open().layout(job.scene)
        rng = np.random.default_rng([job.scene, job.seed])
        poses = [pose for _ in range(self._groups) for pose in self._group(rng, layout)]
        return {
            **self._looks.at(job.scene, poses),
            "pose": in_odom(poses),
            "collided": np.zeros(0, np.bool_),
            "geodesic_m": between(layout.grid, poses),
        }

    def close(self) -> None:
        """Free the renderer; idempotent."""
        self._looks.close()

    def _group(self, rng: np.random.Generator, layout: Layout) -> list[Pose2]:
        for _ in range(_TRIES):
            first = random_pose(rng, layout)
            if not self._fit(layout, first):
                continue
            group = [first, *self._near(rng, layout, first)]
            if len(group) == self._per_group:
                return group
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            f"{layout.name} has no room for {self._per_group} places near one another.",
            "Ask for fewer per_group.",
        )

    def _near(self, rng: np.random.Generator, layout: Layout, first: Pose2) -> list[Pose2]:
        """Return up to ``per_group - 1`` poses near the first, at different places."""
        to_first = layout.grid.distances_to(first.x_m, first.y_m)
        found: list[Pose2] = []
        for _ in range(_TRIES):
            if len(found) == self._per_group - 1:
                break
            pose = _beside(rng, first)
            if (
                layout.grid.is_free(pose.x_m, pose.y_m)
                and APART_M[0] <= to_first.metres(pose.x_m, pose.y_m) <= APART_M[1]
                and all((pose.x_m, pose.y_m) != (p.x_m, p.y_m) for p in found)
                and self._fit(layout, pose)
            ):
                found.append(pose)
        return found

    def _fit(self, layout: Layout, pose: Pose2) -> bool:
        _, depth = self._looks.open().front_view(layout.seed, pose)
        return shows_more_than_a_wall(depth)


def _beside(rng: np.random.Generator, first: Pose2) -> Pose2:
    """Return a pose whole cells beside the first, as far as any of the group may be."""
    reach = math.floor(APART_M[1] / CELL_M)
    right, up = (int(n) for n in rng.integers(-reach, reach + 1, 2))
    yaw = float(rng.uniform(-math.pi, math.pi))
    x, y = first.x_m + right * CELL_M, first.y_m + up * CELL_M
    return Pose2(round(x, 4), round(y, 4), round(yaw, 4))
