"""Puts furniture into rooms, then repairs: pieces that cut off a room are taken out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_env_bridge.mujoco.floorplan import DOOR_WIDTH_M, WALL_M, Box2, FloorPlan, Room
from wiw_env_bridge.mujoco.furniture import AGAINST_WALLS, IN_THE_MIDDLE, KINDS
from wiw_env_bridge.mujoco.navigation import CELL_M, Mask, clear_floor, largest_island

REACHABLE_M2 = 0.5
"""A room counts as reachable when the robot can stand on at least this much of its floor."""
_TRIES = 40
_DOOR_CLEAR_M = 0.75
_Where = Callable[[np.random.Generator, Room, str], tuple[float, float, float]]


@dataclass(frozen=True)
class Placement:
    """One piece of furniture; its ``index`` seeds its looks, whatever else is dropped."""

    kind: str
    x_m: float
    y_m: float
    yaw_rad: float
    room: int
    index: int

    @property
    def name(self) -> str:
        """Name of its body in the scene."""
        return f"{self.kind}{self.index}"

    @property
    def box(self) -> Box2:
        """Its footprint."""
        kind = KINDS[self.kind]
        return Box2(self.x_m, self.y_m, kind.width_m, kind.depth_m, self.yaw_rad)

    @property
    def half(self) -> tuple[float, float]:
        """Half extents along x and y; pieces stand at right angles."""
        box = self.box
        w, d = box.width_m / 2, box.depth_m / 2
        return (w, d) if abs(math.cos(self.yaw_rad)) > 0.7 else (d, w)


def furnish(rng: np.random.Generator, plan: FloorPlan) -> list[Placement]:
    """Return furniture that leaves every room reachable."""
    placed: list[Placement] = []
    for index, room in enumerate(plan.rooms):
        for kind in AGAINST_WALLS[room.kind]:
            _try_to_place(rng, plan, placed, kind, index, _against_wall, gap_m=0.05)
        if min(room.width, room.height) >= 2.2:
            for kind in IN_THE_MIDDLE.get(room.kind, ()):
                _try_to_place(rng, plan, placed, kind, index, _in_the_middle, gap_m=0.55)
    return repair(plan, placed)


def repair(plan: FloorPlan, placed: Sequence[Placement]) -> list[Placement]:
    """Drop the pieces that free the most floor until every room is reachable."""
    kept = list(placed)
    while unreachable_rooms(plan, island_of(plan, [p.box for p in kept])) and kept:
        gain = []
        for k in range(len(kept)):
            island = island_of(plan, [p.box for i, p in enumerate(kept) if i != k])
            gain.append((-len(unreachable_rooms(plan, island)), int(island.sum())))
        kept.pop(max(range(len(kept)), key=gain.__getitem__))
    return kept


def island_of(plan: FloorPlan, standing: Sequence[Box2]) -> Mask:
    """Return the largest connected free floor with these things standing on it."""
    return largest_island(clear_floor(plan.width, plan.height, [*plan.obstacles(), *standing]))


def unreachable_rooms(plan: FloorPlan, island: Mask) -> list[int]:
    """Return the rooms of which too little belongs to the island."""
    return [
        index
        for index, room in enumerate(plan.rooms)
        if _window(island, room).sum() * CELL_M**2 < REACHABLE_M2
    ]


def _window(island: Mask, room: Room) -> Mask:
    rows = slice(int(room.y0 / CELL_M), int(room.y1 / CELL_M))
    return island[rows, int(room.x0 / CELL_M) : int(room.x1 / CELL_M)]


def fits(plan: FloorPlan, placed: Sequence[Placement], new: Placement, gap_m: float) -> bool:
    """Tell whether a piece is inside its room, clear of the others and of the doors."""
    room, (w, d), wall = plan.rooms[new.room], new.half, WALL_M / 2 - 1e-3
    if not (room.x0 + wall <= new.x_m - w and new.x_m + w <= room.x1 - wall):
        return False
    if not (room.y0 + wall <= new.y_m - d and new.y_m + d <= room.y1 - wall):
        return False
    for other in placed:
        ow, od = other.half
        if abs(other.x_m - new.x_m) < w + ow + gap_m and abs(other.y_m - new.y_m) < d + od + gap_m:
            return False
    for door, _, _ in plan.doors:
        x, y = door.point((door.low + door.high) / 2)
        along = DOOR_WIDTH_M / 2 + 0.1
        dx, dy = (_DOOR_CLEAR_M, along) if door.axis == "x" else (along, _DOOR_CLEAR_M)
        if abs(x - new.x_m) < w + dx and abs(y - new.y_m) < d + dy:
            return False
    return True


def _try_to_place(
    rng: np.random.Generator,
    plan: FloorPlan,
    placed: list[Placement],
    kind: str,
    room: int,
    where: _Where,
    gap_m: float,
) -> None:
    for _ in range(_TRIES):
        x, y, yaw = where(rng, plan.rooms[room], kind)
        piece = Placement(kind, x, y, yaw, room, len(placed))
        if fits(plan, placed, piece, gap_m):
            placed.append(piece)
            return


def _against_wall(rng: np.random.Generator, room: Room, kind: str) -> tuple[float, float, float]:
    width, out = KINDS[kind].width_m, WALL_M / 2 + 0.02 + KINDS[kind].depth_m / 2
    side = int(rng.integers(4))
    if side in (0, 2):
        x = _between(rng, room.x0 + width / 2, room.x1 - width / 2)
        return (x, room.y0 + out, 0.0) if side == 0 else (x, room.y1 - out, math.pi)
    y = _between(rng, room.y0 + width / 2, room.y1 - width / 2)
    return (room.x1 - out, y, math.pi / 2) if side == 1 else (room.x0 + out, y, -math.pi / 2)


def _in_the_middle(rng: np.random.Generator, room: Room, kind: str) -> tuple[float, float, float]:
    x = _between(rng, room.x0 + 0.9, room.x1 - 0.9)
    y = _between(rng, room.y0 + 0.9, room.y1 - 0.9)
    return x, y, float(rng.integers(4)) * math.pi / 2


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high)) if low < high else (low + high) / 2
