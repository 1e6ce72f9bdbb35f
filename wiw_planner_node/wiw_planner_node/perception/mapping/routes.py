"""Ways over the known floor: distances to everywhere, and routes as primitives."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from wiw_core.geometry import Pose2
from wiw_core.plans import FORWARD_M, NAVIGATION_DELTA
from wiw_planner_node.perception.mapping.grid import CELL_M, Cell, FloorMap, Mask, extent

_Number = TypeVar("_Number", np.int64, np.float64)
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
_TIGHT = 3.0
_OUT_M = 0.5
_GREED = 1.6
_MOST_EXPANSIONS = 6000
_ARRIVED_M = 0.15
_CHECK_M = 0.05
_TURNS = 16


@dataclass(frozen=True)
class Distances:
    """Metres over the passable floor from one place to every cell; inf where there is no way.

    A metre close to obstacles counts as three, so that ways keep clear of them where they can.
    """

    metres: npt.NDArray[np.float64]

    def at(self, cell: Cell) -> float:
        """Return the distance of a cell."""
        return float(self.metres[cell])


def distances(floor_map: FloorMap, start: Cell) -> Distances:
    """Return shortest distances from a cell over passable floor (16 directions, so within 3 %).

    From a start that is not passable (the robot stands close to something) they begin at the
    passable cells within 0.5 m that free floor joins to it; without any, every distance is inf.
    """
    passable = floor_map.passable
    metres = np.full(passable.shape, np.inf)
    begin = _begin(floor_map, passable, start)
    if len(begin) == 0:
        return Distances(metres)
    window = extent(passable, margin=2)
    inside = passable[window]
    size = int(inside.sum())
    index = np.full(inside.shape, -1)
    index[inside] = np.arange(size)
    price = np.where(floor_map.tight[window], _TIGHT, 1.0)
    rows, columns, costs = [], [], []
    for down, right in _STEPS:
        a, b = _shifted(index, down, right)
        both = (a >= 0) & (b >= 0)
        rows.append(a[both])
        columns.append(b[both])
        dear = sum(part[both] for part in _shifted(price, down, right)) / 2.0
        costs.append(math.hypot(down, right) * CELL_M * dear)
    edges = (np.concatenate(rows), np.concatenate(columns))
    graph = coo_matrix((np.concatenate(costs), edges), shape=(size, size)).tocsr()
    sources = index[begin[:, 0] - window[0].start, begin[:, 1] - window[1].start]
    part = np.full(inside.shape, np.inf)
    part[inside] = dijkstra(graph, directed=False, indices=sources, min_only=True)
    metres[window] = part
    return Distances(metres)


def _begin(floor_map: FloorMap, passable: Mask, start: Cell) -> npt.NDArray[np.int64]:
    """Return the cells (N, 2) from which distances are measured."""
    if passable[start]:
        return np.array([start])
    reach = math.ceil(_OUT_M / CELL_M)
    low = max(0, start[0] - reach), max(0, start[1] - reach)
    window = slice(low[0], start[0] + reach + 1), slice(low[1], start[1] + reach + 1)
    seed = np.zeros(passable[window].shape, np.bool_)
    seed[start[0] - low[0], start[1] - low[1]] = True
    joined = ndimage.binary_propagation(seed, mask=floor_map.free[window] | seed)
    return np.asarray(np.argwhere(joined & passable[window]) + np.array(low), np.int64)


def nearest(mask: Mask, cell: Cell, within_m: float) -> Cell | None:
    """Return the cell of a mask that is nearest to ``cell``, of equal ones the first; or None."""
    if mask[cell]:
        return cell
    reach = math.ceil(within_m / CELL_M)
    low = max(0, cell[0] - reach), max(0, cell[1] - reach)
    window = mask[low[0] : cell[0] + reach + 1, low[1] : cell[1] + reach + 1]
    found = np.argwhere(window) + np.array(low)
    if len(found) == 0:
        return None
    squares = ((found - np.array(cell)) ** 2).sum(axis=1)
    best = int(np.argmin(squares))
    if math.sqrt(float(squares[best])) * CELL_M > within_m:
        return None
    return int(found[best, 0]), int(found[best, 1])


def route(floor_map: FloorMap, start: Pose2, to_goal: Distances) -> tuple[str, ...]:
    """Return the primitives that lead from a pose in odom to the place ``to_goal`` starts from.

    A* over poses that whole primitives reach; it ends within 0.15 m of the goal, and is empty
    if the robot is there already or there is no way. The search is bounded: where it gives up, the
    route leads as near to the goal as was found.
    """
    first = _estimate(floor_map, start, to_goal)
    if not math.isfinite(first):
        return ()
    heap: list[tuple[float, int, Pose2, int]] = [(first * _GREED, 0, start, -1)]
    came: list[tuple[int, str]] = []
    closed: set[tuple[int, int, int]] = set()
    cost: list[float] = []
    closest, least = -1, first
    tight = floor_map.tight
    while heap and len(came) < _MOST_EXPANSIONS:
        _, _, pose, node = heapq.heappop(heap)
        key = _key(pose)
        if key in closed:
            continue
        closed.add(key)
        left = _estimate(floor_map, pose, to_goal)
        if left < least - 1e-9:
            closest, least = node, left
        if left * FORWARD_M <= _ARRIVED_M:
            break
        for name, motion in NAVIGATION_DELTA.items():
            then = pose * motion
            if _key(then) in closed or (name == "forward" and _blocked(floor_map, pose, then)):
                continue
            ahead = _estimate(floor_map, then, to_goal)
            if not math.isfinite(ahead):
                continue
            came.append((node, name))
            squeezes = name == "forward" and tight[floor_map.cell(then.x_m, then.y_m)]
            price = _TIGHT if squeezes else 1.0
            cost.append(price + (0.0 if node < 0 else cost[node]))
            heapq.heappush(heap, (cost[-1] + _GREED * ahead, len(came), then, len(came) - 1))
    names: list[str] = []
    while closest >= 0:
        closest, name = came[closest]
        names.append(name)
    return tuple(reversed(names))


def _estimate(floor_map: FloorMap, pose: Pose2, to_goal: Distances) -> float:
    """Return how many forwards the way to the goal takes, first back to passable floor if need be.

    The way back is taken as the crow flies: whether it is blocked is for the search to find out.
    """
    cell = floor_map.cell(pose.x_m, pose.y_m)
    metres = to_goal.at(cell)
    if not math.isfinite(metres):
        reach = math.ceil(_OUT_M / CELL_M)
        top, left = max(0, cell[0] - reach), max(0, cell[1] - reach)
        near = to_goal.metres[top : cell[0] + reach + 1, left : cell[1] + reach + 1]
        rows, columns = np.ogrid[: near.shape[0], : near.shape[1]]
        back = np.hypot(rows + top - cell[0], columns + left - cell[1]) * CELL_M
        metres = float((near + _TIGHT * back).min())
    return metres / FORWARD_M


def _blocked(floor_map: FloorMap, start: Pose2, end: Pose2) -> bool:
    """Tell whether a straight way comes too near to an obstacle, or leaves the known floor.

    Moving along or out of a tight place is not blocked: only a way that comes nearer by a cell is.
    """
    here = floor_map.clearance_m[floor_map.cell(start.x_m, start.y_m)]
    least_m = min(floor_map.robot_radius_m, here - CELL_M)
    steps = max(1, math.ceil(start.distance_m(end) / _CHECK_M))
    for k in range(1, steps + 1):
        share = k / steps
        cell = floor_map.cell(
            start.x_m + share * (end.x_m - start.x_m), start.y_m + share * (end.y_m - start.y_m)
        )
        if floor_map.barred[cell] or floor_map.clearance_m[cell] < least_m:
            return True
    return not (floor_map.floor[cell] or floor_map.obstacle[cell])


def _key(pose: Pose2) -> tuple[int, int, int]:
    turn = round(pose.yaw_rad / (2.0 * math.pi) * _TURNS) % _TURNS
    return math.floor(pose.x_m / CELL_M), math.floor(pose.y_m / CELL_M), turn


def _shifted(
    index: npt.NDArray[_Number], down: int, right: int
) -> tuple[npt.NDArray[_Number], npt.NDArray[_Number]]:
    """Return the overlapping parts of a grid and of itself moved by (down, right)."""
    rows, columns = index.shape
    a = index[: rows - down, max(0, -right) : columns - max(0, right)]
    b = index[down:, max(0, right) : columns + min(0, right)]
    return a, b
