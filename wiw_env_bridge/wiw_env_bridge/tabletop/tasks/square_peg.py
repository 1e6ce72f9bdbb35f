"""A square ring with a handle, and three coloured spokes; put the ring on the named one."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop.colours import COLOURS, Rgb, company, mixed
from wiw_env_bridge.tabletop.layout import (
    WOOD,
    body,
    box,
    flat_m,
    middle,
    share_done,
    tilt_cos,
)
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M
from wiw_env_bridge.tabletop.tasks.base import BodyScene

VARIATIONS = len(COLOURS)
SPOKES = 3
SPOKE_HALF_M = (0.0125, 0.0125, 0.04)
PLATE_HALF_M = (0.05, 0.2, 0.012)
SPOKE_TOP_M = TABLE_TOP_M + 2 * PLATE_HALF_M[2] + 2 * SPOKE_HALF_M[2]
RING_HALF_M, BAR_HALF_M, RING_HALF_HEIGHT_M = 0.05, 0.012, 0.012
HOLE_HALF_M = RING_HALF_M - 2 * BAR_HALF_M
"""26 mm about a spoke of 12.5 mm: room for the half centimetres that a voxel may be off."""
HANDLE_M = (-RING_HALF_M - 0.01, 0.0, 0.035)
"""Where to hold it, in the ring's frame: 6 cm towards the arm, with the fingers along y."""
_ON_M = TABLE_TOP_M + 2 * PLATE_HALF_M[2] + SPOKE_HALF_M[2]
_SPACING_M = 0.14
_LEVEL_COS = 0.9
_OVER_M = 0.03
_RING: Rgb = (0.92, 0.88, 0.78)
_HANDLE: Rgb = (0.36, 0.26, 0.18)


@dataclass(frozen=True)
class PegScene(BodyScene):
    """One layout: the plate's middle at ``plate``, the ring's at ``ring``; metres."""

    colours: tuple[str, ...]
    named: int
    plate: tuple[float, float]
    ring: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator, variation: int) -> PegScene:
        """Draw a layout; the variation is the colour of the named spoke."""
        colour = tuple(COLOURS)[variation]
        colours, named = mixed(rng, colour, company(rng, colour, SPOKES - 1))
        plate = np.round(rng.uniform((0.29, -0.03), (0.33, 0.03)), 4)
        ring = np.round(rng.uniform((0.09, -0.2), (0.16, 0.2)), 4)
        return cls(
            colours,
            named,
            (float(plate[0]), float(plate[1])),
            (float(ring[0]), float(ring[1])),
        )

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"put the ring on the {self.colours[self.named]} spoke"

    @property
    def graspable(self) -> tuple[str, ...]:
        """The ring, by its handle or anywhere else."""
        return ("ring",)

    @property
    def objects(self) -> tuple[str, ...]:
        """The ring and the spokes."""
        return ("ring", *(f"spoke{k}" for k in range(SPOKES)))

    @property
    def movable(self) -> tuple[str, ...]:
        """The ring."""
        return ("ring",)

    @property
    def effort(self) -> float:
        """How hard it is: metres from the ring to the spoke."""
        return flat_m(self.ring, self.spoke(self.named))

    @property
    def reach(self) -> tuple[tuple[float, float, float], ...]:
        """Points that the tool must get to, looking down."""
        points = [self.ring, *(self.spoke(k) for k in range(SPOKES))]
        return tuple(
            (p[0] + HANDLE_M[0], p[1], TABLE_TOP_M + z) for p in points for z in (0.05, 0.2)
        )

    def spoke(self, k: int) -> tuple[float, float]:
        """Return where spoke k stands in metres, (x, y)."""
        return self.plate[0], self.plate[1] + (k - 1) * _SPACING_M

    def mjcf(self) -> str:
        """Return the plate, the spokes and the ring."""
        plate = body(
            "plate",
            (*self.plate, TABLE_TOP_M + PLATE_HALF_M[2]),
            box((0, 0, 0), PLATE_HALF_M, WOOD),
        )
        spokes = [
            body(
                f"spoke{k}", (*self.spoke(k), _ON_M), box((0, 0, 0), SPOKE_HALF_M, COLOURS[colour])
            )
            for k, colour in enumerate(self.colours)
        ]
        at = (*self.ring, TABLE_TOP_M + RING_HALF_HEIGHT_M)
        return "".join((plate, *spokes, body("ring", at, _ring())))

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether a level ring is around the spoke, below its half height; held or not."""
        ring = middle(data, "ring")
        return (
            self._around(data)
            and tilt_cos(data, "ring") > _LEVEL_COS
            and bool(TABLE_TOP_M < ring[2] < _ON_M)
        )

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        """Return the share of the ring's way up, across and down that is done."""
        if self.succeeded(model, data):
            return 1.0
        if self.failed(model, data):
            return 0.0
        start = np.array((*self.ring, TABLE_TOP_M + RING_HALF_HEIGHT_M))
        whole_m = self._left_m(start, around=False)
        return share_done(self._left_m(middle(data, "ring"), self._around(data)), whole_m)

    def _around(self, data: mujoco.MjData) -> bool:
        """Tell whether the named spoke's axis is inside the hole, seen along the ring's axis."""
        turn = data.body("ring").xmat.reshape(3, 3)
        offset = turn.T @ (middle(data, f"spoke{self.named}") - middle(data, "ring"))
        room = HOLE_HALF_M - SPOKE_HALF_M[0]
        return bool(np.abs(offset[:2]).max() <= room + 0.002)

    def _left_m(self, ring: Array, around: bool) -> float:
        if around:
            return float(max(0.0, ring[2] - _ON_M))
        over = SPOKE_TOP_M + _OVER_M
        across = flat_m(ring, self.spoke(self.named))
        return float(max(0.0, over - ring[2])) + across + over - _ON_M


def _ring() -> str:
    side, half, height = RING_HALF_M - BAR_HALF_M, RING_HALF_M - 2 * BAR_HALF_M, RING_HALF_HEIGHT_M
    bars = [
        box((0, s * side, 0), (RING_HALF_M, BAR_HALF_M, height), _RING) for s in (-1.0, 1.0)
    ] + [box((s * side, 0, 0), (BAR_HALF_M, half, height), _RING) for s in (-1.0, 1.0)]
    handle = box((HANDLE_M[0], 0, 0.018), (0.01, 0.012, 0.03), _HANDLE)
    return "<freejoint/>" + "".join(bars) + handle
