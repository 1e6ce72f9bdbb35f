"""The base's behaviour server: ``DriveOnHeading`` and ``Spin`` as Nav2's, over ``cmd_vel``."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node

from wiw_env_bridge.simulated_robot.drive import STEP_S, Drive, approach_speed
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.servers import Gone, ServerNode
from wiw_env_bridge.simulated_robot.velocity import VelocityTopic
from wiw_ros.action import RESULT_TIMEOUT_S
from wiw_ros.interfaces import optional
from wiw_ros.qos import ROLLOUTS

NODE = "behavior_server"
"""As Nav2 names it."""
CYCLE_S = 0.04
BRAKING = 0.8
"""Share of the driver's acceleration that an approach counts on."""
TOLERANCE_M, TOLERANCE_RAD = 0.002, math.radians(0.2)
SLOWEST_M_S, SLOWEST_RAD_S = 0.02, 0.05
YIELD_S = 2.0
"""Longest wait for a motion that a new goal has ended."""


@dataclass(frozen=True)
class Course:
    """One finite motion, in metres or in radians.

    Attributes
    ----------
    length : float
        To go, signed.
    top, slowest : float
        Greatest and least speed on the way, positive.
    acceleration, tolerance : float
        Of the driver; of the end.
    measured : callable
        Returns the wheels' signed count.
    twist : callable
        Returns the command (m/s, rad/s) at a signed speed.
    clear : callable
        Tells whether nothing is in the way for a signed length.
    feedback : callable
        Returns the message for a signed length that is done.
    problem : str
        Why it cannot be done at all; empty: it can.
    """

    length: float
    top: float
    slowest: float
    acceleration: float
    tolerance: float
    measured: Callable[[], float]
    twist: Callable[[float], tuple[float, float]]
    clear: Callable[[float], bool]
    feedback: Callable[[float], Any]
    problem: str = ""


