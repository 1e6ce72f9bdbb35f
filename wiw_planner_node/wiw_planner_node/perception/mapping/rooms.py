"""Rooms: parts of the ceiling that walls, and the wall above every door, hold apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_planner_node.perception.mapping.grid import CELL_M, Cell, FloorMap, extent
from wiw_planner_node.perception.mapping.routes import nearest

NOWHERE = 0
"""Label of places in no room that has been seen."""
_LEAST_M2 = 0.8
_NEAR_M = 0.4


@dataclass(frozen=True)
class Rooms:
    """Which room each cell of the map belongs to; labels from 1, in map order.

    A room's ceiling is seen from inside it and hardly through its door, so a room that was never
    entered is mostly in none. Labels may change as the map grows: compare them within one map only.
    """

    labels: npt.NDArray[np.int64]

    def at(self, cell: Cell) -> int:
        """Return the room of a cell, or of the nearest room within 0.4 m; else ``NOWHERE``."""
        found = nearest(self.labels > 0, cell, _NEAR_M)
        return NOWHERE if found is None else int(self.labels[found])

    def area_m2(self, label: int) -> float:
        """Return how much ceiling of a room has been seen."""
        return float((self.labels == label).sum()) * CELL_M**2


def rooms(floor_map: FloorMap) -> Rooms:
    """Return the rooms of which at least 0.8 m2 of ceiling has been seen."""
    labels = np.zeros(floor_map.ceiling.shape, np.int64)
    if not floor_map.ceiling.any():
        return Rooms(labels)
    window = extent(floor_map.ceiling, margin=2)
    # A wall is seen from one side or both: thick enough to close the corners of a room.
    wall = ndimage.binary_dilation(floor_map.wall[window], iterations=1)
    inside = floor_map.ceiling[window] & ~wall
    parts, count = ndimage.label(inside)
    sizes = ndimage.sum_labels(inside, parts, np.arange(1, count + 1)) * CELL_M**2
    number = 0
    for part, size in enumerate(sizes, start=1):
        if size >= _LEAST_M2:
            number += 1
            labels[window][parts == part] = number
    return Rooms(labels)
