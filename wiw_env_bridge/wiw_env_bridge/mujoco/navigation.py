"""Where the robot can be: a 5 cm grid of the floor, geodesic distances and straight-line checks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from wiw_env_bridge.mujoco.floorplan import Box2

CELL_M = 0.05
AGENT_RADIUS_M = 0.15
"""Radius of the swept disc; a door of 0.95 m leaves 0.65 m for its middle."""

Mask = npt.NDArray[np.bool_]

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
"""Half of a 16-neighbourhood, (rows, columns); the other half is its mirror."""


def clear_floor(width_m: float, depth_m: float, solids: Sequence[Box2]) -> Mask:
    """Return the cells (rows along y, columns along x) where the middle of the robot can be.

    A cell is clear when its middle is at least the robot's radius from every solid.
    """
    shape = math.ceil(depth_m / CELL_M), math.ceil(width_m / CELL_M)
    empty = np.ones(shape, np.uint8)
    for box in solids:
        corners = cv2.boxPoints(
            (
                (box.x_m / CELL_M - 0.5, box.y_m / CELL_M - 0.5),
                (box.width_m / CELL_M, box.depth_m / CELL_M),
                math.degrees(box.yaw_rad),
            )
        )
        cv2.fillPoly(empty, [np.round(corners).astype(np.int32)], (0.0,))
    to_solid_m = cv2.distanceTransform(empty, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * CELL_M
    return np.asarray(to_solid_m - CELL_M / 2 >= AGENT_RADIUS_M)


def largest_island(clear: Mask) -> Mask:
    """Return the largest connected part of the clear cells."""
    labels, count = ndimage.label(clear)
    if count == 0:
        return clear
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(np.argmax(sizes)))


class FloorGrid:
    """The cells the robot can stand in, all reachable from one another.

    Parameters
    ----------
    free : (rows, columns) bool
        Row i, column j covers y in [i, i + 1) and x in [j, j + 1) times ``CELL_M``.
    """

    def __init__(self, free: Mask) -> None:
        self.free = free
        self._graph: sparse.csr_matrix | None = None

    def is_free(self, x_m: float, y_m: float) -> bool:
        """Tell whether the robot can stand at this point."""
        row, column = math.floor(y_m / CELL_M), math.floor(x_m / CELL_M)
        rows, columns = self.free.shape
        return 0 <= row < rows and 0 <= column < columns and bool(self.free[row, column])

    def see(self, x_m: float, y_m: float, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tell for each of ``points`` (N, 2) whether the robot could go straight to it."""
        here = np.array([x_m, y_m])
        longest = float(np.max(np.linalg.norm(points - here, axis=1), initial=0.0))
        share = np.linspace(0.0, 1.0, max(2, math.ceil(longest / (CELL_M / 3)) + 1))
        on_line = here + share[:, None, None] * (points - here)
        column, row = np.floor(on_line / CELL_M).astype(np.int64).transpose(2, 0, 1)
        rows, columns = self.free.shape
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        free = self.free[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
        return np.asarray((inside & free).all(axis=0))

    def distances_to(self, x_m: float, y_m: float) -> DistanceField:
        """Return geodesic distances of every place to this one, which must be free."""
        return DistanceField(self, self._edges(), x_m, y_m)

    def metres_to_nearest(self, points: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
        """Return metres from each cell to the nearest of these free points, (rows, columns).

        Along the 16-neighbour grid: up to 3 % and a cell more than the true geodesic distance.
        Infinite where the robot cannot stand. Raises ``ValueError`` if there is no such point.
        """
        cells = sorted({self.cell(*p) for p in points if self.is_free(*p)})
        if not cells:
            raise ValueError("None of the points is on the free floor.")
        metres = dijkstra(self._edges(), directed=False, indices=cells, min_only=True)
        return np.asarray(metres).reshape(self.free.shape)

    def cell(self, x_m: float, y_m: float) -> int:
        """Return the number of the cell that holds a point, counted along the rows."""
        return int(math.floor(y_m / CELL_M) * self.free.shape[1] + math.floor(x_m / CELL_M))

    def _edges(self) -> sparse.csr_matrix:
        if self._graph is None:
            self._graph = _graph(self.free)
        return self._graph


class DistanceField:
    """Geodesic distances to one goal; make it with :meth:`FloorGrid.distances_to`.

    Shortest paths run over a 16-neighbour grid and are then pulled straight wherever the robot
    could go straight, so a distance is the length of a real path between the two exact points.
    """

    def __init__(
        self, grid: FloorGrid, graph: sparse.csr_matrix, goal_x_m: float, goal_y_m: float
    ) -> None:
        if not grid.is_free(goal_x_m, goal_y_m):
            raise ValueError(f"The goal ({goal_x_m}, {goal_y_m}) is not on the free floor.")
        self._grid = grid
        self.goal = (goal_x_m, goal_y_m)
        self._goal = np.array(self.goal)
        self._columns = grid.free.shape[1]
        _, towards = dijkstra(
            graph,
            directed=False,
            indices=[grid.cell(goal_x_m, goal_y_m)],
            return_predecessors=True,
        )
        self._towards = towards[0]

    def metres(self, x_m: float, y_m: float) -> float:
        """Return the geodesic distance in metres; infinite where the robot cannot stand."""
        if not self._grid.is_free(x_m, y_m):
            return math.inf
        here = np.array([x_m, y_m])
        if self._grid.see(x_m, y_m, self._goal[None])[0]:
            return math.dist(here, self._goal)
        path = self._path(self._grid.cell(x_m, y_m))
        total, at = 0.0, 0
        while True:
            # Pull straight: jump to the furthest point of the path in sight, at least one ahead.
            visible = np.nonzero(self._grid.see(here[0], here[1], path[at:]))[0]
            at += int(visible[-1]) if len(visible) else 0
            total += math.dist(here, path[at])
            here = path[at]
            if at == len(path) - 1:
                return total
            at += 1

    def _path(self, cell: int) -> npt.NDArray[np.float64]:
        """Return the middles of the cells after ``cell`` on the way, then the goal; (N, 2)."""
        cells = []
        while (cell := int(self._towards[cell])) >= 0:
            cells.append(cell)
        row, column = np.divmod(np.array(cells[:-1], np.int64), self._columns)
        middles = (np.stack([column, row], axis=1) + 0.5) * CELL_M
        return np.concatenate([middles, self._goal[None]])


def _graph(free: Mask) -> sparse.csr_matrix:
    """Return the 16-neighbour graph; an edge needs every cell it crosses to be free."""
    rows, columns = free.shape
    index = np.arange(free.size).reshape(free.shape)
    padded = np.pad(free, 2)

    def shifted(down: int, right: int) -> Mask:
        return padded[2 + down : 2 + down + rows, 2 + right : 2 + right + columns]

    starts, ends, lengths = [], [], []
    for down, right in _STEPS:
        open_ = free & shifted(down, right)
        side = int(np.sign(right))
        if down == 1 and abs(right) == 1:
            open_ = open_ & shifted(1, 0) & shifted(0, side)
        elif abs(right) == 2:
            open_ = open_ & shifted(0, side) & shifted(1, side)
        elif down == 2:
            open_ = open_ & shifted(1, 0) & shifted(1, side)
        row, column = np.nonzero(open_)
        starts.append(index[row, column])
        ends.append(index[row + down, column + right])
        lengths.append(np.full(len(row), math.hypot(down, right) * CELL_M))
    data = np.concatenate(lengths)
    return sparse.csr_matrix(
        (data, (np.concatenate(starts), np.concatenate(ends))), shape=(free.size, free.size)
    )
