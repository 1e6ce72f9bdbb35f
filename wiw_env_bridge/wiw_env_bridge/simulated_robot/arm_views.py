"""What the arm's five cameras look at."""

from __future__ import annotations

from collections.abc import Hashable

import mujoco

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.simulated_robot.arm_plant import Plant, Still
from wiw_env_bridge.simulated_robot.cameras import Moment
from wiw_env_bridge.tabletop.cameras import CAMERAS, TableRenderer


def optical_frame(camera: str) -> str:
    """Return the name of a camera's optical frame."""
    return f"{camera}_optical_frame"


class TableViews:
    """Pictures of the table as it was at the last :meth:`moment`; for the cameras' thread."""

    def __init__(self, plant: Plant, size: int) -> None:
        self._plant, self._size = plant, size
        self._renderer = TableRenderer(size)
        self._model: mujoco.MjModel | None = None
        self._still: Still | None = None

    def moment(self) -> Moment:
        """Return the present state; everything is drawn in it until the next call."""
        number, stamp, self._still = self._plant.look()
        return Moment(number, stamp)

    def draw(self, camera: str, key: Hashable) -> tuple[Rgb, Depth]:
        """Return what a camera sees: (H, W, 3) uint8 and (H, W) float32 metres."""
        if self._still is None:
            raise WiwError(ErrorCode.ENVIRONMENT_FAILED, "There is nothing to draw yet.")
        if self._still.model is not self._model:
            self._renderer.open(self._still)
            self._model = self._still.model
        (view,) = self._renderer.views((camera,), self._size)
        assert view.depth is not None
        return view.rgb, view.depth

    def warm(self) -> None:
        """Draw once, so that a machine without GL is told of at the start."""
        self.draw(next(iter(CAMERAS)), self.moment().key)

    def close(self) -> None:
        """Free the GL context; idempotent."""
        self._renderer.close()
