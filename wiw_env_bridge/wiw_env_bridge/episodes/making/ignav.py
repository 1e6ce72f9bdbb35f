"""Episodes of image-goal navigation: a start, and a pose from which the goal photo is taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wiw_core.observation import Depth
from wiw_core.tasks.ignav import SUCCESS_RADIUS_M
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.episodes.making.common import random_pose, turn_by_turn
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.shortest import shortest_actions

LEVELS_M = {"easy": (1.0, 2.0), "medium": (2.0, 3.0), "hard": (3.0, 4.0)}
"""Difficulty: geodesic metres from start to goal, the lower bound included."""
_NEAREST_M, _FARTHEST_M = 1.0, 4.0
_OPEN_M, _OPEN_SHARE = 1.5, 0.25


def make(
    renderer: Renderer, scenes: Sequence[int], rounds: int, seed: int
) -> Sequence[EpisodeRecord]:
    """Return ``rounds`` episodes per scene; consecutive ones are in different scenes."""
    return turn_by_turn(renderer, scenes, rounds, seed, _make_one)


def level(metres: float) -> str:
    """Return the difficulty of a geodesic distance in metres."""
    return next((name for name, (_, end) in LEVELS_M.items() if metres < end), "hard")


def shows_more_than_a_wall(depth: Depth) -> bool:
    """Tell whether a front picture (H, W), metres, is fit to be a goal: no bare wall."""
    return bool((depth > _OPEN_M).mean() >= _OPEN_SHARE)


def _make_one(
    renderer: Renderer, layout: Layout, rng: np.random.Generator, index: int
) -> EpisodeRecord | None:
    start, goal = random_pose(rng, layout), random_pose(rng, layout)
    to_goal = layout.grid.distances_to(goal.x_m, goal.y_m)
    metres = to_goal.metres(start.x_m, start.y_m)
    if not _NEAREST_M <= metres <= _FARTHEST_M:
        return None
    _, depth = renderer.front_view(layout.seed, goal)
    if not shows_more_than_a_wall(depth):
        return None
    actions = shortest_actions(layout.grid, to_goal, start, SUCCESS_RADIUS_M)
    if not actions:
        return None
    return EpisodeRecord(
        task="ignav",
        id="",
        split="",
        scene=layout.seed,
        seed=int(rng.integers(1 << 31)),
        start=start,
        goal=goal,
        shortest_m=round(metres, 4),
        shortest_actions=actions,
        difficulty=level(round(metres, 4)),
    )
