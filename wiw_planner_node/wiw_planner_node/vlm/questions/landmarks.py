"""What a VLM may choose to go to: things in sight, openings, or straight on in a view; and how."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wiw_core.cameras import panorama
from wiw_core.geometry import Array, Pose2
from wiw_core.observation import View
from wiw_core.plans import TURN_RAD
from wiw_planner_node.perception.mapping.frontiers import Frontier
from wiw_planner_node.perception.mapping.grid import CELL_M, Cell
from wiw_planner_node.perception.mapping.routes import distances, nearest, route
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.words import FOOTPRINT_M
from wiw_planner_node.vlm.questions.four_views import FOV_RAD, YAW_RAD

NEAR_M = 1.2
"""A thing is no longer offered once the robot stood so near to its edge (appendix B.3)."""
AHEAD_M = 2.6
"""How far the robot goes straight on: the paper's 13 forwards."""
_MOST_THINGS, _LETTERS = 40, "ABCDEFGH"
_APART_M = 0.8
_STAND_BY_M = 1.2
_SMALL_M = 0.12
_SLACK_M = 0.35
_LEAST_M = 0.3


@dataclass(frozen=True)
class Landmark:
    """Something to go to.

    Attributes
    ----------
    mark : str
        A number for a thing, the same all through an episode; a letter for an opening.
    place : (3,) float64
        Metres around the panorama's camera, axes as ``base_link``.
    cell : Cell
        Where the robot would stand.
    """

    mark: str
    name: str
    place: Array
    cell: Cell

    @property
    def opening(self) -> bool:
        """Whether it is an opening and not a thing."""
        return not self.mark.isdigit()


def landmarks(seen: Surroundings, view: View) -> tuple[Landmark, ...]:
    """Return what can be gone to: reachable things in sight, nearest first, then openings.

    Openings come by how much floor there is to discover per metre of way; of two that are close
    together the better one is taken.

    Parameters
    ----------
    view : View
        The present panorama, with depth.
    """
    things = sorted(_things(seen, view), key=lambda mark: float(np.linalg.norm(mark.place)))
    return (*things[:_MOST_THINGS], *_openings(seen, view))


def way_to(seen: Surroundings, cell: Cell, horizon: int) -> tuple[str, ...]:
    """Return at most ``horizon`` primitives of the way to a cell; none if the robot is there."""
    return route(seen.floor, seen.pose, distances(seen.floor, cell))[:horizon]


def way_on(seen: Surroundings, view: str, horizon: int) -> tuple[str, ...]:
    """Return the way straight on in a view, over floor that is known to be free; never empty.

    It leads to the reachable place within 2.6 m that lies farthest out in the view's direction.
    Where there is none the robot turns to the view, or in the front view once to the left.
    """
    cell = _farthest(seen, YAW_RAD[view])
    names = way_to(seen, cell, horizon) if cell is not None else ()
    if names:
        return names
    turns = round(YAW_RAD[view] / TURN_RAD) or 1
    return (("turn_left" if turns > 0 else "turn_right"),) * min(abs(turns), horizon)


def _things(seen: Surroundings, view: View) -> Iterator[Landmark]:
    reachable = seen.ways.metres < math.inf
    for number, thing in enumerate(seen.memory.things, start=1):
        radius = FOOTPRINT_M.get(thing.noun, _SMALL_M)
        if seen.nearest_look_m(thing.x_m, thing.y_m) <= NEAR_M + radius:
            continue
        place = _around(seen.pose, view, thing.x_m, thing.y_m, thing.z_m)
        if not _in_sight(view, place, radius):
            continue
        cell = nearest(reachable, seen.floor.cell(thing.x_m, thing.y_m), _STAND_BY_M)
        if cell is not None:
            yield Landmark(str(number), thing.noun, place, cell)


def _openings(seen: Surroundings, view: View) -> Iterator[Landmark]:
    best = sorted(seen.frontiers, key=lambda f: -f.gain_m2 / (1.0 + f.distance_m))
    apart: list[Frontier] = []
    for frontier in best:
        if all(math.hypot(frontier.x_m - f.x_m, frontier.y_m - f.y_m) >= _APART_M for f in apart):
            apart.append(frontier)
    for letter, frontier in zip(_LETTERS, apart):
        place = _around(seen.pose, view, frontier.x_m, frontier.y_m, 0.0)
        yield Landmark(letter, f"opening {frontier.distance_m:.1f} m away", place, frontier.cell)


def _around(pose: Pose2, view: View, x_m: float, y_m: float, z_m: float) -> Array:
    """Return a place of odom in metres around the panorama's camera."""
    local = pose.inverse() * Pose2(x_m, y_m)
    return np.array([local.x_m, local.y_m, z_m]) - view.T_base_camera[:3, 3]


def _in_sight(view: View, place: Array, radius: float) -> bool:
    """Tell whether nothing nearer than a thing's surface hides its middle."""
    assert view.depth is not None
    height, width = view.size
    pixel, away = panorama.project(place, height, width)
    row = min(max(round(float(pixel[1])), 0), height - 1)
    depth = float(view.depth[row, round(float(pixel[0])) % width])
    return depth > 0.0 and depth >= float(away) - radius - _SLACK_M


def _farthest(seen: Surroundings, yaw_rad: float) -> Cell | None:
    """Return the reachable cell within 2.6 m that is farthest out in a direction of ``base_link``.

    None if there is none at least 0.3 m out, inside the view.
    """
    pose = seen.pose
    row, column = seen.floor.cell(pose.x_m, pose.y_m)
    reach = math.ceil(AHEAD_M / CELL_M)
    top, left = max(0, row - reach), max(0, column - reach)
    window = seen.ways.metres[top : row + reach + 1, left : column + reach + 1]
    rows, columns = np.nonzero(np.isfinite(window))
    x, y = (columns + left - column) * CELL_M, (rows + top - row) * CELL_M
    bearing = pose.yaw_rad + yaw_rad
    out = x * math.cos(bearing) + y * math.sin(bearing)
    aside = np.abs(y * math.cos(bearing) - x * math.sin(bearing))
    good = (out >= _LEAST_M) & (np.hypot(x, y) <= AHEAD_M)
    good &= aside <= out * math.tan(FOV_RAD / 2.0)
    if not good.any():
        return None
    best = int(np.argmax(np.where(good, out - 0.5 * aside, -np.inf)))
    return int(rows[best] + top), int(columns[best] + left)
