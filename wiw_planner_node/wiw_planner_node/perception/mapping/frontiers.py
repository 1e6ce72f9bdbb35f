"""Frontiers: where the known floor ends and the unknown begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_planner_node.perception.mapping.grid import CELL_M, Cell, FloorMap, Mask, extent
from wiw_planner_node.perception.mapping.routes import Distances

Cells = npt.NDArray[np.int64]
"""Rows and columns (N, 2)."""

_ALL_ROUND = np.ones((3, 3), np.bool_)
_SMALLEST = 5
_SPAN_M = 1.0
_LOOK_M = 1.2
_LEAST_GAIN_M2 = 0.15
_TO_FLOOR_M = 0.45


@dataclass(frozen=True)
class Frontier:
    """An edge of the known floor.

    Attributes
    ----------
    cell : (int, int)
        The reachable cell nearest to its middle, where the robot would stand.
    x_m, y_m : float
        Its middle in odom.
    length_m : float
        How long the edge is.
    gain_m2 : float
        Unknown floor within 1.2 m of it that no known obstacle separates from it.
    distance_m : float
        Way to ``cell``.
    """

    cell: Cell
    x_m: float
    y_m: float
    length_m: float
    gain_m2: float
    distance_m: float


def frontiers(floor_map: FloorMap, ways: Distances) -> list[Frontier]:
    """Return the frontiers that can be reached, in map order.

    Long edges are cut into pieces of about 1 m. Edges shorter than 0.25 m and those with less than
    0.15 m2 to discover (gaps behind furniture) are left out.
    """
    window = extent(floor_map.floor | floor_map.obstacle, margin=math.ceil(_LOOK_M / CELL_M))
    top, left = window[0].start, window[1].start
    # A wall seen above what hides its foot closes the room there; above a door the floor is seen.
    free, unknown = floor_map.free[window], (floor_map.unknown & ~floor_map.wall)[window]
    metres = ways.metres[window]
    edge = free & ndimage.binary_dilation(floor_map.unknown[window], _ALL_ROUND)
    labels, count = ndimage.label(edge, _ALL_ROUND)
    standing = np.isfinite(metres)
    if not standing.any():
        return []
    away, where = ndimage.distance_transform_edt(~standing, return_indices=True)
    found = []
    for label in range(1, count + 1):
        cells = np.argwhere(labels == label)
        if len(cells) < _SMALLEST:
            continue
        for piece in _pieces(cells):
            middle = piece[int(np.argmin(((piece - piece.mean(axis=0)) ** 2).sum(axis=1)))]
            row, column = int(middle[0]), int(middle[1])
            if away[row, column] * CELL_M > _TO_FLOOR_M:
                continue
            stand = int(where[0, row, column]), int(where[1, row, column])
            gain = _gain(unknown, piece)
            if gain < _LEAST_GAIN_M2:
                continue
            cell = (stand[0] + top, stand[1] + left)
            x_m, y_m = floor_map.place((row + top, column + left))
            length = len(piece) * CELL_M
            found.append(Frontier(cell, x_m, y_m, length, gain, float(metres[stand])))
    return found


def _pieces(cells: Cells) -> list[Cells]:
    """Cut an edge along its longer side into pieces of about 1 m."""
    spread = cells.max(axis=0) - cells.min(axis=0)
    axis = int(np.argmax(spread))
    parts = max(1, round(float(spread[axis]) * CELL_M / _SPAN_M))
    along = (cells[:, axis] - cells[:, axis].min()) / (spread[axis] + 1)
    part = np.floor(along * parts).astype(np.int64)
    return [cells[part == k] for k in range(parts) if (part == k).sum() >= _SMALLEST]


def _gain(unknown: Mask, piece: Cells) -> float:
    """Return the unknown area within 1.2 m of a piece, connected to it through unknown cells."""
    reach = math.ceil(_LOOK_M / CELL_M)
    low = np.maximum(piece.min(axis=0) - reach, 0)
    high = piece.max(axis=0) + reach + 1
    part = unknown[low[0] : high[0], low[1] : high[1]]
    seed = np.zeros(part.shape, np.bool_)
    seed[piece[:, 0] - low[0], piece[:, 1] - low[1]] = True
    near = ndimage.distance_transform_edt(~seed) <= reach
    grown = ndimage.binary_propagation(seed, _ALL_ROUND, mask=(part & near) | seed)
    return float((grown & part).sum()) * CELL_M**2
