"""What the samplers of navigation share: the walk's contract and where it leads."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from wiw_core.geometry import Pose2
from wiw_core.plans import Action
from wiw_env_bridge.mujoco.agent import Motion, plan_motion
from wiw_env_bridge.mujoco.navigation import FloorGrid

TURNS = ("turn_left", "turn_right")
FORWARD = "forward"


class Walk(Protocol):
    """Chooses primitives one by one; it may know the floor, as no policy does."""

    def __init__(self, grid: FloorGrid, rng: np.random.Generator) -> None: ...

    def next(self, pose: Pose2) -> str:
        """Return the name of what to do at ``pose``, ``T_map_base``."""
        ...


def ahead(grid: FloorGrid, pose: Pose2) -> Motion:
    """Return what ``forward`` does at a pose."""
    return plan_motion(grid, pose, Action(FORWARD))
