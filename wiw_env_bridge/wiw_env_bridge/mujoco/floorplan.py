"""Seeded floor plans: rooms from recursive splitting, doors from a spanning tree and a few more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WALL_M = 0.12
"""Wall thickness."""
CEILING_M = 2.6
"""Room height."""
DOOR_WIDTH_M = 0.95
DOOR_HEIGHT_M = 2.08
_DOOR_MARGIN_M = 0.35

ROOM_KINDS = ("kitchen", "bedroom", "bathroom", "study", "dining")
"""Kinds beside the living room, which is always there and always the largest."""


@dataclass(frozen=True)
class Box2:
    """A rectangle on the floor, turned by ``yaw_rad`` about its centre; metres."""

    x_m: float
    y_m: float
    width_m: float
    depth_m: float
    yaw_rad: float = 0.0


@dataclass(frozen=True)
class Room:
    """An axis-aligned room between wall centre lines; metres."""

    x0: float
    y0: float
    x1: float
    y1: float
    kind: str = ""

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the floor."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class Line:
    """A stretch of wall: where ``axis`` ("x" or "y") equals ``at``, from ``low`` to ``high``."""

    axis: str
    at: float
    low: float
    high: float

    def point(self, along: float, offset: float = 0.0) -> tuple[float, float]:
        """Return (x, y) at ``along`` the wall and ``offset`` across it."""
        return (self.at + offset, along) if self.axis == "x" else (along, self.at + offset)

    def on(self, other: Line) -> bool:
        """Tell whether both lie in the same wall plane."""
        return self.axis == other.axis and abs(self.at - other.at) < 1e-6


@dataclass(frozen=True)
class FloorPlan:
    """Rooms, and doors as the stretch of wall they open and the two rooms they join."""

    width: float
    height: float
    rooms: tuple[Room, ...]
    doors: tuple[tuple[Line, int, int], ...]

    def openings(self, wall: Line) -> list[Line]:
        """Return the door openings inside this stretch of wall, in order."""
        inside = [
            d for d, _, _ in self.doors if d.on(wall) and wall.low <= d.low and d.high <= wall.high
        ]
        return sorted(inside, key=lambda d: d.low)

    def is_outer(self, wall: Line) -> bool:
        """Tell whether the outdoors is behind this wall."""
        end = self.width if wall.axis == "x" else self.height
        return abs(wall.at) < 1e-6 or abs(wall.at - end) < 1e-6

    def obstacles(self) -> list[Box2]:
        """Return the solid parts of all walls."""
        return [
            _wall_box(part)
            for room in self.rooms
            for side, _ in room_sides(room)
            for part in solid_parts(side, self.openings(side))
        ]


def room_sides(room: Room) -> list[tuple[Line, int]]:
    """Return the four sides, each with the sign of the direction into the room across the wall."""
    return [
        (Line("y", room.y0, room.x0, room.x1), +1),
        (Line("x", room.x1, room.y0, room.y1), -1),
        (Line("y", room.y1, room.x0, room.x1), -1),
        (Line("x", room.x0, room.y0, room.y1), +1),
    ]


def solid_parts(wall: Line, openings: list[Line]) -> list[Line]:
    """Return what is left of a wall beside its door openings."""
    parts, low = [], wall.low
    for opening in openings:
        parts.append(Line(wall.axis, wall.at, low, opening.low))
        low = opening.high
    parts.append(Line(wall.axis, wall.at, low, wall.high))
    return [p for p in parts if p.high - p.low > 0.01]


def make_floor_plan(rng: np.random.Generator) -> FloorPlan:
    """Return a plan of 3 to 6 rooms, all joined by doors."""
    while True:  # a split without a wall wide enough for a door is rare; draw again
        plan = _draw(rng)
        if plan is not None:
            return plan


def _draw(rng: np.random.Generator) -> FloorPlan | None:
    count = int(rng.integers(3, 7))
    width = round(float(rng.uniform(2.6, 3.2) * math.sqrt(count) * 1.25), 1)
    height = round(float(rng.uniform(2.6, 3.2) * math.sqrt(count) * 1.05), 1)
    rooms = _split(rng, width, height, count)
    kinds = ["living", *rng.permutation(ROOM_KINDS)]
    rooms.sort(key=lambda r: -r.width * r.height)
    rooms = [Room(r.x0, r.y0, r.x1, r.y1, str(k)) for r, k in zip(rooms, kinds)]
    doors = _doors(rng, rooms)
    return None if doors is None else FloorPlan(width, height, tuple(rooms), tuple(doors))


def _split(rng: np.random.Generator, width: float, height: float, count: int) -> list[Room]:
    rooms = [Room(0.0, 0.0, width, height)]
    while len(rooms) < count:
        rooms.sort(key=lambda r: -r.width * r.height)
        room, share = rooms.pop(0), rng.uniform(0.4, 0.6)
        if room.width >= room.height:
            x = round((room.x0 + share * room.width) * 20) / 20
            rooms += [Room(room.x0, room.y0, x, room.y1), Room(x, room.y0, room.x1, room.y1)]
        else:
            y = round((room.y0 + share * room.height) * 20) / 20
            rooms += [Room(room.x0, room.y0, room.x1, y), Room(room.x0, y, room.x1, room.y1)]
    return rooms


def _doors(rng: np.random.Generator, rooms: list[Room]) -> list[tuple[Line, int, int]] | None:
    group = list(range(len(rooms)))
    shared = [
        (wall, i, j) for i in range(len(rooms)) for j in range(i) if (wall := _shared(rooms, i, j))
    ]
    doors = []
    for k in rng.permutation(len(shared)):
        wall, i, j = shared[k]
        joined = group[i] == group[j]
        if joined and rng.random() >= 0.3:
            continue
        margin = _DOOR_MARGIN_M + DOOR_WIDTH_M / 2
        middle = float(rng.uniform(wall.low + margin, wall.high - margin))
        low, high = middle - DOOR_WIDTH_M / 2, middle + DOOR_WIDTH_M / 2
        doors.append((Line(wall.axis, wall.at, low, high), i, j))
        group = [group[j] if g == group[i] else g for g in group]
    return doors if len(set(group)) == 1 else None


def _shared(rooms: list[Room], i: int, j: int) -> Line | None:
    """Return the wall that two rooms share, if it is long enough for a door."""
    need = DOOR_WIDTH_M + 2 * _DOOR_MARGIN_M
    for a, b in ((rooms[i], rooms[j]), (rooms[j], rooms[i])):
        if abs(a.x1 - b.x0) < 1e-6 and min(a.y1, b.y1) - max(a.y0, b.y0) > need:
            return Line("x", a.x1, max(a.y0, b.y0), min(a.y1, b.y1))
        if abs(a.y1 - b.y0) < 1e-6 and min(a.x1, b.x1) - max(a.x0, b.x0) > need:
            return Line("y", a.y1, max(a.x0, b.x0), min(a.x1, b.x1))
    return None


def _wall_box(part: Line) -> Box2:
    x, y = part.point((part.low + part.high) / 2)
    length = part.high - part.low
    return Box2(x, y, WALL_M, length) if part.axis == "x" else Box2(x, y, length, WALL_M)
