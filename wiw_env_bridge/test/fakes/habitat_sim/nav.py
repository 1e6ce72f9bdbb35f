"""The navigation mesh, as a grid of 5 cm, and the greedy follower."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from habitat_sim.boxes import Boxes
from habitat_sim.errors import GreedyFollowerError

CELL_M = 0.05
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))


class ShortestPath:
    """A question, and its answer."""

    def __init__(self) -> None:
        self.requested_start: Any = None
        self.requested_end: Any = None
        self.points: list[np.ndarray] = []
        self.geodesic_distance = math.inf


class MultiGoalShortestPath(ShortestPath):
    """The same to the nearest of several ends."""

    def __init__(self) -> None:
        super().__init__()
        self.requested_ends: list[Any] = []


class PathFinder:
    """Where a disc of the agent's radius can be; positions are float32 (x, y, z), y up."""

    def __init__(self, boxes: Boxes, radius: float) -> None:
        self._size, self._radius = boxes.size, radius
        nx, nz = (round(float(side) / CELL_M) for side in boxes.size[[0, 2]])
        x, z = (np.arange(n) * CELL_M + CELL_M / 2 for n in (nx, nz))
        walls = np.minimum.outer(np.minimum(x, boxes.size[0] - x), np.minimum(z, boxes.size[2] - z))
        clear = np.asarray(walls)
        for low, high in zip(boxes.low, boxes.high):
            if low[1] < 1.0:  # what hangs higher is no obstacle
                dx = np.maximum(np.maximum(low[0] - x, x - high[0]), 0.0)
                dz = np.maximum(np.maximum(low[2] - z, z - high[2]), 0.0)
                clear = np.minimum(clear, np.hypot.outer(dx, dz))
        self._clear = clear
        self._free = clear >= radius
        self._islands, _ = ndimage.label(self._free, structure=np.ones((3, 3)))
        self._fields: dict[tuple[int, int], np.ndarray] = {}
        self._rng = np.random.default_rng(0)
        self._graph = self._connect()
        self.is_loaded = bool(self._free.any())

    def seed(self, number: int) -> None:
        """Begin the random points anew."""
        self._rng = np.random.default_rng(number)

    def get_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the corners."""
        return np.zeros(3, np.float32), self._size.astype(np.float32)

    def is_navigable(self, pt: Any, max_y_delta: float = 0.5) -> bool:
        """Tell whether the agent can stand there."""
        x, y, z = (float(v) for v in pt)
        cell = self._cell(x, z)
        return abs(y) <= max_y_delta and cell is not None and bool(self._free[cell])

    def snap_point(self, pt: Any) -> np.ndarray:
        """Return the nearest place to stand; NaN if there is none."""
        if self.is_navigable(pt):
            return np.array([pt[0], 0.0, pt[2]], np.float32)
        cells = np.argwhere(self._free)
        if not len(cells):
            return np.full(3, np.nan, np.float32)
        middles = (cells + 0.5) * CELL_M
        best = np.argmin(np.hypot(middles[:, 0] - float(pt[0]), middles[:, 1] - float(pt[2])))
        return np.array([middles[best][0], 0.0, middles[best][1]], np.float32)

    def get_island(self, pt: Any) -> int:
        """Return the number of the connected part; -1 off the mesh."""
        cell = self._cell(float(pt[0]), float(pt[2]))
        return -1 if cell is None or not self._free[cell] else int(self._islands[cell]) - 1

    def island_radius(self, pt: Any) -> float:
        """Return how far its island reaches."""
        island = self.get_island(pt)
        if island < 0:
            return 0.0
        cells = np.argwhere(self._islands == island + 1) * CELL_M
        return float(np.linalg.norm(cells.max(0) - cells.min(0)) / 2)

    def distance_to_closest_obstacle(self, pt: Any, max_search_radius: float = 2.0) -> float:
        """Return metres to the nearest wall or box, beyond the agent's radius."""
        cell = self._cell(float(pt[0]), float(pt[2]))
        clear = 0.0 if cell is None else float(self._clear[cell]) - self._radius
        return min(max_search_radius, max(0.0, clear))

    def get_random_navigable_point(self, max_tries: int = 10, island_index: int = -1) -> np.ndarray:
        """Return a place to stand."""
        wanted = self._free if island_index < 0 else self._islands == island_index + 1
        cells = np.argwhere(wanted)
        x, z = (cells[self._rng.integers(len(cells))] + 0.5) * CELL_M
        return np.array([x, 0.0, z], np.float32)

    def get_random_navigable_point_near(
        self, circle_center: Any, radius: float, max_tries: int = 100, island_index: int = -1
    ) -> np.ndarray:
        """Return one within a radius; NaN if none was found."""
        for _ in range(max_tries):
            point = self.get_random_navigable_point(island_index=island_index)
            if math.dist(point[[0, 2]], np.asarray(circle_center)[[0, 2]]) <= radius:
                return point
        return np.full(3, np.nan, np.float32)

    def get_topdown_view(
        self, meters_per_pixel: float, height: float, eps: float = 0.5
    ) -> np.ndarray:
        """Return where one can stand, seen from above: rows along z, columns along x."""
        nx, nz = (int(side / meters_per_pixel) for side in self._size[[0, 2]])
        x, z = (((np.arange(n) + 0.5) * meters_per_pixel / CELL_M).astype(int) for n in (nx, nz))
        return np.asarray(self._free[np.ix_(x, z)].T)

    def find_path(self, path: ShortestPath) -> bool:
        """Answer a question; False, and an infinite distance, if there is no way."""
        start, end = (np.asarray(p, float) for p in (path.requested_start, path.requested_end))
        path.points, path.geodesic_distance = [], math.inf
        if not (self.is_navigable(start) and self.is_navigable(end)):
            return False
        path.geodesic_distance = self._metres(start, end)
        if not math.isfinite(path.geodesic_distance):
            return False
        path.points = [start.astype(np.float32), end.astype(np.float32)]
        return True

    def try_step(self, start: Any, end: Any) -> np.ndarray:
        """Return where a step ends that slides along what is in its way."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        there = self._straight(start, end)
        rest = end - there
        for axis in (0, 2):  # what is left of it, along one wall or the other
            aside = there.copy()
            aside[axis] += rest[axis]
            there = self._straight(there, aside)
        return there.astype(np.float32)

    def try_step_no_sliding(self, start: Any, end: Any) -> np.ndarray:
        """Return where a step ends that stops at what is in its way."""
        return self._straight(np.asarray(start, float), np.asarray(end, float)).astype(np.float32)

    def _straight(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return the last place on the way that one can stand at."""
        count = max(2, math.ceil(math.dist(start, end) / 0.005))
        points = start + np.linspace(0.0, 1.0, count + 1)[1:, None] * (end - start)
        cells = np.floor(points[:, [0, 2]] / CELL_M).astype(int)
        inside = ((cells >= 0) & (cells < self._free.shape)).all(axis=1)
        i, j = np.clip(cells, 0, np.array(self._free.shape) - 1).T
        bad = np.flatnonzero(~(inside & self._free[i, j]))
        if not len(bad):
            return end
        return start if bad[0] == 0 else points[bad[0] - 1]

    def _cell(self, x: float, z: float) -> tuple[int, int] | None:
        i, j = math.floor(x / CELL_M), math.floor(z / CELL_M)
        inside = 0 <= i < self._free.shape[0] and 0 <= j < self._free.shape[1]
        return (i, j) if inside else None

    def _connect(self) -> Any:
        """Return the graph of free cells and the lengths between them."""
        nx, nz = self._free.shape
        rows, columns, lengths = [], [], []
        index = np.arange(nx * nz).reshape(nx, nz)
        for di, dj in _STEPS:
            a = (slice(0, nx - di), slice(max(0, -dj), nz - max(0, dj)))
            b = (slice(di, nx), slice(max(0, dj), nz + min(0, dj)))
            both = self._free[a] & self._free[b]
            rows.append(index[a][both])
            columns.append(index[b][both])
            lengths.append(np.full(int(both.sum()), math.hypot(di, dj) * CELL_M))
        shape = (nx * nz, nx * nz)
        return sparse.csr_matrix(
            (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), shape
        )

    def _metres(self, start: np.ndarray, end: np.ndarray) -> float:
        """Return the same both ways: straight if nothing is between, else along the grid."""
        if np.allclose(self._straight(start, end), end) and np.allclose(
            self._straight(end, start), start
        ):
            return math.dist(start[[0, 2]], end[[0, 2]])
        from_, to = (self._cell(float(p[0]), float(p[2])) for p in (start, end))
        assert from_ is not None and to is not None
        low, high = (from_, to) if from_ in self._fields else (to, from_)  # the same both ways
        if low not in self._fields:
            flat = low[0] * self._free.shape[1] + low[1]
            self._fields[low] = dijkstra(self._graph, directed=False, indices=flat).reshape(
                self._free.shape
            )
        ends = sum(
            math.dist(p[[0, 2]], (np.array(cell) + 0.5) * CELL_M)
            for p, cell in ((start, from_), (end, to))
        )
        return float(self._fields[low][high]) + ends