class _Turn:
    """The right of one goal to move the robot."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.ended = threading.Event()


@dataclass(frozen=True)
class _End:
    state: str
    code: str = "NONE"
    message: str = ""


class BehaviourServer:
    """Serves ``drive_on_heading`` and ``spin``; one motion at a time, a new goal ends the other.

    Closed on the count of the wheels. Where something is in the way within what is left, but no
    further than ``ahead_s`` seconds, it aborts with ``COLLISION_AHEAD`` before touching, as Nav2's
    does with its costmap. Every way out of a motion commands zero.

    Parameters
    ----------
    node : Node
        The robot's.
    ahead_s : float
        How far ahead, in seconds of motion, it looks for obstacles.
    """

    def __init__(
        self, node: Node, drive: Drive, faults: Faults, ahead_s: float, stamped: bool
    ) -> None:
        self._beside, self._drive, self._faults = node, drive, faults
        self._ahead_s, self._stamped = ahead_s, stamped
        actions = optional("nav2_msgs.action")
        self._drive_type, self._spin_type = actions.DriveOnHeading, actions.Spin
        self._lock = threading.Lock()
        self._turn = _Turn()
        self._turn.ended.set()
        self._gone, self._crashed = threading.Event(), threading.Event()
        self._host: ServerNode | None = None
        self._servers: list[ActionServer] = []

    def open(self) -> None:
        """Offer the actions, unless they are offered."""
        if self._host is not None:
            return
        self._gone.clear()
        self._crashed.clear()
        self._host = host = ServerNode(self._beside, NODE)
        name = self._beside.resolve_topic_name("cmd_vel")
        self._velocity = VelocityTopic(host.node, name, self._stamped)
        self._servers = [
            self._serve(host.node, self._drive_type, "drive_on_heading", self._heading),
            self._serve(host.node, self._spin_type, "spin", self._spin),
        ]

    def halt(self) -> None:
        """End the motion in progress, if any, as aborted; returns when it has ended."""
        with self._lock:
            turn = self._turn
        turn.over.set()
        turn.ended.wait(YIELD_S)

    def vanish(self, crash: bool) -> None:
        """Withdraw the actions; goals in progress get no answer, as when a process ends.

        ``crash``: nor is there a last zero command.
        """
        if crash:
            self._crashed.set()
        self._gone.set()
        self.halt()
        self._withdraw()

    def close(self) -> None:
        """End the motion in progress, answer its goal, and withdraw the actions; idempotent."""
        self.halt()
        if self._host is not None:
            self._host.answer()
        self._withdraw()

    def _withdraw(self) -> None:
        host, self._host = self._host, None
        if host is None:
            return
        for server in self._servers:
            server.destroy()
        self._servers = []
        host.close()

    # Goals ----------------------------------------------------------------------------------------

    def _serve(
        self, node: Node, action_type: Any, name: str, course: Callable[[Any], Course]
    ) -> ActionServer:
        def execute(handle: ServerGoalHandle) -> Any:
            return self._execute(handle, action_type, course(handle.request))

        return ActionServer(
            node,
            action_type,
            name,
            execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=self._may_begin,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            feedback_pub_qos_profile=ROLLOUTS,
            result_timeout=RESULT_TIMEOUT_S,
        )

    def _may_begin(self, goal: Any) -> GoalResponse:
        rejected = self._faults.on("reject_goals")
        return GoalResponse.REJECT if rejected else GoalResponse.ACCEPT

    def _heading(self, goal: Any) -> Course:
        x, speed, limits = float(goal.target.x), float(goal.speed), self._drive.limits
        problem = ""
        if not (math.isfinite(x) and math.isfinite(speed)):
            problem = "the target and the speed must be finite"
        elif goal.target.y or goal.target.z:
            problem = "only x of the target can be driven"
        elif not x * speed > 0.0:
            problem = "the target and the speed must have the same sign"
        return Course(
            length=x,
            top=min(abs(speed), limits.speed_m_s),
            slowest=SLOWEST_M_S,
            acceleration=limits.acceleration_m_s2,
            tolerance=TOLERANCE_M,
            measured=lambda: self._drive.state.wheels_m,
            twist=lambda speed: (speed, 0.0),
            clear=self._drive.clear_ahead,
            feedback=lambda done: self._drive_type.Feedback(distance_traveled=abs(done)),
            problem=problem,
        )

    def _spin(self, goal: Any) -> Course:
        yaw, limits = float(goal.target_yaw), self._drive.limits
        return Course(
            length=yaw,
            top=limits.turn_rad_s,
            slowest=SLOWEST_RAD_S,
            acceleration=limits.turn_acceleration_rad_s2,
            tolerance=TOLERANCE_RAD,
            measured=lambda: self._drive.state.wheels_rad,
            twist=lambda speed: (0.0, speed),
            clear=lambda ahead: True,  # a disc can always turn
            feedback=lambda done: self._spin_type.Feedback(angular_distance_traveled=done),
            problem="" if math.isfinite(yaw) else "the yaw must be finite",
        )

    def _execute(self, handle: ServerGoalHandle, action_type: Any, course: Course) -> Any:
        began = time.monotonic()
        with self._lock:
            before, self._turn = self._turn, _Turn()
            turn = self._turn
        before.over.set()
        try:
            before.ended.wait(YIELD_S)
            try:
                end = self._follow(handle, course, turn, began)
            finally:
                if not self._crashed.is_set():
                    self._velocity.publish(0.0, 0.0)
            if self._gone.is_set():
                raise Gone
            return self._report(handle, action_type, end, time.monotonic() - began)
        finally:
            turn.ended.set()

    def _follow(
        self, handle: ServerGoalHandle, course: Course, turn: _Turn, began_s: float
    ) -> _End:
        """Command the motion until it ends, one way or another."""
        if course.problem:
            return _End(
                "abort", "INVALID_INPUT", f"{course.problem[0].upper()}{course.problem[1:]}."
            )
        allowance_s = Duration.from_msg(handle.request.time_allowance).nanoseconds * 1e-9
        checks = not getattr(handle.request, "disable_collision_checks", False)
        start, sign = course.measured(), math.copysign(1.0, course.length)
        moving, cycle_s, woke_s = False, CYCLE_S, began_s
        while not turn.over.is_set():
            if handle.is_cancel_requested and not self._faults.on("ignore_cancel"):
                return _End("canceled")
            if self._faults.on("abort_goals"):
                return _End("abort", "UNKNOWN", "The fault abort_goals is active.")
            now_s = time.monotonic()
            cycle_s, woke_s, waited_s = now_s - woke_s, now_s, now_s - began_s
            if self._faults.on("hang_goals"):
                if moving:
                    self._velocity.publish(0.0, 0.0)
                moving = False
            elif waited_s >= self._faults.value("slow"):
                if 0.0 < allowance_s < waited_s:
                    return _End("abort", "TIMEOUT", f"Not there after {allowance_s:g} s.")
                done = course.measured() - start
                left = sign * (course.length - done)
                handle.publish_feedback(course.feedback(done))
                if left <= course.tolerance:
                    return _End("succeed")
                # what is commanded now is obeyed after the latency, until the next cycle
                delay_s = self._drive.limits.latency_s + STEP_S + max(CYCLE_S, cycle_s)
                speed = approach_speed(left, course.top, BRAKING * course.acceleration, delay_s)
                speed = max(speed, min(course.slowest, course.top))
                if checks and not course.clear(sign * min(left, course.top * self._ahead_s)):
                    return _End("abort", "COLLISION_AHEAD", "Something is in the way.")
                self._velocity.publish(*course.twist(sign * speed))
                moving = True
            turn.over.wait(CYCLE_S)
        return _End("abort", "UNKNOWN", "Another goal, or the end of the server, ended it.")

    def _report(self, handle: ServerGoalHandle, action_type: Any, end: _End, seconds: float) -> Any:
        result = action_type.Result(total_elapsed_time=Duration(seconds=seconds).to_msg())
        # Spin knows no INVALID_INPUT; Humble knows no code at all, Iron no message
        if hasattr(result, "error_code"):
            code = end.code if hasattr(action_type.Result, end.code) else "UNKNOWN"
            result.error_code = getattr(action_type.Result, code)
        if hasattr(result, "error_msg"):
            result.error_msg = end.message
        getattr(handle, end.state)()
        return result
