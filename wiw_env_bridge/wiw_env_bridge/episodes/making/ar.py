"""Episodes of active recognition: an object, and a start from which something hides part of it.

Distance alone makes nothing hard: what a robot needs to move for is occlusion. So difficulty is the
share of the object that is seen at the start: the solid angle that shows it over the one that would
with nothing in the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Pose2
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.episodes.making.common import random_pose, turn_by_turn
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import Target

LEVELS = {"easy": (0.65, 0.90), "medium": (0.35, 0.65), "hard": (0.0, 0.35)}
"""Difficulty: share of the object that is seen at the start, the lower bound included."""
MIN_PIXELS = 12
"""Of the object, in the panorama at the start."""
TARGET_M = (0.8, 3.5)
"""Start to object."""
HELPS_WITHIN_M = 1.2
"""Straight way from the start to a place that shows the object well."""
WELL_SHARE, WELL_PIXELS = 0.9, 100
"""What such a place shows of it."""
_STARTS, _PLACES = 40, 24


def make(
    renderer: Renderer, scenes: Sequence[int], rounds: int, seed: int
) -> Sequence[EpisodeRecord]:
    """Return ``rounds`` episodes per scene; consecutive ones differ in scene and in difficulty."""
    return turn_by_turn(renderer, scenes, rounds, seed, _make_one)


def _make_one(
    renderer: Renderer, layout: Layout, rng: np.random.Generator, index: int
) -> EpisodeRecord | None:
    order = np.random.default_rng(layout.seed).permutation(len(layout.targets))
    # The n-th episode begins with the n-th object and moves on where one is never hidden.
    target = layout.targets[order[(index + rng.integers(3) * 4) % len(order)]]
    difficulty = tuple(LEVELS)[(layout.seed + index) % len(LEVELS)]
    start = _start(renderer, layout, rng, target, LEVELS[difficulty])
    if start is None or not _moving_helps(renderer, layout, rng, start, target):
        return None
    return EpisodeRecord(
        task="ar",
        id="",
        split="",
        scene=layout.seed,
        seed=int(rng.integers(1 << 31)),
        start=start,
        target=target.name,
        label=target.label,
        difficulty=difficulty,
    )


def _start(
    renderer: Renderer,
    layout: Layout,
    rng: np.random.Generator,
    target: Target,
    shares: tuple[float, float],
) -> Pose2 | None:
    for _ in range(_STARTS):
        start = random_pose(rng, layout)
        if not TARGET_M[0] <= start.distance_m(Pose2(target.x_m, target.y_m)) <= TARGET_M[1]:
            continue
        share, pixels = renderer.share_seen(layout.seed, start, target)
        if pixels >= MIN_PIXELS and shares[0] <= share < shares[1]:
            return start
    return None


def _moving_helps(
    renderer: Renderer, layout: Layout, rng: np.random.Generator, start: Pose2, target: Target
) -> bool:
    near = _in_reach_of(layout, start)
    for x_m, y_m in near[rng.permutation(len(near))[:_PLACES]]:
        share, pixels = renderer.share_seen(layout.seed, Pose2(float(x_m), float(y_m)), target)
        if pixels >= WELL_PIXELS and share >= WELL_SHARE:
            return True
    return False


def _in_reach_of(layout: Layout, start: Pose2) -> npt.NDArray[np.float64]:
    """Return the middles (N, 2) of cells that the robot can go straight to, in any direction."""
    rows, columns = np.nonzero(layout.grid.free)
    middles = (np.stack([columns, rows], axis=1) + 0.5) * CELL_M
    away = np.hypot(*(middles - (start.x_m, start.y_m)).T)
    middles = middles[away <= HELPS_WITHIN_M]
    return np.asarray(middles[layout.grid.see(start.x_m, start.y_m, middles)])