class GreedyGeodesicFollower:
    """Fits actions to the shortest path: turn towards where it shortens, then go."""

    def __init__(
        self, pathfinder: PathFinder, agent: Any, goal_radius: float | None = None, **keys: Any
    ) -> None:
        self.pathfinder, self.agent = pathfinder, agent
        space = agent.agent_config.action_space
        self._forward = space["move_forward"].actuation.amount
        self._turn = math.radians(space["turn_left"].actuation.amount)
        self.goal_radius = 0.75 * self._forward if goal_radius is None else goal_radius

    def next_action_along(self, goal_pos: Any) -> Any:
        """Return the next action, None at the goal."""
        return self.find_path(goal_pos)[0]

    def find_path(self, goal_pos: Any) -> list[Any]:
        """Return all actions, ending in None; raises ``GreedyFollowerError`` if there is no way."""
        state = self.agent.get_state()
        place, turns = np.asarray(state.position, float), 0
        goal = np.asarray(goal_pos, float)
        yaw = 2.0 * math.atan2(state.rotation.y, state.rotation.w)
        actions: list[Any] = []
        while (left := self._left(place, goal)) > self.goal_radius:
            turn, ahead = self._best(place, goal, yaw + turns * self._turn, left)
            name = "turn_left" if turn > 0 else "turn_right"
            actions += [name] * abs(turn) + ["move_forward"]
            turns, place = turns + turn, ahead
            if len(actions) > 500:
                raise GreedyFollowerError
        return [*actions, None]

    def _left(self, place: np.ndarray, goal: np.ndarray) -> float:
        path = ShortestPath()
        path.requested_start, path.requested_end = place, goal
        if not self.pathfinder.find_path(path):
            raise GreedyFollowerError
        return path.geodesic_distance

    def _best(
        self, place: np.ndarray, goal: np.ndarray, yaw: float, left: float
    ) -> tuple[int, np.ndarray]:
        around = round(2 * math.pi / self._turn)
        best: tuple[float, int, np.ndarray] | None = None
        for turn in sorted(range(-around // 2, around // 2 + 1), key=abs):
            angle = yaw + turn * self._turn
            step = self._forward * np.array([-math.sin(angle), 0.0, -math.cos(angle)])
            ahead = self.pathfinder.try_step_no_sliding(place, place + step).astype(float)
            if math.dist(ahead, place) < 0.99 * self._forward:
                continue
            gain = left - self._left(ahead, goal) - 0.004 * abs(turn)
            if best is None or gain > best[0]:
                best = gain, turn, ahead
        if best is None or best[0] <= 0.0:
            raise GreedyFollowerError
        return best[1], best[2]
