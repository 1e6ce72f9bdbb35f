"""How far the tool has really gone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.arm_kinematics import ArmKinematics

_STEP_M = 0.002
"""Less than this is taken for the noise of the joint sensors, until it adds up."""


class Travel:
    """Adds up the tool's way from measured joints.

    Parameters
    ----------
    measured : callable
        Returns the joints' positions now, (n,); what it raises passes through :meth:`look`.
    """

    def __init__(self, kinematics: ArmKinematics, measured: Callable[[], Array]) -> None:
        self._kinematics, self._measured = kinematics, measured
        self._place = self._now()
        self.metres = 0.0

    def look(self) -> None:
        """Look where the tool is: often, while it moves."""
        place = self._now()
        gone = float(np.linalg.norm(place - self._place))
        if gone >= _STEP_M:
            self.metres += gone
            self._place = place

    def _now(self) -> Array:
        return np.asarray(self._kinematics.tool(self._measured())[:3, 3])
