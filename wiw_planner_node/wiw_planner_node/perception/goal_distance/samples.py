"""Training samples: places of one trajectory, some near one another, and goal photos of others."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_learn.dataset import Dataset, Trajectory, held_out
from wiw_planner_node.perception.goal_distance import damage, views
from wiw_planner_node.perception.goal_distance.likeness import (
    goal_colours,
    likeness,
    place_colours,
)
from wiw_planner_node.perception.goal_distance.matches import CELLS, NOWHERE, Cells, matching_cells

KINDS = ("places", "navigation")
CLUSTERS, PER_CLUSTER, GOALS = 2, 4, 4
NEAR_M = 1.1
"""Places of one cluster are at most this far from its first: what a plan can reach."""
_WANTED_M = 5.0
_TOP = (views.FULL_HEIGHT - views.HEIGHT) // 2

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tour:
    """One trajectory, small: panoramas (N, 72, 128, 3), depth (N, 72, 128) or None, photos."""

    scene: int
    panorama: Rgb
    depth: npt.NDArray[np.float16] | None
    photo: Rgb
    pose: npt.NDArray[np.float64]
    geodesic_m: Floats


class PlaceSamples:
    """Places and goals of the trajectories of a dataset of places, or of navigation.

    A sample holds 8 places in two clusters and 4 goals of one trajectory: ``places``
    (8, 48, 128, 3) uint8, ``goals`` (4, 48, 32, 3) uint8, ``known`` (4, 48, 32) bool,
    ``likeness`` (4, 8, 16, 3) float32, ``metres`` (4, 8) float32 geodesic, ``position`` (4, 8, 2)
    float32 metres to the goal ahead and to the left in the panorama's frame, ``turn`` (4, 8)
    float32 the goal camera's heading in it in radians, ``match`` (4, 8, 96) int64 where each
    cell of a goal is seen in a panorama, see :func:`matching_cells`.

    Parameters
    ----------
    plain : bool
        Without change of colours and without damage, to judge by.
    """

    def __init__(self, data: Dataset, *, held_out_scenes: bool, plain: bool = False) -> None:
        if data.manifest.kind not in KINDS:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The dataset is of kind '{data.manifest.kind}', not {' or '.join(KINDS)}.",
            )
        self.plain, self.moved = plain, False
        self.tours = [
            small_tour(shard.scene, data.trajectory(k))
            for k, shard in enumerate(data.manifest.shards)
            if held_out(shard.scene) == held_out_scenes
        ]

    @property
    def has_depth(self) -> bool:
        """Whether places can be moved."""
        return all(tour.depth is not None for tour in self.tours)

    def with_moved_places(self) -> PlaceSamples:
        """Return the same samples, with every place warped there from another one near by."""
        other = copy.copy(self)
        other.moved = True
        return other

    def __len__(self) -> int:
        return len(self.tours)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Any]:
        """Return a sample; see the class."""
        tour = self.tours[index % len(self.tours)]
        places = np.concatenate([cluster(tour, rng) for _ in range(CLUSTERS)])
        from_place = [int(places[0 if g < GOALS // 2 else -1]) for g in range(GOALS)]
        goals = np.array([_goal_for(tour, place, rng) for place in from_place])
        rolls = rng.integers(0, views.WIDTH, len(places))
        pictures = [self._place(tour, int(i), rng) for i in places]
        photos = [_photo(tour, int(j), rng) for j in goals]
        changed = pictures + [rgb for rgb, _, _ in photos]
        if not self.plain:
            changed = damage.recoloured(changed, rng)
            worn = [
                damage.worn(p, rng) if rng.random() < 0.5 else p for p in changed[: len(places)]
            ]
            changed[: len(places)] = worn
        small = [p[_TOP : _TOP + views.HEIGHT] for p in changed[: len(places)]]
        bands = [np.roll(p, r, axis=1) for p, r in zip(small, rolls)]
        known = np.stack([k for _, k, _ in photos])
        yaw = tour.pose[places, 2] + rolls / views.WIDTH * 2.0 * math.pi
        there = tour.pose[goals, None, :2] - tour.pose[None, places, :2]
        c, s = np.cos(yaw), np.sin(yaw)
        ahead = c * there[..., 0] + s * there[..., 1]
        left = c * there[..., 1] - s * there[..., 0]
        turn = np.array([heading for _, _, heading in photos])[:, None] - yaw[None]
        parts = [p * k[..., None] for p, k in zip(changed[len(places) :], known)]
        at_places = np.stack([place_colours(band) for band in bands])
        at_goals = np.stack([goal_colours(part, k) for part, k in zip(parts, known)])
        return {
            "places": np.stack(bands),
            "goals": np.stack(parts),
            "likeness": np.stack([likeness(at_places, goal) for goal in at_goals]),
            "known": known,
            "metres": tour.geodesic_m[np.ix_(goals, places)].astype(np.float32),
            "position": np.stack([ahead, left], axis=-1).astype(np.float32),
            "turn": turn.astype(np.float32),
            "match": self._matches(tour, goals, [h for *_, h in photos], places, rolls),
        }

    @staticmethod
    def _matches(
        tour: Tour, goals: Cells, headings: list[float], places: Cells, rolls: Cells
    ) -> Cells:
        """Return (goals, places, 96) of :func:`matching_cells`; nowhere without depth."""
        if tour.depth is None:
            return np.full((len(goals), len(places), CELLS), NOWHERE, np.int64)
        rows = [
            matching_cells(
                tour.pose[j], tour.depth[j], heading, tour.pose[i], tour.depth[i], int(roll)
            )
            for j, heading in zip(goals, headings)
            for i, roll in zip(places, rolls)
        ]
        return np.stack(rows).reshape(len(goals), len(places), CELLS)

    def _place(self, tour: Tour, index: int, rng: np.random.Generator) -> Rgb:
        """Return the panorama at a place; half of them moved there from a place near by."""
        stays = rng.random() < 0.5
        if tour.depth is None or (not self.moved and (self.plain or stays)):
            return np.asarray(tour.panorama[index])
        source = int(rng.choice(np.nonzero(tour.geodesic_m[index] <= NEAR_M)[0]))
        step = Pose2(*tour.pose[source]).inverse() * Pose2(*tour.pose[index])
        return damage.moved(tour.panorama[source], tour.depth[source], step)


def small_tour(scene: int, trajectory: Trajectory) -> Tour:
    """Return a trajectory at the network's size."""
    size = (views.WIDTH, views.FULL_HEIGHT)
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in trajectory["panorama"]]
    depth = None
    if "depth" in trajectory:
        full = trajectory["depth"].astype(np.float32)
        nearest = [cv2.resize(d, size, interpolation=cv2.INTER_NEAREST) for d in full]
        depth = np.stack(nearest).astype(np.float16)
    photos = [views.photo_part(p, views.GOAL_FOV_RAD)[0] for p in trajectory["front"]]
    return Tour(
        scene,
        np.stack(small).astype(np.uint8),
        depth,
        np.stack(photos),
        trajectory["pose"],
        trajectory["geodesic_m"],
    )


