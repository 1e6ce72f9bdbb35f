"""What every kind of episode shares: random places, and a fixed number of episodes per scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from wiw_core.geometry import Pose2
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer

_TRIES = 200

MakeOne = Callable[[Renderer, Layout, np.random.Generator, int], "EpisodeRecord | None"]
"""Draws one episode of a layout, its number within that layout last; None: try again."""


def turn_by_turn(
    renderer: Renderer, scenes: Sequence[int], rounds: int, seed: int, make_one: MakeOne
) -> list[EpisodeRecord]:
    """Return ``rounds`` episodes per scene; consecutive ones are in different scenes.

    Every scene's draws depend on ``seed`` and the scene only. Raises ``RuntimeError`` if a scene
    has too few places.
    """
    per_scene = [list(_of_scene(renderer, scene, rounds, seed, make_one)) for scene in scenes]
    return [episodes[k] for k in range(rounds) for episodes in per_scene]


def random_pose(rng: np.random.Generator, layout: Layout) -> Pose2:
    """Return a pose ``T_map_base`` on the middle of a free cell, any heading."""
    rows, columns = np.nonzero(layout.grid.free)
    k = int(rng.integers(len(rows)))
    x, y = (columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M
    yaw = float(rng.uniform(-math.pi, math.pi))
    return Pose2(round(float(x), 4), round(float(y), 4), round(yaw, 4))


def _of_scene(
    renderer: Renderer, scene: int, count: int, seed: int, make_one: MakeOne
) -> Iterator[EpisodeRecord]:
    layout = renderer.layout(scene)
    found = 0
    for tries in range(_TRIES):
        if found == count:
            return
        record = make_one(renderer, layout, np.random.default_rng([seed, scene, tries]), found)
        if record is not None:
            found += 1
            yield record
    if found < count:
        raise RuntimeError(f"{layout.name} has too few places for {count} episodes.")
