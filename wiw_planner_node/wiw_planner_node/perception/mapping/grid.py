"""The floor as the robot has seen it so far, on a grid in odom: free, occupied or unknown."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_core.geometry import Pose2
from wiw_core.observation import Observation
from wiw_planner_node.perception.mapping.sweep import Points, sweep

Mask = npt.NDArray[np.bool_]
Cell = tuple[int, int]
"""Row (along odom y) and column (along odom x)."""

CELL_M = 0.05
REACH_M = 12.0
"""The map is a square of twice this side around the episode's start; farther things are dropped."""
ROBOT_RADIUS_M = 0.22
"""Distance from obstacles that routes keep: the robot's 0.15 m and a cell or two of margin."""
_BUMP_M = 0.02


class FloorMap:
    """What is known of the floor; empty when made, and filled by :meth:`update`.

    Attributes
    ----------
    floor, obstacle, ceiling, wall : (N, N) bool
        Cells at which each has been seen; rows along odom y, columns along odom x.
    """

    def __init__(self, robot_radius_m: float = ROBOT_RADIUS_M) -> None:
        self.robot_radius_m = robot_radius_m
        self._half = math.ceil(REACH_M / CELL_M)
        shape = (2 * self._half, 2 * self._half)
        self.floor = np.zeros(shape, np.bool_)
        self.obstacle = np.zeros(shape, np.bool_)
        self.ceiling = np.zeros(shape, np.bool_)
        self.wall = np.zeros(shape, np.bool_)
        self.clearance_m = np.zeros(shape)

    def update(self, observation: Observation) -> None:
        """Add what a panorama with depth shows; raises as :func:`~.sweep.sweep`."""
        seen = sweep(observation)
        for layer, points in (
            (self.floor, seen.floor),
            (self.ceiling, seen.ceiling),
            (self.obstacle, seen.obstacles),
            (self.wall, seen.walls),
        ):
            self._mark(layer, points)
        self._refresh()

    def bump(self, expected: Pose2, really: Pose2) -> None:
        """Note an obstacle ahead if a motion ended short of where it should have.

        Both are poses in odom. The depth camera misses what is lower than :data:`~.sweep.LOWEST_M`.
        """
        if expected.distance_m(really) < _BUMP_M:
            return
        ahead = really * Pose2(self.robot_radius_m, 0.0)
        self._mark(self.obstacle, np.array([[ahead.x_m, ahead.y_m]], np.float32))
        self._refresh()

    @property
    def free(self) -> Mask:
        """Cells of which the floor was seen and no obstacle above it."""
        return self.floor & ~self.obstacle

    @property
    def unknown(self) -> Mask:
        """Cells of which nothing was seen at the robot's height."""
        return ~(self.floor | self.obstacle)

    @property
    def passable(self) -> Mask:
        """Free cells on which the middle of the robot can be."""
        return self.free & (self.clearance_m >= self.robot_radius_m)

    def cell(self, x_m: float, y_m: float) -> Cell:
        """Return the cell of a place in odom, moved to the map's edge if it lies outside."""
        top = 2 * self._half - 1
        row = math.floor(y_m / CELL_M) + self._half
        column = math.floor(x_m / CELL_M) + self._half
        return min(max(row, 0), top), min(max(column, 0), top)

    def place(self, cell: Cell) -> tuple[float, float]:
        """Return the middle of a cell in odom, metres."""
        row, column = cell
        return (column - self._half + 0.5) * CELL_M, (row - self._half + 0.5) * CELL_M

    def _mark(self, layer: Mask, points: Points) -> None:
        columns, rows = (np.floor(points / CELL_M).astype(np.int64) + self._half).T
        size = 2 * self._half
        inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
        layer[rows[inside], columns[inside]] = True

    def _refresh(self) -> None:
        """Measure the distance to obstacles, in the part of the map that has something in it."""
        self.clearance_m = np.full(self.floor.shape, np.inf)
        if not self.obstacle.any():
            return
        window = extent(self.floor | self.obstacle, margin=2)
        distance = ndimage.distance_transform_edt(~self.obstacle[window]) * CELL_M
        self.clearance_m[window] = distance


def extent(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Return the window that just holds all of a mask, and a margin of cells; all if it is empty.

    The window never leaves the map.
    """
    if not mask.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )
