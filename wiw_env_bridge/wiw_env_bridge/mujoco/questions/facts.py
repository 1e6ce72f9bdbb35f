"""What is true of an apartment, in the words that questions use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.floorplan import Box2
from wiw_env_bridge.mujoco.furnishing import Placement
from wiw_env_bridge.mujoco.furniture import KINDS
from wiw_env_bridge.mujoco.targets import Target

ROOM_NAMES = {
    "living": "living room",
    "dining": "dining room",
    "kitchen": "kitchen",
    "bedroom": "bedroom",
    "bathroom": "bathroom",
    "study": "study",
}
SIGNS = {
    "living": ("sofa", "tv"),
    "kitchen": ("fridge", "stove", "counter"),
    "bedroom": ("bed",),
    "bathroom": ("toilet", "sink", "bathtub"),
    "study": ("desk",),
    "dining": ("table",),
}
"""Furniture that tells a room's kind; a living room may have a table too, and then has a sofa."""


@dataclass(frozen=True)
class Facts:
    """One apartment."""

    layout: Layout

    def room(self, index: int) -> str:
        """Return the room's name; every kind is there at most once."""
        return ROOM_NAMES[self.layout.plan.rooms[index].kind]

    def signs(self, index: int) -> tuple[str, ...]:
        """Return the bodies by which one can tell what room this is; empty: nobody can."""
        kinds = SIGNS[self.layout.plan.rooms[index].kind]
        return tuple(p.name for p in self.layout.furniture if p.room == index and p.kind in kinds)

    def support(self, target: Target) -> Placement | None:
        """Return the piece that a target stands on; None on the floor."""
        if target.on_floor:
            return None
        return next(
            p
            for p in self.layout.furniture
            if (top := KINDS[p.kind].top) is not None
            and p.room == target.room
            and top.height_m == target.z_m
            and gap_m(p.box, target.x_m, target.y_m) == 0.0
        )

    def pieces(self, kind: str) -> list[Placement]:
        """Return the furniture of this kind."""
        return [p for p in self.layout.furniture if p.kind == kind]

    def in_room(self, index: int) -> list[Target]:
        """Return the targets in a room."""
        return [t for t in self.layout.targets if t.room == index]


def colour(target: Target) -> str:
    """Return the target's colour."""
    return target.label.split()[0]


def shape(target: Target) -> str:
    """Return the target's shape."""
    return target.label.split()[1]


def gap_m(box: Box2, x_m: float, y_m: float) -> float:
    """Return metres on the floor from a point to a footprint; 0 inside it."""
    c, s = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
    dx, dy = x_m - box.x_m, y_m - box.y_m
    along, across = abs(c * dx + s * dy), abs(c * dy - s * dx)
    return math.hypot(max(0.0, along - box.width_m / 2), max(0.0, across - box.depth_m / 2))
