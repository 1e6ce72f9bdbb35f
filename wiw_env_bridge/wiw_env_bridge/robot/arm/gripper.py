"""The gripper: opened and closed through whichever of the two standard actions is offered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.action import get_action_server_names_and_types_by_node
from rclpy.node import NodeNameNonExistentError
from sensor_msgs.msg import JointState

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.actions import ActionPort
from wiw_env_bridge.robot.arm.settings import GripperSettings
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Timing
from wiw_ros.interfaces import optional

PARALLEL, SINGLE = "ParallelGripperCommand", "GripperCommand"
"""The action of today's controllers, and that of older ones."""


class Gripper:
    """A gripper behind ``ParallelGripperCommand`` or ``GripperCommand``.

    Closing ends where the fingers touch something: a stalled gripper holds it, which is fine.
    """

    def __init__(self, link: RobotLink, settings: GripperSettings, timing: Timing) -> None:
        self._link, self._settings, self._timing = link, settings, timing
        self._port: ActionPort | None = None
        self._kind = ""
        self.name = link.node.resolve_topic_name(settings.action)

    def connect(self, wait_s: float) -> None:
        """Find out which action is offered, and wait for its server.

        Raises
        ------
        WiwError
            ``ACTION_SERVER_LOST`` if neither is offered within ``wait_s``; ``INTERFACE_MISSING``.
        """
        if self._link.until(self._connected, wait_s, lambda: None) is None:
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST,
                f"Nobody offers the action '{self.name}' as {PARALLEL} or {SINGLE}.",
                "Is the gripper's controller running and active?",
            )

    def command(self, opened: bool, halted: threading.Event, watch: Callable[[], None]) -> str:
        """Open or close it; return "" or why it did not.

        Raises
        ------
        WiwError
            As :meth:`ActionPort.run`.
        """
        if self._port is None:
            self.connect(self._timing.server_wait_s)
        assert self._port is not None
        ended = self._port.run(self._goal(opened), self._settings.nominal_s, halted, watch)
        held = bool(ended.result.stalled) and not opened
        if halted.is_set() or held or (ended.succeeded and ended.result.reached_goal):
            return ""
        did = "open" if opened else "close"
        why = "it stalled" if ended.result.stalled else f"it ended with status {ended.status}"
        return f"The gripper '{self.name}' did not {did}: {why}."

    def cancel(self) -> None:
        """Stop it; from any thread, never waits, never raises."""
        if self._port is not None:
            self._port.cancel_all()

    def opening(self, position: float) -> float:
        """Return how open it is at this position of its joints: 0 closed to 1 open."""
        settings = self._settings
        travel = settings.open_position - settings.closed_position
        return min(1.0, max(0.0, (position - settings.closed_position) / travel))

    def _connected(self) -> bool | None:
        if self._port is None and (kind := self._offered()) is not None:
            action = getattr(optional("control_msgs.action"), kind)
            self._port = ActionPort(self._link, action, self._settings.action, self._timing)
            self._kind = kind
        return (self._port is not None and self._port.offered) or None

    def _offered(self) -> str | None:
        """Return the kind that a server offers; what other clients would like says nothing."""
        node = self._link.node
        for name, namespace in node.get_node_names_and_namespaces():
            try:
                offers = get_action_server_names_and_types_by_node(node, name, namespace)
            except NodeNameNonExistentError:  # it has just left
                continue
            kinds = {kind.rpartition("/")[2] for kind in dict(offers).get(self.name, ())}
            found = next((kind for kind in (PARALLEL, SINGLE) if kind in kinds), None)
            if found is not None:
                return found
        return None

    def _goal(self, opened: bool) -> Any:
        settings = self._settings
        action = getattr(optional("control_msgs.action"), self._kind)
        goal = action.Goal()
        position = settings.open_position if opened else settings.closed_position
        if self._kind == SINGLE:
            goal.command.position = position * settings.command_scale
            goal.command.max_effort = settings.effort
            return goal
        joint = settings.command_joint or settings.joints[0]
        goal.command = JointState(name=[joint], position=[position], effort=[settings.effort])
        return goal
