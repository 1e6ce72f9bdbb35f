"""The arm's action servers: a joint trajectory controller, a gripper controller, and MoveIt's."""

from __future__ import annotations

import math
import time
from typing import Any

from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from wiw_env_bridge.simulated_robot.arm_goals import End, Following, Goal
from wiw_env_bridge.simulated_robot.arm_messages import (
    joint_state,
    report_to_msg,
    trajectory_to_msg,
)
from wiw_env_bridge.simulated_robot.arm_moveit import NoPlan, Planner
from wiw_env_bridge.simulated_robot.arm_plant import Plant, effort_limit
from wiw_env_bridge.simulated_robot.arm_serving import Offer, Serving
from wiw_env_bridge.simulated_robot.arm_trajectory import (
    Tolerances,
    Trajectory,
    read_tolerances,
    read_trajectory,
)
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.tabletop import panda
from wiw_ros.interfaces import optional

ARM_NODE, HAND_NODE = "panda_arm_controller", "panda_hand_controller"
"""As ros2_control names them; their actions are below these names."""
TRAJECTORY, GRIPPER = f"{ARM_NODE}/follow_joint_trajectory", f"{HAND_NODE}/gripper_cmd"
MOVE_GROUP = "move_action"
GRIPPERS = {"parallel": "ParallelGripperCommand", "gripper": "GripperCommand"}
"""The two action types that grippers are commanded by."""


class ArmServers:
    """Serves the actions of the controllers, and MoveIt's, from one node that can vanish.

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
    moveit : bool
        Offer MoveIt's ``move_action`` too, and carry its plans out unless ``plan_only`` is set.
    """

    def __init__(
        self,
        node: Node,
        plant: Plant,
        faults: Faults,
        gripper: str,
        tolerances: Tolerances,
        moveit: bool,
    ) -> None:
        self._beside, self._plant, self._tolerances = node, plant, tolerances
        actions = optional("control_msgs.action")
        self._trajectory_type = actions.FollowJointTrajectory
        self._gripper_type = getattr(actions, GRIPPERS[gripper])
        self._parallel = gripper == "parallel"
        self._planner = Planner() if moveit else None
        if moveit:
            self._move_type = optional("moveit_msgs.action").MoveGroup
            self._move_codes = optional("moveit_msgs.msg").MoveItErrorCodes
        self._serving = Serving(node, ARM_NODE, plant, faults)

    def open(self) -> None:
        """Offer the actions, unless they are offered."""
        offers = [
            Offer(self._trajectory_type, TRAJECTORY, self._follow, self._bad),
            Offer(self._gripper_type, GRIPPER, self._grip, self._bad_grip),
        ]
        if self._planner is not None:
            offers.append(Offer(self._move_type, MOVE_GROUP, self._move, lambda goal: ""))
        self._serving.open(offers)

    def vanish(self) -> None:
        """Withdraw the actions as a process that ends does; the arm holds."""
        self._serving.vanish()

    def close(self) -> None:
        """Hold, answer the goals in progress, and withdraw the actions for good; idempotent."""
        self._serving.close()

    # Goals ----------------------------------------------------------------------------------------

    def _bad(self, goal: Any) -> str:
        """Return why a trajectory goal is rejected, or nothing."""
        try:
            self._read(goal)
        except ValueError as problem:
            return str(problem)
        return ""

    def _read(self, goal: Any) -> tuple[Trajectory, Tolerances]:
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
                feedback = report_to_msg(goal.report, self._trajectory_type.Feedback())
                feedback.header.stamp = self._beside.get_clock().now().to_msg()
                handle.publish_feedback(feedback)

        end = self._serving.run(handle, begin, tell)
        result = self._trajectory_type.Result(error_string=end.message)
        result.error_code = getattr(self._trajectory_type.Result, end.code)
        return _close(handle, end, result)

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

        end = self._serving.run(handle, lambda: self._plant.grip(goal_m, effort_n), tell)
        result = self._gripper_state(self._gripper_type.Result())
        result.reached_goal = self._plant.reached(goal_m)
        result.stalled = end.state == "succeed" and not result.reached_goal
        return _close(handle, end, result)

    def _move(self, handle: ServerGoalHandle) -> Any:
        """Plan, tell the plan, and follow it unless only the plan was asked for."""
        assert self._planner is not None
        planner, here = self._planner, self._plant.state.positions[:7]
        result, began = self._move_type.Result(), time.monotonic()
        code = "SUCCESS"

        def begin() -> Goal:
            nonlocal code
            try:
                plan = planner.plan(handle.request.request, here)
            except NoPlan as problem:
                code = problem.code
                raise ValueError(str(problem)) from problem
            result.planning_time = time.monotonic() - began
            result.trajectory_start.joint_state = joint_state(self._plant.state)
            result.planned_trajectory.joint_trajectory = trajectory_to_msg(plan)
            if not handle.request.planning_options.plan_only:
                return self._plant.follow(plan, self._tolerances)
            planned = Goal()
            planned.finish(End("succeed"))
            return planned

        end = self._serving.run(handle, begin, lambda goal: None)
        if end.state != "succeed" and code == "SUCCESS":
            code = "PREEMPTED" if end.state == "canceled" else "CONTROL_FAILED"
        result.error_code.val = getattr(self._move_codes, code)
        result.error_code.message = end.message
        return _close(handle, end, result)

    def _gripper_state(self, message: Any) -> Any:
        """Fill a result or a feedback of either gripper type with where the fingers are."""
        state = self._plant.state
        if self._parallel:
            message.state = joint_state(state, fingers_only=True)
        else:
            message.position, message.effort = float(state.positions[7]), state.grip_n
        return message


def _close(handle: ServerGoalHandle, end: End, result: Any) -> Any:
    """Bring a goal's handle to its end."""
    getattr(handle, end.state)()
    return result
