"""The paper's waypoint sampler: from leaf to leaf of the floor, where it has not been yet."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Pose2
from wiw_core.plans import TURN_RAD
from wiw_env_bridge.collect.walks import FORWARD, ahead
from wiw_env_bridge.mujoco.navigation import CELL_M, FloorGrid

POINTS_PER_M2, MOST_POINTS = 4.0, 1400
LEAF_SHARE, LEAF_SPACING_M, MEAN_WEIGHT = 0.08, 3.0, 1.7
ARRIVED_M, VISITED_M = 0.25, 0.5
"""The sampler's numbers (arXiv 2510.18135, appendix D)."""
_TURN_COST_M, _LEAST_GAIN_M = 0.03, 0.02

Metres = npt.NDArray[np.float64]


class Waypoints:
    """Random points on the floor; the next leaf is the nearest of those that lie farthest out.

    A point's leaf score is the geodesic distance to the farthest point plus ``MEAN_WEIGHT`` times
    the mean distance. Leaves are taken in descending score, ``LEAF_SPACING_M`` apart. On arrival
    the points within ``VISITED_M`` of the path are done with, and the rest is scored again.

    Parameters
    ----------
    grid : FloorGrid
    rng : numpy.random.Generator
    """

    def __init__(self, grid: FloorGrid, rng: np.random.Generator) -> None:
        self._grid = grid
        rows, columns = np.nonzero(grid.free)
        wanted = min(MOST_POINTS, math.ceil(POINTS_PER_M2 * len(rows) * CELL_M**2))
        chosen = np.sort(rng.choice(len(rows), max(1, wanted), replace=False))
        self._cells = rows[chosen], columns[chosen]
        points = [self._middle(r, c) for r, c in zip(*self._cells)]
        self._between = np.stack([self._field([p])[self._cells] for p in points])
        self._points = points
        self._left = np.ones(len(points), np.bool_)
        self._path: list[tuple[float, float]] = []
        self._goal: int | None = None
        self._to_goal: Metres = np.zeros(grid.free.shape)

    def next(self, pose: Pose2) -> str:
        """Return the name of what to do at ``pose``, ``T_map_base``."""
        self._path.append((pose.x_m, pose.y_m))
        if self._goal is not None and self._metres(pose) <= ARRIVED_M:
            self._left &= self._field(self._path)[self._cells] > VISITED_M
            self._left[self._goal] = False
            self._goal = None
        for _ in range(2 * len(self._points)):
            if self._goal is None:
                self._aim(pose)
            turns = self._turns_towards(pose)
            if turns is not None:
                return FORWARD if turns == 0 else "turn_left" if turns > 0 else "turn_right"
            # No straight step brings it nearer: this one is not to be had from here.
            self._left[self._goal] = False
            self._goal = None
        return "turn_left"  # boxed in

    def _aim(self, pose: Pose2) -> None:
        if not self._left.any():
            self._left[:] = True  # everything was visited: once more
        leaves = self._leaves()
        here = self._field([(pose.x_m, pose.y_m)])
        metres = here[self._cells][leaves]
        self._goal = int(leaves[int(np.argmin(metres))])
        self._to_goal = self._field([self._points[self._goal]])

    def _leaves(self) -> npt.NDArray[np.int64]:
        left = np.nonzero(self._left)[0]
        between = self._between[np.ix_(left, left)]
        score = between.max(axis=1) + MEAN_WEIGHT * between.mean(axis=1)
        budget = max(1, math.ceil(LEAF_SHARE * len(self._points)))
        leaves: list[int] = []
        for k in left[np.argsort(-score, kind="stable")]:
            if all(self._between[k, leaf] >= LEAF_SPACING_M for leaf in leaves):
                leaves.append(int(k))
            if len(leaves) == budget:
                break
        return np.array(leaves)

    def _turns_towards(self, pose: Pose2) -> int | None:
        """Return the signed number of turns before the best step; None if no step is any good."""
        now, best, turns = self._metres(pose), math.inf, None
        half = round(math.pi / TURN_RAD)
        for k in sorted(range(-half + 1, half + 1), key=abs):
            motion = ahead(self._grid, pose * Pose2(0.0, 0.0, k * TURN_RAD))
            if motion.blocked:
                continue
            then = self._metres(motion.at(1.0))
            cost = then + _TURN_COST_M * abs(k)
            if then < now - _LEAST_GAIN_M and cost < best:
                best, turns = cost, k
        return turns

    def _metres(self, pose: Pose2) -> float:
        row, column = math.floor(pose.y_m / CELL_M), math.floor(pose.x_m / CELL_M)
        return float(self._to_goal[row, column])

    def _field(self, points: list[tuple[float, float]]) -> Metres:
        return self._grid.metres_to_nearest(points)

    def _middle(self, row: int, column: int) -> tuple[float, float]:
        return (float(column) + 0.5) * CELL_M, (float(row) + 0.5) * CELL_M
