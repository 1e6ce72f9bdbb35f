"""Three cups of different colours; stack the others in the named one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.mujoco.mjcf import numbers
from wiw_env_bridge.tabletop.colours import COLOURS, Rgb, company, mixed
from wiw_env_bridge.tabletop.layout import (
    body,
    box,
    cylinder,
    flat_m,
    middle,
    scatter,
    share_done,
    tilt_cos,
)
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M
from wiw_env_bridge.tabletop.tasks.base import BodyScene

VARIATIONS = len(COLOURS)
CUPS = 3
CUP_HALF_M, RIM_M = 0.038, 0.047
"""Half of a cup's height, and the radius of its rim."""
GRASP_M = (0.0, 0.043, 0.028)
"""Where to hold one, in the cup's frame: its rim on the left, with the fingers along y."""
NESTED_M = 0.02
"""Greatest horizontal distance between the middles of cups that are stacked."""
STEP_M = (0.01, 0.035)
"""Least and greatest height of a stacked cup above the one below it; at rest about 25 mm."""
_UPRIGHT_COS = 0.95
_GAP_M = 0.17
_LOW, _HIGH = (0.08, -0.27), (0.36, 0.23)
_SIDES = 8
_FLOOR_HALF_M = 0.011  # a stacked cup stands on the floor of the other: leaning walls would wedge
_LEAN_RAD = 0.25
_WALL_RADIUS_M, _WALL_HALF_M = 0.0365, (0.0015, 0.017, 0.036)


@dataclass(frozen=True)
class CupsScene(BodyScene):
    """One layout. The cups are alike, eight-sided and open at the top; any order counts."""

    colours: tuple[str, ...]
    named: int
    places: tuple[tuple[float, float], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, variation: int) -> CupsScene:
        """Draw a layout; the variation is the colour of the named cup."""
        colour = tuple(COLOURS)[variation]
        colours, named = mixed(rng, colour, company(rng, colour, CUPS - 1))
        return cls(colours, named, tuple(scatter(rng, CUPS, _LOW, _HIGH, _GAP_M)))

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"stack the other cups on top of the {self.colours[self.named]} cup"

    @property
    def graspable(self) -> tuple[str, ...]:
        """Every cup."""
        return self.objects

    @property
    def objects(self) -> tuple[str, ...]:
        """The cups."""
        return tuple(f"cup{k}" for k in range(CUPS))

    @property
    def others(self) -> tuple[str, ...]:
        """The cups that must be moved."""
        return tuple(name for k, name in enumerate(self.objects) if k != self.named)

    @property
    def movable(self) -> tuple[str, ...]:
        """The cups."""
        return self.objects

    @property
    def effort(self) -> float:
        """How hard it is: metres that both cups must be moved."""
        return sum(flat_m(place, self.places[self.named]) for place in self.places)

    @property
    def reach(self) -> tuple[tuple[float, float, float], ...]:
        """Points that the tool must get to, looking down."""
        return tuple(
            (x, y + GRASP_M[1], TABLE_TOP_M + z) for x, y in self.places for z in (0.06, 0.25)
        )

    def mjcf(self) -> str:
        """Return the cups."""
        return "".join(
            body(name, (*place, TABLE_TOP_M + CUP_HALF_M), _cup(COLOURS[colour]))
            for name, place, colour in zip(self.objects, self.places, self.colours, strict=True)
        )

    def stacked(self, data: mujoco.MjData) -> int:
        """Return how many cups are stacked on the named one, one in the other."""
        below, count = f"cup{self.named}", 0
        if not self._stands(data, below):
            return 0
        base = middle(data, below)
        over = [name for name in self.others if flat_m(middle(data, name), base) <= NESTED_M]
        for name in sorted(over, key=lambda n: middle(data, n)[2]):
            step_m = middle(data, name)[2] - middle(data, below)[2]
            if not (STEP_M[0] <= step_m <= STEP_M[1] and tilt_cos(data, name) > _UPRIGHT_COS):
                break
            below, count = name, count + 1
        return count

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether both other cups are in the named one on the table, upright; held or not."""
        return self.stacked(data) == CUPS - 1

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        """Return the mean over the other cups of the share of their way up, across and down.

        0 while the named cup does not stand on the table: then nothing is on it.
        """
        if self.succeeded(model, data):
            return 1.0
        if self.failed(model, data) or not self._stands(data, f"cup{self.named}"):
            return 0.0
        base = middle(data, f"cup{self.named}")
        home = np.array((*self.places[self.named], TABLE_TOP_M + CUP_HALF_M))
        shares = []
        for k, name in enumerate(self.objects):
            if k != self.named:
                start = np.array((*self.places[k], TABLE_TOP_M + CUP_HALF_M))
                whole_m = _left_m(start, home)
                shares.append(share_done(_left_m(middle(data, name), base), whole_m))
        # Both ways done is not yet stacked: one may stand askew.
        return min(0.99, float(np.mean(shares)))

    def _stands(self, data: mujoco.MjData, name: str) -> bool:
        low = abs(middle(data, name)[2] - TABLE_TOP_M - CUP_HALF_M) < 0.01
        return bool(low) and tilt_cos(data, name) > _UPRIGHT_COS


def _left_m(cup: Array, base: Array) -> float:
    across = flat_m(cup, base)
    if across <= NESTED_M:
        return float(max(0.0, cup[2] - base[2] - 2 * STEP_M[1]))
    over = base[2] + 3 * CUP_HALF_M
    return float(max(0.0, over - cup[2])) + across + 2 * CUP_HALF_M


def _cup(colour: Rgb) -> str:
    parts = [
        "<freejoint/>",
        cylinder((0, 0, _FLOOR_HALF_M - CUP_HALF_M), 0.0275, _FLOOR_HALF_M, colour, mass_kg=0.05),
    ]
    for k in range(_SIDES):
        angle = 2 * math.pi * k / _SIDES
        c, s = math.cos(angle / 2), math.sin(angle / 2)
        lean_c, lean_s = math.cos(_LEAN_RAD / 2), math.sin(_LEAN_RAD / 2)
        # First lean outwards about y, then turn about z.
        quaternion = (c * lean_c, -s * lean_s, c * lean_s, s * lean_c)
        at = (_WALL_RADIUS_M * math.cos(angle), _WALL_RADIUS_M * math.sin(angle), 0.002)
        parts.append(
            box(
                at,
                _WALL_HALF_M,
                colour,
                mass_kg=0.005,
                extra=f'quat="{numbers(quaternion)}" friction="1 .02 .001"',
            )
        )
    return "".join(parts)