def cluster(tour: Tour, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a place and three different ones near it, in any order; far ones if there are none."""
    anchor = int(rng.integers(len(tour.pose)))
    order = np.argsort(tour.geodesic_m[anchor] + rng.uniform(0.0, 1e-3, len(tour.pose)))
    near = [i for i in order if 0.05 < tour.geodesic_m[anchor, i] <= NEAR_M]
    if len(near) < PER_CLUSTER - 1:
        far = [i for i in order if i != anchor and i not in near]
        near += far[: PER_CLUSTER - 1 - len(near)]
    chosen = rng.choice(np.array(near), PER_CLUSTER - 1, replace=False)
    return np.concatenate([[anchor], chosen]).astype(np.int64)


def _goal_for(tour: Tour, place: int, rng: np.random.Generator) -> int:
    """Return a goal's place; its distance is nearly uniform up to 5 m, where there are such."""
    wanted = rng.uniform(0.0, _WANTED_M)
    gap = np.abs(tour.geodesic_m[place] - wanted) + rng.uniform(0.0, 0.5, len(tour.pose))
    return int(np.argmin(gap))


def _photo(tour: Tour, index: int, rng: np.random.Generator) -> tuple[Rgb, views.Mask, float]:
    """Return a goal photo's part, where it is known, and its heading: the camera's or any other."""
    known = views.known_part(views.GOAL_FOV_RAD)
    if rng.random() < 0.4:
        return tour.photo[index], known, float(tour.pose[index, 2])
    start = int(rng.integers(views.WIDTH))
    columns = (start + np.arange(views.GOAL_WIDTH)) % views.WIDTH
    part = tour.panorama[index, _TOP : _TOP + views.HEIGHT][:, columns]
    middle = (start + views.GOAL_WIDTH / 2) / views.WIDTH
    return part, known, float(tour.pose[index, 2] + math.pi - middle * 2.0 * math.pi)
