"""What the scenes of the four tasks share."""

from __future__ import annotations

import mujoco

from wiw_env_bridge.tabletop.layout import middle
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M


class BodyScene:
    """A scene whose objects are bodies with their frames in the middle, and that changes no colour.

    ``movable`` are the bodies that would end the episode if they fell off the table.
    """

    @property
    def movable(self) -> tuple[str, ...]:
        """Names of the bodies that must stay on the table."""
        return ()

    def watch(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Nothing to remember."""

    def paint(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Nothing changes its colour."""

    def centroid(self, model: mujoco.MjModel, data: mujoco.MjData, name: str) -> tuple[float, ...]:
        """Return the middle of a body in metres, (x, y, z)."""
        return tuple(map(float, middle(data, name)))

    def failed(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether something fell off the table."""
        return any(middle(data, name)[2] < TABLE_TOP_M - 0.05 for name in self.movable)
