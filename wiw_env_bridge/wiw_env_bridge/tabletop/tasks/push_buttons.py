"""Three buttons of different colours; push the named one, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from wiw_env_bridge.tabletop.colours import COLOURS, company, mixed
from wiw_env_bridge.tabletop.layout import (
    DARK,
    WHITE,
    body,
    box,
    cylinder,
    flat_m,
    scatter,
)
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M
from wiw_env_bridge.tabletop.tasks.base import BodyScene

VARIATIONS = 50
"""RLBench's number of colour combinations."""
BUTTONS = 3
BASE_HALF_M = 0.045
HEIGHT_M = 0.052
"""Of the top of a button that is not pushed."""
TRAVEL_M = 0.012
PUSHED_M = 0.006
"""A button that went down so far is pushed for good."""
_GAP_M = 0.15
_LOW, _HIGH = (0.08, -0.26), (0.34, 0.26)
_CAP_HALF_M = 0.007


@cache
def combinations() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the named colour and the other two of each variation, no two alike."""
    rng = np.random.default_rng(VARIATIONS)
    found: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
    while len(found) < VARIATIONS:
        named = tuple(COLOURS)[len(found) % len(COLOURS)]
        others = company(rng, named, BUTTONS - 1)
        found.setdefault((named, frozenset(others)), others)
    return tuple((named, others) for (named, _), others in found.items())


@dataclass(frozen=True)
class ButtonsScene(BodyScene):
    """One layout. ``userdata[k]`` is 1 once button k was pushed; then its top and rim are white.

    To push another button than the named one fails the episode. (RLBench lets it pass; but then
    pushing all three, which the budget allows, would do without reading the words.)
    """

    colours: tuple[str, ...]
    named: int
    places: tuple[tuple[float, float], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, variation: int) -> ButtonsScene:
        """Draw a layout; the colours depend on the variation alone."""
        colours, named = mixed(rng, *combinations()[variation])
        return cls(colours, named, tuple(scatter(rng, BUTTONS, _LOW, _HIGH, _GAP_M)))

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"push the {self.colours[self.named]} button"

    @property
    def graspable(self) -> tuple[str, ...]:
        """Nothing here can be held."""
        return ()

    @property
    def objects(self) -> tuple[str, ...]:
        """The buttons."""
        return tuple(f"button{k}" for k in range(BUTTONS))

    @property
    def effort(self) -> float:
        """How hard it is: crowding, minus the metres to the nearest other button."""
        return -min(
            flat_m(self.places[self.named], p) for p in self.places if p != self.places[self.named]
        )

    @property
    def reach(self) -> tuple[tuple[float, float, float], ...]:
        """Points that the tool must get to, looking down."""
        return tuple((*p, TABLE_TOP_M + z) for p in self.places for z in (0.04, 0.2))

    def mjcf(self) -> str:
        """Return the buttons."""
        return "".join(map(self._button, range(BUTTONS)))

    def watch(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Latch the buttons that are down."""
        for k in range(BUTTONS):
            if data.joint(f"push{k}").qpos[0] >= PUSHED_M:
                data.userdata[k] = 1.0

    def paint(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Show which buttons were pushed."""
        for k, colour in enumerate(self.colours):
            pushed = data.userdata[k] > 0.5
            model.geom(f"cap{k}").rgba[:3] = WHITE if pushed else COLOURS[colour]
            model.geom(f"rim{k}").rgba[:3] = WHITE if pushed else DARK

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether the named button was pushed and no other."""
        return bool(data.userdata[self.named] > 0.5) and not self.failed(model, data)

    def failed(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether another button was pushed."""
        return any(data.userdata[k] > 0.5 for k in range(BUTTONS) if k != self.named)

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        """Return how far down the named button is; 1 once pushed, 0 if another one was."""
        if self.failed(model, data):
            return 0.0
        down = float(data.joint(f"push{self.named}").qpos[0]) / PUSHED_M
        return 1.0 if self.succeeded(model, data) else float(np.clip(down, 0.0, 1.0))

    def _button(self, k: int) -> str:
        colour = COLOURS[self.colours[k]]
        half = HEIGHT_M / 2
        cap = body(
            f"top{k}",
            (0, 0, half - _CAP_HALF_M),
            f'<joint name="push{k}" type="slide" axis="0 0 -1" range="0 {TRAVEL_M}" limited="true"'
            ' stiffness="200" damping="4"/>'
            + cylinder((0, 0, 0), 0.024, _CAP_HALF_M, colour, extra=f'name="cap{k}"'),
            extra='gravcomp="1"',
        )
        base = box((0, 0, -half + 0.011), (BASE_HALF_M, BASE_HALF_M, 0.011), colour)
        rim = cylinder(
            (0, 0, -half + 0.024), 0.034, 0.002, DARK, solid=False, extra=f'name="rim{k}"'
        )
        return body(f"button{k}", (*self.places[k], TABLE_TOP_M + half), base + rim + cap)
