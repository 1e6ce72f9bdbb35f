"""Random primitives, as a planner without any idea of the place would propose them."""

from __future__ import annotations

import numpy as np

from wiw_core.geometry import Pose2
from wiw_env_bridge.collect.walks import FORWARD, TURNS, ahead
from wiw_env_bridge.mujoco.navigation import FloorGrid

FORWARD_SHARE = 0.6
"""Probability of ``forward`` before the rules apply."""
BLOCKED_SHARE = 0.05
"""The same where something is in the way: a model must see what bumping into things looks like."""
MAX_SAME_TURNS = 4
"""A quarter circle."""


class RandomWalk:
    """The heuristic of the paper (arXiv 2510.18135, appendix B): a turn is never undone.

    Parameters
    ----------
    grid : FloorGrid
    rng : numpy.random.Generator
    """

    def __init__(self, grid: FloorGrid, rng: np.random.Generator) -> None:
        self._grid, self._rng = grid, rng
        self._turns: list[str] = []

    def next(self, pose: Pose2) -> str:
        """Return the name of what to do at ``pose``, ``T_map_base``."""
        forward = BLOCKED_SHARE if ahead(self._grid, pose).blocked else FORWARD_SHARE
        if self._turns:
            may_turn = self._turns[:1] if len(self._turns) < MAX_SAME_TURNS else []
        else:
            may_turn = list(TURNS)
        names = [FORWARD, *may_turn]
        turn = (1.0 - FORWARD_SHARE) / len(TURNS)
        shares = np.array([forward, *[turn] * len(may_turn)])
        name = names[int(self._rng.choice(len(names), p=shares / shares.sum()))]
        self._turns = [] if name == FORWARD else [*self._turns, name]
        return name
