"""The small objects of active recognition: a colour and a shape each, no two alike in a scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_env_bridge.mujoco.floorplan import Box2, FloorPlan
from wiw_env_bridge.mujoco.furnishing import Placement, fits, island_of, unreachable_rooms
from wiw_env_bridge.mujoco.furniture import KINDS
from wiw_env_bridge.mujoco.mjcf import Colour, Piece, SceneBuilder

COLOURS: dict[str, Colour] = {
    "red": (0.85, 0.10, 0.10),
    "orange": (0.95, 0.50, 0.08),
    "yellow": (0.95, 0.85, 0.10),
    "green": (0.10, 0.62, 0.20),
    "cyan": (0.10, 0.75, 0.80),
    "blue": (0.12, 0.22, 0.85),
    "purple": (0.48, 0.14, 0.65),
    "pink": (0.95, 0.50, 0.68),
}
SHAPES = ("ball", "cube", "cylinder", "mug", "vase")
LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
"""The closed answer set."""
TARGETS_PER_SCENE = 14
_FLOOR_SIZE_M, _TOP_SIZE_M = 0.26, 0.17
_TRIES = 400


@dataclass(frozen=True)
class Target:
    """One object: ``(x_m, y_m, z_m)`` is the middle of its underside, ``size_m`` its scale."""

    name: str
    label: str
    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    size_m: float
    room: int

    @property
    def middle(self) -> tuple[float, float, float]:
        """Middle of the object."""
        return self.x_m, self.y_m, self.z_m + self.size_m / 2

    @property
    def radius_m(self) -> float:
        """Radius of a ball around ``middle`` that holds all of it."""
        return 0.95 * self.size_m

    @property
    def on_floor(self) -> bool:
        """Whether it stands on the floor, in the robot's way."""
        return self.z_m == 0.0

    @property
    def box(self) -> Box2:
        """Its footprint."""
        return Box2(self.x_m, self.y_m, self.size_m, self.size_m, self.yaw_rad)


def place_targets(
    rng: np.random.Generator, plan: FloorPlan, furniture: Sequence[Placement]
) -> list[Target]:
    """Return targets on tops and floors that leave every room reachable."""
    tops = [p for p in furniture if KINDS[p.kind].top is not None]
    targets: list[Target] = []
    for _ in range(_TRIES):
        if len(targets) == TARGETS_PER_SCENE:
            break
        label = LABELS[rng.integers(len(LABELS))]
        name = f"target{len(targets)}"
        if tops and rng.random() < 0.5:
            new = _on_top(rng, name, label, tops[rng.integers(len(tops))])
        else:
            new = _on_floor(rng, name, label, plan)
        if any(t.label == label or _too_near(t, new) for t in targets):
            continue
        if new.on_floor and not _leaves_room(plan, furniture, targets, new):
            continue
        targets.append(new)
    return targets


def _on_top(rng: np.random.Generator, name: str, label: str, piece: Placement) -> Target:
    top = KINDS[piece.kind].top
    assert top is not None
    lx, ly = float(rng.uniform(top.x_low, top.x_high)), float(rng.uniform(top.y_low, top.y_high))
    c, s = math.cos(piece.yaw_rad), math.sin(piece.yaw_rad)
    x, y = piece.x_m + c * lx - s * ly, piece.y_m + s * lx + c * ly
    yaw = float(rng.uniform(-math.pi, math.pi))
    return Target(name, label, x, y, top.height_m, yaw, _TOP_SIZE_M, piece.room)


def _on_floor(rng: np.random.Generator, name: str, label: str, plan: FloorPlan) -> Target:
    index = int(rng.integers(len(plan.rooms)))
    room = plan.rooms[index]
    x = float(rng.uniform(room.x0 + 0.3, room.x1 - 0.3))
    y = float(rng.uniform(room.y0 + 0.3, room.y1 - 0.3))
    yaw = float(rng.uniform(-math.pi, math.pi))
    return Target(name, label, x, y, 0.0, yaw, _FLOOR_SIZE_M, index)


def _too_near(a: Target, b: Target) -> bool:
    return math.hypot(a.x_m - b.x_m, a.y_m - b.y_m) < 0.6 * (a.size_m + b.size_m)


def _leaves_room(
    plan: FloorPlan, furniture: Sequence[Placement], targets: Sequence[Target], new: Target
) -> bool:
    # A lamp has the footprint of a floor target with a little air around it.
    stand_in = Placement("lamp", new.x_m, new.y_m, 0.0, new.room, 0)
    if not fits(plan, furniture, stand_in, gap_m=0.05):
        return False
    standing = [p.box for p in furniture] + [t.box for t in (*targets, new) if t.on_floor]
    return not unreachable_rooms(plan, island_of(plan, standing))


def draw_target(builder: SceneBuilder, target: Target) -> None:
    """Add the target as a body of its name."""
    colour, shape = target.label.split()
    builder.begin_body(target.name)
    piece = Piece(builder, target.x_m, target.y_m, target.yaw_rad)
    _SHAPES[shape](piece, target.z_m, target.size_m, COLOURS[colour])
    builder.end_body()


def _ball(p: Piece, z: float, s: float, c: Colour) -> None:
    p.add("sphere", (0, 0, z + s / 2), (s, s, s), c)


def _cube(p: Piece, z: float, s: float, c: Colour) -> None:
    p.box((0, 0, z + 0.425 * s), (0.85 * s, 0.85 * s, 0.85 * s), c)


def _cylinder(p: Piece, z: float, s: float, c: Colour) -> None:
    p.add("cylinder", (0, 0, z + 0.55 * s), (0.75 * s, 0.75 * s, 1.1 * s), c)


def _mug(p: Piece, z: float, s: float, c: Colour) -> None:
    p.add("cylinder", (0, 0, z + 0.45 * s), (0.75 * s, 0.75 * s, 0.9 * s), c)
    dark = (0.5 * c[0], 0.5 * c[1], 0.5 * c[2])
    p.add("cylinder", (0, 0, z + 0.9 * s), (0.62 * s, 0.62 * s, 0.01 * s), dark)
    for height in (0.22, 0.68):  # the handle, which hides from half of all sides
        p.box((0.5 * s, 0, z + height * s), (0.3 * s, 0.12 * s, 0.12 * s), c)
    p.box((0.6 * s, 0, z + 0.45 * s), (0.12 * s, 0.12 * s, 0.58 * s), c)


def _vase(p: Piece, z: float, s: float, c: Colour) -> None:
    p.add("ellipsoid", (0, 0, z + 0.45 * s), (0.8 * s, 0.8 * s, 0.9 * s), c)
    p.add("cylinder", (0, 0, z + 0.98 * s), (0.3 * s, 0.3 * s, 0.36 * s), c)
    p.add("cylinder", (0, 0, z + 1.17 * s), (0.5 * s, 0.5 * s, 0.04 * s), c)


_SHAPES: dict[str, Callable[[Piece, float, float, Colour], None]] = {
    "ball": _ball,
    "cube": _cube,
    "cylinder": _cylinder,
    "mug": _mug,
    "vase": _vase,
}
