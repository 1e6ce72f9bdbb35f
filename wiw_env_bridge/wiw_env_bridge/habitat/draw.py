"""Image-goal episodes drawn in one scene, for scenes that no episode file is about."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import TURN_RAD
from wiw_env_bridge.habitat.episodes import Record
from wiw_env_bridge.habitat.frames import rotation_of
from wiw_env_bridge.habitat.rig import Rig
from wiw_env_bridge.habitat.stage import Place, Settings, Stage

RADIUS_M = 0.5
"""Geodesic metres to the goal at which it is reached (arXiv 2510.18135, appendix B.2)."""
NEAR_M, FAR_M = 1.0, 10.0
"""Geodesic metres from start to goal."""
_TRIES = 200


def draw_ignav(
    scene: Path, dataset: str, count: int, rig: Rig, settings: Settings
) -> tuple[Record, ...]:
    """Return episodes; the same for the same scene, count and seed.

    Each has a way that Habitat's own follower takes, whose length is the reference.

    Raises
    ------
    WiwError
        ``ENVIRONMENT_FAILED`` if the scene does not hold so many.
    """
    stage = Stage(scene, dataset, rig, settings)
    try:
        stage.seed(settings.seed)
        rng = np.random.default_rng(settings.seed)
        records: list[Record] = []
        for _ in range(_TRIES * count):
            if len(records) == count:
                break
            name = f"drawn_{len(records):03d}"
            record = _draw(stage, rng, str(scene), name)
            if record is not None:
                records.append(record)
    finally:
        stage.close()
    if len(records) < count:
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            f"The scene '{scene}' holds only {len(records)} of {count} episodes.",
            "Ask for fewer, or give a larger scene.",
        )
    return tuple(records)


def _draw(stage: Stage, rng: np.random.Generator, scene: str, name: str) -> Record | None:
    start, goal = (
        Place(stage.random_point(), rotation_of(float(rng.integers(16)) * TURN_RAD))
        for _ in range(2)
    )
    metres = stage.metres(start.position, goal.position)
    if not (math.isfinite(metres) and NEAR_M <= metres <= FAR_M):
        return None
    stage.put(start)
    try:
        steps = len(stage.route(goal.position, RADIUS_M))
    except WiwError:
        return None  # a way that the follower does not find is no reference
    return Record("ignav", name, scene, start, goal, RADIUS_M, steps)
