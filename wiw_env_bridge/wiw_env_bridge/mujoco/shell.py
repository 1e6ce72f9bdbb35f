"""The shell of an apartment: walls with doors, floors, ceilings, windows, pictures and lamps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wiw_env_bridge.mujoco import textures
from wiw_env_bridge.mujoco.floorplan import (
    CEILING_M,
    DOOR_HEIGHT_M,
    WALL_M,
    Box2,
    FloorPlan,
    Line,
    Room,
    room_sides,
    solid_parts,
)
from wiw_env_bridge.mujoco.mjcf import Colour, Quad, SceneBuilder
from wiw_env_bridge.mujoco.textures import Image

_FLOORS = {
    "living": (textures.planks, textures.carpet),
    "kitchen": (textures.tiles,),
    "bedroom": (textures.planks, textures.carpet),
    "bathroom": (textures.tiles,),
    "study": (textures.planks, textures.concrete),
    "dining": (textures.planks, textures.tiles),
}
_WALLPAPERS = (
    textures.plaster,
    textures.plaster,
    textures.stripes,
    textures.damask,
    textures.brick,
)
_FRAMES: tuple[Colour, ...] = ((0.93, 0.92, 0.90), (0.45, 0.30, 0.20))
_WALL_TILE_M = 1.6
_FLOOR_TILE_M = 1.2
_FLOOR_TEXELS_PER_M = 96
_SHADOW_M = 0.12
_WHOLE_TEXTURE = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])


def build_shell(
    builder: SceneBuilder, rng: np.random.Generator, plan: FloorPlan, standing: Sequence[Box2]
) -> None:
    """Draw everything that does not move; ``standing`` are the footprints that shade the floor."""
    shading = [*plan.obstacles(), *standing]
    glow = builder.material(textures.plain((1.0, 0.93, 0.75)), glow=1.0)
    frame = _FRAMES[rng.integers(len(_FRAMES))]
    for room in plan.rooms:
        _floor(builder, rng, room, shading)
        _walls(builder, rng, plan, room)
        _decorations(builder, rng, plan, room)
        x, y = room.centre
        builder.light((x, y, CEILING_M - 0.25))
        builder.solid("cylinder", (x, y, CEILING_M - 0.05), (0.32, 0.32, 0.08), glow)
    _ceilings(builder, plan)
    for door, _, _ in plan.doors:
        _door_frame(builder, door, frame)


def _floor(
    builder: SceneBuilder, rng: np.random.Generator, room: Room, shading: Sequence[Box2]
) -> None:
    generators = _FLOORS[room.kind]
    base = generators[rng.integers(len(generators))](rng)
    image = _shaded(_tiled(base, room), room, shading)
    # The first image row is the top of the texture, hence the far side (y1) of the room.
    material = builder.material(image[::-1], specular=0.25)
    corners = _corners(room, 0.0)
    builder.surface(
        [(corners, np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))], material
    )
    if room.kind in ("living", "bedroom", "study") and rng.random() < 0.8:
        width, depth = min(2.0, room.width * 0.5), min(1.4, room.height * 0.45)
        x, y = room.centre
        rug = Room(x - width / 2, y - depth / 2, x + width / 2, y + depth / 2)
        cloth = builder.material(textures.fabric(rng), specular=0.0)
        builder.surface([(_corners(rug, 0.006), _WHOLE_TEXTURE * [3.0, 2.0])], cloth)


def _corners(room: Room, z: float) -> np.ndarray:
    return np.array(
        [[room.x0, room.y0, z], [room.x1, room.y0, z], [room.x1, room.y1, z], [room.x0, room.y1, z]]
    )


def _tiled(base: Image, room: Room) -> Image:
    """Return the whole floor, row 0 at y0, from a tileable base."""
    width, height = (int(v * _FLOOR_TEXELS_PER_M) for v in (room.width, room.height))
    period = int(_FLOOR_TILE_M * _FLOOR_TEXELS_PER_M)
    tile = cv2.resize(base, (period, period), interpolation=cv2.INTER_AREA)
    repeats = (height // period + 1, width // period + 1, 1)
    return np.tile(tile, repeats)[:height, :width].astype(np.float32)


def _shaded(image: Image, room: Room, shading: Sequence[Box2]) -> Image:
    """Bake soft contact shadows: real shadows cost a CPU ten times the frame."""
    scale = _FLOOR_TEXELS_PER_M
    mask = np.zeros(image.shape[:2], np.float32)
    for box in shading:
        corners = cv2.boxPoints(
            (
                ((box.x_m - room.x0) * scale, (box.y_m - room.y0) * scale),
                (box.width_m * scale, box.depth_m * scale),
                float(np.degrees(box.yaw_rad)),
            )
        )
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], (1.0,))
    shadow = cv2.GaussianBlur(mask, (0, 0), _SHADOW_M * scale)
    image *= (1.0 - 0.55 * shadow)[..., None]
    return np.asarray(cv2.resize(image, (512, 512), interpolation=cv2.INTER_AREA), np.float32)


def _walls(builder: SceneBuilder, rng: np.random.Generator, plan: FloorPlan, room: Room) -> None:
    paper = textures.tiles if room.kind == "bathroom" else _WALLPAPERS[rng.integers(5)]
    material = builder.material(paper(rng), specular=0.05)
    quads: list[Quad] = []
    for side, inward in room_sides(room):
        openings = plan.openings(side)
        offset = inward * WALL_M / 2
        quads += [_wall(p, offset, 0.0, CEILING_M) for p in solid_parts(side, openings)]
        quads += [_wall(p, offset, DOOR_HEIGHT_M, CEILING_M) for p in openings]
    builder.surface([(corners, uv / _WALL_TILE_M) for corners, uv in quads], material)


def _wall(part: Line, offset: float, bottom: float, top: float) -> Quad:
    """Return a wall face ``offset`` from the centre line, seen from there; texture in metres."""
    ends = [part.low, part.high]
    if (part.axis == "y") == (offset > 0):  # keep the visible side on the left of first -> second
        ends.reverse()
    (ax, ay), (bx, by) = (part.point(e, offset) for e in ends)
    corners = np.array([[ax, ay, bottom], [bx, by, bottom], [bx, by, top], [ax, ay, top]])
    length = part.high - part.low
    uv = np.array([[0.0, -bottom], [length, -bottom], [length, -top], [0.0, -top]])
    return corners, uv


def _decorations(
    builder: SceneBuilder, rng: np.random.Generator, plan: FloorPlan, room: Room
) -> None:
    """Hang a window on outer walls and a picture on walls without a door, most of the time."""
    for side, inward in room_sides(room):
        length = side.high - side.low
        middle = (side.low + side.high) / 2 + float(rng.uniform(-0.15, 0.15)) * length
        if plan.is_outer(side) and length > 1.8 and rng.random() < 0.75:
            width, bottom, top = min(1.5, length * 0.5), 0.95, 2.1
            material = builder.material(textures.window(rng), glow=0.7)
        elif not plan.openings(side) and rng.random() < 0.7:
            width = float(rng.uniform(0.5, 0.9))
            bottom, top = 1.25, 1.25 + width * 0.8
            material = builder.material(textures.picture(rng), glow=0.1)
        else:
            continue
        part = Line(side.axis, side.at, middle - width / 2, middle + width / 2)
        corners, _ = _wall(part, inward * (WALL_M / 2 + 0.004), bottom, top)
        builder.surface([(corners, _WHOLE_TEXTURE)], material)


def _ceilings(builder: SceneBuilder, plan: FloorPlan) -> None:
    white = builder.material(textures.plain((0.95, 0.95, 0.94)), glow=0.35)
    quads = []
    for room in plan.rooms:
        corners = _corners(room, CEILING_M)[::-1]
        quads.append((corners, corners[:, :2].copy()))
    builder.surface(quads, white)


def _door_frame(builder: SceneBuilder, door: Line, colour: Colour) -> None:
    deep = WALL_M + 0.05
    for along in (door.low + 0.02, door.high - 0.02):
        x, y = door.point(along)
        size = (deep, 0.05, DOOR_HEIGHT_M) if door.axis == "x" else (0.05, deep, DOOR_HEIGHT_M)
        builder.solid("box", (x, y, DOOR_HEIGHT_M / 2), size, colour)
    x, y = door.point((door.low + door.high) / 2)
    wide = door.high - door.low
    size = (deep, wide, 0.05) if door.axis == "x" else (wide, deep, 0.05)
    builder.solid("box", (x, y, DOOR_HEIGHT_M), size, colour)
