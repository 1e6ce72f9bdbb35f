"""What a manipulation task adds to the table: its objects, its goal, and how it is judged."""

from __future__ import annotations

from typing import Protocol

import mujoco

NUSERDATA = 16
"""Numbers of ``MjData.userdata`` that a scene may use to remember what happened."""


class TableScene(Protocol):
    """One episode's objects, drawn from its seed. It holds no state of the run.

    All that changes lies in ``MjData`` (``userdata`` for what must be remembered, such as a button
    that was pushed), so that a saved and restored ``MjData`` is the whole truth.
    """

    @property
    def text(self) -> str:
        """The goal in words."""
        ...

    @property
    def graspable(self) -> tuple[str, ...]:
        """Names of the bodies that the gripper can hold."""
        ...

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the bodies whose centroids the protocol may tell."""
        ...

    def mjcf(self) -> str:
        """Return the ``<body>`` and ``<geom>`` elements to put into the worldbody.

        The frame is the table's: z up from the floor, the table top at z = 0.75 m.
        """
        ...

    def watch(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Remember in ``data.userdata`` what just happened; called after every physics step."""
        ...

    def paint(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Set colours in ``model`` that depend on ``data``; called before every picture."""
        ...

    def centroid(self, model: mujoco.MjModel, data: mujoco.MjData, name: str) -> tuple[float, ...]:
        """Return the middle of an object of :attr:`objects` in metres, (x, y, z)."""
        ...

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether the goal is reached now."""
        ...

    def failed(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Tell whether it can no longer be reached."""
        ...

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        """Return how near the goal is: 0 at the start to 1 when reached; finite."""
        ...
