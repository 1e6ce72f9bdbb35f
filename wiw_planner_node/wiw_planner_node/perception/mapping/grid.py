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
ROBOT_RADIUS_M = 0.16
"""Distance from obstacles that the middle of the robot cannot go below."""
ROOMY_M = 0.27
"""Distance from obstacles that it should keep: some things are wider than they look."""
_BUMP_M = 0.02
_BARRED_M = (0.05, 0.10, 0.15)


class FloorMap:
    """What is known of the floor; empty when made, and filled by :meth:`update`.

    Attributes
    ----------
    floor, obstacle, ceiling, wall : (N, N) bool
        Cells at which each has been seen; rows along odom y, columns along odom x.
    barred : (N, N) bool
        Cells that the middle of the robot could not get to.
    clearance_m : (N, N) float64
        Distance to the nearest obstacle seen.
    """

    def __init__(self, robot_radius_m: float = ROBOT_RADIUS_M) -> None:
        self.robot_radius_m = robot_radius_m
        self._half = math.ceil(REACH_M / CELL_M)
        shape = (2 * self._half, 2 * self._half)
        self.floor = np.zeros(shape, np.bool_)
        self.obstacle = np.zeros(shape, np.bool_)
        self.ceiling = np.zeros(shape, np.bool_)
        self.wall = np.zeros(shape, np.bool_)
        self.barred = np.zeros(shape, np.bool_)
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
        """Bar the way ahead if a motion ended short of where it should have.

        Both are poses in odom. A map cannot show everything: some things are wider than they look.
        """
        if expected.distance_m(really) < _BUMP_M:
            return
        for ahead_m in _BARRED_M:
            there = really * Pose2(ahead_m, 0.0)
            row, column = self.cell(there.x_m, there.y_m)
            self.barred[row - 1 : row + 2, column - 1 : column + 2] = True
        self.barred[self.cell(really.x_m, really.y_m)] = False

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
        return self.free & ~self.barred & (self.clearance_m >= self.robot_radius_m)

    @property
    def tight(self) -> Mask:
        """Cells on which the robot would stand closer to an obstacle than it should."""
        return self.clearance_m < ROOMY_M

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
