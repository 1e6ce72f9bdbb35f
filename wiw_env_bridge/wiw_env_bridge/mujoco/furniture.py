"""Furniture from primitives: one drawing function per kind; local +y is the front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_env_bridge.mujoco import textures
from wiw_env_bridge.mujoco.mjcf import Colour, Piece, SceneBuilder

Rng = np.random.Generator
WHITE: Colour = (0.94, 0.94, 0.94)
BLACK: Colour = (0.05, 0.05, 0.06)
STEEL: Colour = (0.72, 0.74, 0.77)


@dataclass(frozen=True)
class Palette:
    """Materials that the furniture of one apartment shares."""

    woods: tuple[str, ...]
    fabrics: tuple[str, ...]
    stone: str
    glow: str

    def wood(self, rng: Rng) -> str:
        """Pick a wood."""
        return self.woods[rng.integers(len(self.woods))]

    def fabric(self, rng: Rng) -> str:
        """Pick a fabric."""
        return self.fabrics[rng.integers(len(self.fabrics))]


def make_palette(builder: SceneBuilder, rng: Rng) -> Palette:
    """Draw the shared materials."""
    return Palette(
        woods=tuple(builder.material(textures.wood(rng)) for _ in range(4)),
        fabrics=tuple(builder.material(textures.fabric(rng), repeat=2) for _ in range(5)),
        stone=builder.material(textures.concrete(rng), specular=0.4),
        glow=builder.material(textures.plain((1.0, 0.93, 0.75)), glow=1.0),
    )


Draw = Callable[[Piece, Rng, Palette, float, float], None]


@dataclass(frozen=True)
class Top:
    """Where things can stand on a piece: height above the floor and a local rectangle, metres."""

    height_m: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class Kind:
    """A kind of furniture: its footprint in metres, and its top if things can stand there."""

    width_m: float
    depth_m: float
    draw: Draw
    top: Top | None = None


KINDS: dict[str, Kind] = {}


def _kind(
    name: str, width_m: float, depth_m: float, top: Top | None = None
) -> Callable[[Draw], Draw]:
    def register(draw: Draw) -> Draw:
        KINDS[name] = Kind(width_m, depth_m, draw, top)
        return draw

    return register


def _legs(p: Piece, w: float, d: float, height: float, thick: float, paint: str) -> None:
    for x in (-w / 2 + thick, w / 2 - thick):
        for y in (-d / 2 + thick, d / 2 - thick):
            p.box((x, y, height / 2), (thick, thick, height), paint)


@_kind("table", 1.4, 0.85, Top(0.76, -0.55, 0.55, -0.3, 0.3))
def _table(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood = c.wood(rng)
    p.box((0, 0, 0.74), (w, d, 0.04), wood)
    _legs(p, w, d, 0.72, 0.06, wood)


@_kind("desk", 1.3, 0.65, Top(0.75, -0.5, 0.5, 0.0, 0.2))
def _desk(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood = c.wood(rng)
    p.box((0, 0, 0.73), (w, d, 0.04), wood)
    p.box((-w / 2 + 0.2, 0, 0.355), (0.38, d - 0.05, 0.71), wood)
    p.box((w / 2 - 0.03, 0, 0.355), (0.05, d, 0.71), wood)
    p.box((0, -0.15, 1.02), (0.62, 0.03, 0.36), BLACK)
    p.box((0, -0.15, 0.8), (0.06, 0.04, 0.14), BLACK)


@_kind("chair", 0.45, 0.45)
def _chair(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood = c.wood(rng)
    p.box((0, 0, 0.45), (w, d, 0.05), c.fabric(rng))
    p.box((0, -d / 2 + 0.02, 0.72), (w, 0.04, 0.5), wood)
    _legs(p, w, d, 0.43, 0.04, wood)


@_kind("sofa", 1.9, 0.85)
def _sofa(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    cover, cushion = c.fabric(rng), c.fabric(rng)
    p.box((0, 0, 0.22), (w, d, 0.38), cover)
    p.box((0, -d / 2 + 0.1, 0.6), (w, 0.2, 0.5), cover)
    for side in (-1, 1):
        p.box((side * (w / 2 - 0.09), 0, 0.45), (0.18, d, 0.34), cover)
        p.box((side * w * 0.2, 0.02, 0.47), (w * 0.38, d * 0.6, 0.12), cushion)


@_kind("bed", 1.6, 2.0)
def _bed(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood = c.wood(rng)
    p.box((0, 0, 0.2), (w, d, 0.3), wood)
    p.box((0, 0.05, 0.43), (w - 0.06, d - 0.15, 0.2), c.fabric(rng))
    p.box((0, -d / 2 + 0.03, 0.6), (w, 0.06, 1.0), wood)
    for side in (-1, 1):
        p.box((side * w * 0.25, -d / 2 + 0.32, 0.57), (0.5, 0.32, 0.12), WHITE)


@_kind("shelf", 0.95, 0.3)
def _shelf(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood, height, levels = c.wood(rng), float(rng.uniform(1.5, 2.0)), 5
    p.box((0, -d / 2 + 0.01, height / 2), (w, 0.02, height), wood)
    for side in (-1, 1):
        p.box((side * (w / 2 - 0.015), 0, height / 2), (0.03, d, height), wood)
    gap = (height - 0.05) / levels
    for level in range(levels + 1):
        p.box((0, 0, 0.03 + level * gap), (w, d, 0.025), wood)
    for level in range(levels):
        x = -w / 2 + 0.07
        while x < w / 2 - 0.12 and rng.random() < 0.93:
            thick, tall = float(rng.uniform(0.03, 0.07)), float(rng.uniform(0.16, gap - 0.05))
            r, g, b = (float(v) for v in rng.uniform(0.1, 0.85, 3))
            z = 0.045 + level * gap + tall / 2
            p.box((x + thick / 2, -0.01, z), (thick, 0.2, tall), (r, g, b))
            x += thick + 0.004


@_kind("cabinet", 1.1, 0.45, Top(0.86, -0.4, 0.4, -0.1, 0.1))
def _cabinet(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    wood, height = c.wood(rng), 0.86
    p.box((0, 0, height / 2), (w, d, height), wood)
    for side in (-1, 1):
        p.box((side * w / 4, d / 2 + 0.005, height / 2), (w / 2 - 0.03, 0.01, height - 0.06), wood)
        p.box((side * 0.05, d / 2 + 0.02, height * 0.6), (0.02, 0.02, 0.14), STEEL)


@_kind("fridge", 0.7, 0.68)
def _fridge(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.9), (w, d, 1.8), (0.82, 0.84, 0.86))
    p.box((0, d / 2 + 0.004, 1.19), (w, 0.008, 0.012), BLACK)
    p.box((-0.28, d / 2 + 0.03, 0.81), (0.025, 0.03, 0.5), STEEL)
    p.box((-0.28, d / 2 + 0.03, 1.44), (0.025, 0.03, 0.3), STEEL)


@_kind("stove", 0.65, 0.62)
def _stove(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.44), (w, d, 0.88), WHITE)
    p.box((0, d / 2 + 0.004, 0.45), (w - 0.1, 0.01, 0.42), BLACK)
    for x in (-0.16, 0.16):
        for y in (-0.15, 0.15):
            p.add("cylinder", (x, y, 0.888), (0.2, 0.2, 0.016), BLACK)


@_kind("counter", 1.6, 0.6, Top(0.92, -0.65, 0.05, -0.15, 0.15))
def _counter(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.43), (w, d - 0.04, 0.86), (0.88, 0.87, 0.83))
    p.box((0, 0, 0.9), (w, d, 0.04), c.stone)
    p.box((0.4, 0, 0.905), (0.5, 0.36, 0.034), STEEL)
    p.add("cylinder", (0.4, -0.22, 1.04), (0.03, 0.03, 0.28), STEEL)


@_kind("toilet", 0.42, 0.66)
def _toilet(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.add("ellipsoid", (0, 0.06, 0.2), (0.34, 0.46, 0.4), WHITE)
    p.add("ellipsoid", (0, 0.08, 0.4), (0.4, 0.5, 0.05), WHITE)
    p.box((0, -0.24, 0.55), (w, 0.18, 0.45), WHITE)


@_kind("sink", 0.6, 0.48)
def _sink(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.42), (w, d, 0.84), c.wood(rng))
    p.add("ellipsoid", (0, 0, 0.88), (0.5, 0.4, 0.12), WHITE)
    p.add("cylinder", (0, -d / 2 + 0.05, 0.95), (0.03, 0.03, 0.22), STEEL)


@_kind("bathtub", 1.6, 0.75)
def _bathtub(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.275), (w, d, 0.55), WHITE)
    p.box((0, 0, 0.552), (w - 0.16, d - 0.16, 0.006), (0.55, 0.75, 0.85))


@_kind("plant", 0.4, 0.4)
def _plant(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.add("cylinder", (0, 0, 0.18), (0.3, 0.3, 0.36), (0.62, 0.33, 0.22))
    for _ in range(9):
        x, y = (float(v) for v in rng.normal(0.0, 0.08, 2))
        a, b, h = (float(v) for v in rng.uniform(0.14, 0.3, 3))
        leaf = (0.1, float(rng.uniform(0.3, 0.5)), 0.12)
        p.add("ellipsoid", (x, y, float(rng.uniform(0.55, 1.1))), (a, b, h), leaf)


@_kind("lamp", 0.36, 0.36)
def _lamp(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.add("cylinder", (0, 0, 0.02), (0.3, 0.3, 0.04), BLACK)
    p.add("cylinder", (0, 0, 0.75), (0.03, 0.03, 1.45), BLACK)
    p.add("cylinder", (0, 0, 1.5), (w, d, 0.26), c.glow)


@_kind("tv", 1.2, 0.4)
def _tv(p: Piece, rng: Rng, c: Palette, w: float, d: float) -> None:
    p.box((0, 0, 0.22), (w, d, 0.44), c.wood(rng))
    p.box((0, -0.05, 0.85), (1.1, 0.05, 0.64), BLACK)
    p.box((0, -0.05, 0.48), (0.3, 0.2, 0.08), BLACK)


AGAINST_WALLS: dict[str, Sequence[str]] = {
    "living": ("sofa", "tv", "shelf", "plant", "lamp", "cabinet"),
    "kitchen": ("fridge", "stove", "counter", "cabinet"),
    "bedroom": ("bed", "cabinet", "lamp", "shelf"),
    "bathroom": ("toilet", "sink", "bathtub"),
    "study": ("desk", "shelf", "shelf", "plant"),
    "dining": ("cabinet", "plant", "shelf"),
}
"""What stands against the walls of each kind of room, most wanted first."""
IN_THE_MIDDLE: dict[str, Sequence[str]] = {
    "living": ("table",),
    "study": ("chair",),
    "dining": ("table", "chair", "chair"),
}
"""What stands free, in rooms that are large enough."""
