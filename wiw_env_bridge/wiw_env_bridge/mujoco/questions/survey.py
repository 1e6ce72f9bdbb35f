"""What can be seen from where: one panorama per place all over an apartment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import Pose2
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.questions import Question
from wiw_env_bridge.mujoco.renderer import Renderer

SPACING = 8
"""Cells between places, 0.4 m."""
PANORAMA_HW = (576, 1024)
TARGET_PIXELS = 120
FURNITURE_PIXELS = 500
"""Pixels of such a panorama by which a small object, or a piece of furniture, shows well."""


@dataclass(frozen=True)
class Place:
    """A place to stand, and how many pixels of each body its panorama shows."""

    pose: Pose2
    pixels: dict[str, int]

    def shows_well(self, question: Question) -> bool:
        """Tell whether the answer can be seen from here."""
        return all(any(self._clear(name) for name in group) for group in question.evidence)

    def shows_any(self, question: Question) -> bool:
        """Tell whether any of what the answer is read off is seen, be it by one pixel."""
        return any(name in self.pixels for name in question.key)

    def _clear(self, name: str) -> bool:
        needed = TARGET_PIXELS if name.startswith("target") else FURNITURE_PIXELS
        return self.pixels.get(name, 0) >= needed


def survey(renderer: Renderer, layout: Layout, rng: np.random.Generator) -> list[Place]:
    """Return places all over the free floor, each looking a way of its own."""
    places = []
    rows, columns = np.nonzero(layout.grid.free[::SPACING, ::SPACING])
    for row, column in zip(rows * SPACING, columns * SPACING):
        x, y = (column + 0.5) * CELL_M, (row + 0.5) * CELL_M
        yaw = float(rng.uniform(-math.pi, math.pi))
        pose = Pose2(round(float(x), 4), round(float(y), 4), round(yaw, 4))
        places.append(Place(pose, renderer.panorama_census(layout.seed, pose, *PANORAMA_HW)))
    return places
