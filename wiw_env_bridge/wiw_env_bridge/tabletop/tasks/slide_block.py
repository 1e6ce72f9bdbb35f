"""A block amid four coloured squares; slide it onto the named one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop.colours import COLOURS, Rgb
from wiw_env_bridge.tabletop.layout import body, box, flat_m, middle, share_done
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M
from wiw_env_bridge.tabletop.tasks.base import BodyScene

SQUARES = ("green", "blue", "magenta", "yellow")
"""The colours; one variation each."""
VARIATIONS = len(SQUARES)
BLOCK_HALF_M = (0.04, 0.04, 0.025)
SQUARE_HALF_M = 0.05
REACHED_M = 0.04
"""The block's middle must be so near to the middle of the square."""
_BLOCK: Rgb = (0.85, 0.08, 0.08)
_DISTANCE_M = 0.16
_OFFSET_M = 0.03
_TURN_RAD = math.radians(15.0)
_MIDDLE_LOW, _MIDDLE_HIGH = (0.19, -0.06), (0.25, 0.06)


@dataclass(frozen=True)
class SlideScene(BodyScene):
    """One layout: the squares stand 16 cm around ``centre``, turned by ``yaw_rad``.

    The block is turned alike and stands up to 3 cm off it in both directions. Whether the
    gripper still touches it does not matter.
    """

    named: int
    around: tuple[int, ...]
    centre: tuple[float, float]
    start: tuple[float, float]
    yaw_rad: float

    @classmethod
    def draw(cls, rng: np.random.Generator, variation: int) -> SlideScene:
        """Draw a layout; ``around`` are the squares' directions in quarter turns."""
        around = tuple(int(k) for k in rng.permutation(VARIATIONS))
        centre = np.round(rng.uniform(_MIDDLE_LOW, _MIDDLE_HIGH), 4)
        start = np.round(centre + rng.uniform(-_OFFSET_M, _OFFSET_M, 2), 4)
        yaw = round(float(rng.uniform(-_TURN_RAD, _TURN_RAD)), 4)
        return cls(variation, around, _xy(centre), _xy(start), yaw)

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"slide the block to the {SQUARES[self.named]} target"

    @property
    def graspable(self) -> tuple[str, ...]:
        """Nothing: the block is as wide as the gripper."""
        return ()

    @property
    def objects(self) -> tuple[str, ...]:
        """The block and the squares."""
        return ("block", *(f"square{k}" for k in range(VARIATIONS)))

    @property
    def movable(self) -> tuple[str, ...]:
        """The block."""
        return ("block",)

    @property
    def effort(self) -> float:
        """How hard it is: metres from the block to the square, and twice those off its axis."""
        angle = self.yaw_rad + self.around[self.named] * math.pi / 2
        x, y = (a - b for a, b in zip(self.square(self.named), self.start, strict=True))
        return math.hypot(x, y) + 2.0 * abs(x * math.sin(angle) - y * math.cos(angle))

    @property
    def reach(self) -> tuple[tuple[float, float, float], ...]:
        """Points that the tool must get to, looking down."""
        points = [self.square(k) for k in range(VARIATIONS)]
        return tuple((*p, TABLE_TOP_M + z) for p in points for z in (0.025, 0.15))

    def square(self, k: int) -> tuple[float, float]:
        """Return the middle of square k in metres, (x, y)."""
        angle = self.yaw_rad + self.around[k] * math.pi / 2
        x, y = self.centre
        return x + _DISTANCE_M * math.cos(angle), y + _DISTANCE_M * math.sin(angle)

    def mjcf(self) -> str:
        """Return the block and the squares."""
        slippery = 'friction=".4 .01 .001" priority="1"'
        block = "<freejoint/>" + box((0, 0, 0), BLOCK_HALF_M, _BLOCK, mass_kg=0.2, extra=slippery)
        shapes = [body("block", (*self.start, TABLE_TOP_M + BLOCK_HALF_M[2]), block, self.yaw_rad)]
        for k, colour in enumerate(SQUARES):
            half = (SQUARE_HALF_M, SQUARE_HALF_M, 0.001)
            square = box((0, 0, 0), half, COLOURS[colour], solid=False)
            shapes.append(
                body(f"square{k}", (*self.square(k), TABLE_TOP_M + 0.001), square, self.yaw_rad)
            )
        return "".join(shapes)

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether the block lies on the named square."""
        return self._left_m(data) <= REACHED_M and not self.failed(model, data)

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        """Return the share of the way that the block has come."""
        if self.failed(model, data):
            return 0.0
        whole_m = flat_m(self.start, self.square(self.named)) - REACHED_M
        return share_done(max(0.0, self._left_m(data) - REACHED_M), whole_m)

    def _left_m(self, data: mujoco.MjData) -> float:
        return flat_m(middle(data, "block"), self.square(self.named))


def _xy(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[1])
