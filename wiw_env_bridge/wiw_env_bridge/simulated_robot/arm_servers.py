"""The arm's action servers: a joint trajectory controller and a gripper controller."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectoryPoint

from wiw_core.errors import WiwError
from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_goals import End, Following, Goal, Report
from wiw_env_bridge.simulated_robot.arm_plant import ArmState, Plant, effort_limit
from wiw_env_bridge.simulated_robot.arm_trajectory import (
    Tolerances,
    read_tolerances,
    read_trajectory,
)
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.servers import Gone, ServerNode
from wiw_env_bridge.tabletop import panda
from wiw_ros.action import RESULT_TIMEOUT_S
from wiw_ros.interfaces import optional
from wiw_ros.qos import ROLLOUTS

ARM_NODE, HAND_NODE = "panda_arm_controller", "panda_hand_controller"
"""As ros2_control names them; their actions are below these names."""
TRAJECTORY, GRIPPER = f"{ARM_NODE}/follow_joint_trajectory", f"{HAND_NODE}/gripper_cmd"
FEEDBACK_S = 0.05
GRIPPERS = {"parallel": "ParallelGripperCommand", "gripper": "GripperCommand"}
"""The two action types that grippers are commanded by."""


class ArmServers:
    """Serves the two actions from one node that can vanish.

    The trajectory server behaves as ros2_control's joint trajectory controller: an invalid goal is
    rejected, a new goal ends the one before (aborted, ``INVALID_GOAL``), a cancel holds the
    position. The gripper server succeeds when the fingers rest, at their goal or stalled on
    something; positions are those of a finger joint, in metres, 0 closed.

    Parameters
    ----------
    gripper : str
        Of :data:`GRIPPERS`.
    tolerances : Tolerances
        What holds where a goal gives none.
    """

    def __init__(
        self, node: Node, plant: Plant, faults: Faults, gripper: str, tolerances: Tolerances
    ) -> None:
        self._beside, self._plant, self._faults = node, plant, faults
        self._tolerances = tolerances
        actions = optional("control_msgs.action")
        self._trajectory_type = actions.FollowJointTrajectory
        self._gripper_type = getattr(actions, GRIPPERS[gripper])
        self._parallel = gripper == "parallel"
        self._gone, self._closing = threading.Event(), threading.Event()
        self._host: ServerNode | None = None
        self._servers: list[ActionServer] = []

    def open(self) -> None:
        """Offer the actions, unless they are offered."""
        if self._host is not None:
            return
        self._gone.clear()
        self._host = host = ServerNode(self._beside, ARM_NODE)
        self._servers = [
            self._serve(host.node, self._trajectory_type, TRAJECTORY, self._follow, self._bad),
            self._serve(host.node, self._gripper_type, GRIPPER, self._grip, self._bad_grip),
        ]

    def vanish(self) -> None:
        """Withdraw the actions; goals in progress get no answer, as when a process ends.

        The servos, left without commands, hold the arm where it is.
        """
        self._gone.set()
        self._plant.stop()
        self._withdraw()

    def close(self) -> None:
        """Hold, answer the goals in progress, and withdraw the actions for good; idempotent."""
        self._closing.set()
        self._plant.stop()
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
        self,
        node: Node,
        action_type: Any,
        name: str,
        execute: Callable[[ServerGoalHandle], Any],
        problem: Callable[[Any], str],
    ) -> ActionServer:
        def may_begin(goal: Any) -> GoalResponse:
            why = "the fault reject_goals" if self._faults.on("reject_goals") else problem(goal)
            if why:
                node.get_logger().warning(f"A goal of {name} is rejected: {why}.")
            return GoalResponse.REJECT if why else GoalResponse.ACCEPT

        return ActionServer(
            node,
            action_type,
            name,
            execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=may_begin,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            feedback_pub_qos_profile=ROLLOUTS,
            result_timeout=RESULT_TIMEOUT_S,
        )

    def _bad(self, goal: Any) -> str:
        """Return why a trajectory goal is rejected, or nothing."""
        try:
            self._read(goal)
        except ValueError as problem:
            return str(problem)
        return ""

    def _read(self, goal: Any) -> tuple[Any, Tolerances]:
        now = self._beside.get_clock().now()
        here = self._plant.state.positions[:7]
        return (
            read_trajectory(goal.trajectory, panda.JOINTS, here, now),
            read_tolerances(goal, panda.JOINTS, self._tolerances),
        )

    def _follow(self, handle: ServerGoalHandle) -> Any:
        def begin() -> Following:
            return self._plant.follow(*self._read(handle.request))

        def tell(goal: Goal) -> None:
            if isinstance(goal, Following) and goal.report is not None:
                handle.publish_feedback(self._feedback(goal.report))

        end = self._run(handle, begin, tell)
        result = self._trajectory_type.Result(error_string=end.message)
        result.error_code = getattr(self._trajectory_type.Result, end.code)
        return self._close(handle, end, result)

    def _bad_grip(self, goal: Any) -> str:
        try:
            self._asked(goal)
        except ValueError as problem:
            return str(problem)
        return ""

    def _asked(self, goal: Any) -> tuple[float, float]:
        """Return where the fingers shall go (m) and the greatest force (N)."""
        if self._parallel:
            names, efforts = list(goal.command.name), list(goal.command.effort)
            if any(name not in panda.FINGERS for name in names):
                raise ValueError(f"the gripper's joints are {', '.join(panda.FINGERS)}")
            if not goal.command.position:
                raise ValueError("the command has no position")
            position, effort = float(goal.command.position[0]), float((efforts or [0.0])[0])
        else:
            position, effort = float(goal.command.position), float(goal.command.max_effort)
        if not (math.isfinite(position) and 0.0 <= position <= panda.OPEN_M):
            raise ValueError(f"a finger cannot be at {position} m; it can from 0 to {panda.OPEN_M}")
        if not math.isfinite(effort):
            raise ValueError(f"the effort {effort} is not finite")
        return position, effort_limit(effort)

    def _grip(self, handle: ServerGoalHandle) -> Any:
        goal_m, effort_n = self._asked(handle.request)

        def tell(goal: Goal) -> None:
            handle.publish_feedback(self._gripper_state(self._gripper_type.Feedback()))

        end = self._run(handle, lambda: self._plant.grip(goal_m, effort_n), tell)
        result = self._gripper_state(self._gripper_type.Result())
        result.reached_goal = self._plant.reached(goal_m)
        result.stalled = end.state == "succeed" and not result.reached_goal
        return self._close(handle, end, result)

    def _run(
        self,
        handle: ServerGoalHandle,
        begin: Callable[[], Any],
        tell: Callable[[Goal], None],
    ) -> End:
        """Carry a goal to its end, with feedback, as the faults let it."""
        goal: Goal | None = None
        began = time.monotonic()
        while goal is None or not goal.over.wait(FEEDBACK_S):
            if self._gone.is_set():
                raise Gone
            if self._closing.is_set() and goal is None:
                return End("abort", "INVALID_GOAL", "The driver ends.")
            if handle.is_cancel_requested and not self._faults.on("ignore_cancel"):
                if goal is None:
                    return End("canceled")
                self._plant.cancel(goal)
            elif self._faults.on("abort_goals"):
                if goal is not None:
                    self._plant.stop()
                return End("abort", "INVALID_GOAL", "The fault abort_goals is active.")
            elif goal is not None:
                tell(goal)
            elif self._faults.on("hang_goals"):
                self._gone.wait(FEEDBACK_S)
            elif (left := self._faults.value("slow") - (time.monotonic() - began)) > 0.0:
                self._gone.wait(min(FEEDBACK_S, left))
            else:
                try:
                    goal = begin()
                except (ValueError, WiwError) as error:
                    return End("abort", "INVALID_GOAL", str(error))
        if self._gone.is_set():
            raise Gone
        assert goal.end is not None
        return goal.end

    def _close(self, handle: ServerGoalHandle, end: End, result: Any) -> Any:
        getattr(handle, end.state)()
        return result

    # Messages -------------------------------------------------------------------------------------

    def _feedback(self, report: Report) -> Any:
        feedback = self._trajectory_type.Feedback(joint_names=list(panda.JOINTS))
        feedback.header.stamp = self._beside.get_clock().now().to_msg()
        at = Duration(seconds=report.time_s).to_msg()
        rows = {
            "desired": (report.desired, report.desired_rates),
            "actual": (report.actual, report.actual_rates),
            "error": (report.desired - report.actual, report.desired_rates - report.actual_rates),
        }
        for field, (positions, rates) in rows.items():
            setattr(feedback, field, _point(positions, rates, at))
        return feedback

    def _gripper_state(self, message: Any) -> Any:
        """Fill a result or a feedback of either gripper type with where the fingers are."""
        state = self._plant.state
        if self._parallel:
            message.state = joint_state(state, fingers_only=True)
        else:
            message.position, message.effort = float(state.positions[7]), state.grip_n
        return message


def joint_state(state: ArmState, *, fingers_only: bool = False) -> JointState:
    """Return a state as a message: names, positions and velocities."""
    first = len(panda.JOINTS) if fingers_only else 0
    message = JointState(
        name=[*panda.JOINTS, *panda.FINGERS][first:],
        position=state.positions[first:].tolist(),
        velocity=state.rates[first:].tolist(),
    )
    message.header.stamp = state.stamp
    if fingers_only:
        message.effort = [state.grip_n] * len(panda.FINGERS)
    return message


def default_tolerances(path_rad: float, goal_rad: float, goal_time_s: float) -> Tolerances:
    """Return the controller's own tolerances, the same for each joint."""
    ones: Array = np.ones(len(panda.JOINTS))
    return Tolerances(
        path_rad=path_rad * ones,
        goal_rad=goal_rad * ones,
        path_rad_s=math.inf * ones,
        goal_rad_s=STOPPED_RAD_S * ones,
        goal_time_s=goal_time_s,
    )


STOPPED_RAD_S = 0.03
"""At the end of a trajectory no joint may be faster than this."""


def _point(positions: Array, rates: Array, at: Any) -> JointTrajectoryPoint:
    return JointTrajectoryPoint(
        positions=positions.tolist(), velocities=rates.tolist(), time_from_start=at
    )
