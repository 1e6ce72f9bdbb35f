"""Where a goal photo's cells are seen from another place, known from depth and poses."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_planner_node.perception.goal_distance import views

CELL = 4
"""Pixels of a cell's side, in the panorama's band and in the goal's part."""
CELLS = views.HEIGHT // CELL * (views.GOAL_WIDTH // CELL)
"""Of a goal: 96."""
NOWHERE = -1
_TOP = (views.FULL_HEIGHT - views.HEIGHT) // 2
_MIDDLE = CELL // 2
_NEAR_M, _NEAR_SHARE = 0.1, 0.05
"""What is seen is what was meant if its distance is right to so many metres plus this share."""

Depth = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]


def matching_cells(
    goal_pose: Numbers,
    goal_depth: Depth,
    heading: float,
    place_pose: Numbers,
    place_depth: Depth,
    roll: int = 0,
) -> Cells:
    """Return (96,): the cell of a place's band that shows what each cell of the goal's part does.

    Parameters
    ----------
    goal_pose, place_pose : (3,)
        x, y in metres and yaw of the panoramas that the depths belong to; one camera height.
    goal_depth, place_depth : (72, 128)
        Metres along the ray, 0 where unknown.
    heading : float
        Of the middle of the goal's part, in the frame of the poses.
    roll : int
        Columns by which the place's band was rolled to the right.

    Returns
    -------
    (96,) int64
        Row by row; :data:`NOWHERE` where it is hidden, outside of the band, or not known.
    """
    row = _TOP + _MIDDLE + CELL * np.arange(views.HEIGHT // CELL)[:, None]
    column = _MIDDLE + CELL * np.arange(views.GOAL_WIDTH // CELL)[None]
    off = math.pi / 4 - (column + 0.5) / views.WIDTH * 2.0 * math.pi
    azimuth, elevation = np.broadcast_arrays(heading + off, _elevation(row))
    metres = np.asarray(goal_depth[row, _column(azimuth - goal_pose[2])], np.float64)
    x = metres * np.cos(elevation) * np.cos(azimuth) + goal_pose[0] - place_pose[0]
    y = metres * np.cos(elevation) * np.sin(azimuth) + goal_pose[1] - place_pose[1]
    z = metres * np.sin(elevation)
    there = np.sqrt(x**2 + y**2 + z**2)
    at_row = ((0.5 - np.arctan2(z, np.hypot(x, y)) / math.pi) * views.FULL_HEIGHT).astype(np.int64)
    at_row = at_row.clip(0, views.FULL_HEIGHT - 1)
    at_column = _column(np.arctan2(y, x) - place_pose[2])
    seen = np.asarray(place_depth[at_row, at_column], np.float64)
    cell_row = (at_row - _TOP) // CELL
    is_there = (
        (metres > 0.0)
        & (seen > 0.0)
        & (np.abs(seen - there) < _NEAR_M + _NEAR_SHARE * there)
        & (cell_row >= 0)
        & (cell_row < views.HEIGHT // CELL)
    )
    cell = cell_row * (views.WIDTH // CELL) + (at_column + roll) % views.WIDTH // CELL
    return np.where(is_there, cell, NOWHERE).ravel().astype(np.int64)


def _elevation(row: npt.NDArray[np.int64]) -> Numbers:
    return 0.5 * math.pi - (row + 0.5) / views.FULL_HEIGHT * math.pi


def _column(azimuth: Numbers) -> Cells:
    """Return the panorama's column that looks in a direction, left of its own heading."""
    turns = 0.5 - azimuth / (2.0 * math.pi)
    return np.floor((turns - np.floor(turns)) * views.WIDTH).astype(np.int64) % views.WIDTH
