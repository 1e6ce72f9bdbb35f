"""A fake arm for tests: the standard interfaces of an arm without any physics behind them."""

from __future__ import annotations

import threading
import time

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand, ParallelGripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from robot_arm_blocks import panda_urdf
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from wiw_env_bridge.robot.profile import parse_profile
from wiw_env_bridge.simulated_robot.servers import Gone, ServerNode
from wiw_env_bridge.tabletop import panda
from wiw_ros.qos import JOINTS, LATCHED

NAMES, FINGERS = panda.JOINTS, panda.FINGERS
ARM_ACTION, HAND_ACTION = "arm/follow_joint_trajectory", "hand/gripper_cmd"


def arm_profile(arm=None, **sections):
    """A profile of the fake arm, fast, with short waits; keywords replace settings."""
    given = {
        "name": "fake_arm",
        "kind": "arm",
        "referee": {"kind": "simulated"},
        "cameras": {"front": {"image": "image", "info": "info"}},
        "frames": {"base": "world", "planning": "panda_link0", "tool": "panda_hand_tcp"},
        "arm": {
            "trajectory_action": ARM_ACTION,
            "base_xyz": list(panda.FOOT),
            "posture": list(panda.READY_RAD),
            "velocity_scaling": 0.9,
            "acceleration": 20.0,
            "speed_m_s": 1.0,
            "turn_rad_s": 3.0,
            "gripper": {"action": HAND_ACTION, "nominal_s": 0.5},
            **(arm or {}),
        },
        "limits": {"joint_speed_share": 1.0, "tool_speed_m_s": 2.0, "move_m": 1.0},
        "timing": {
            "server_wait_s": 5.0,
            "cancel_s": 1.5,
            "result_extra_s": 0.5,
            "silence_s": 0.5,
            "reacquire_s": 0.3,
        },
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    return parse_profile(given)


class FakeArm:
    """Follows every trajectory perfectly and does with its goals what ``mode`` says.

    Attributes
    ----------
    mode : str
        ``follow``; ``reject``; ``hang`` accepts and never ends; ``stop_short`` goes half way and
        says that it arrived; ``deaf`` ignores cancels; a number aborts half way with that code.
    obeys : bool
        Whether the joints move at all.
    goals, grips : list
        Every goal received; every gripper command.
    talks, layout : bool, str
        Whether joint_states come; how: ``plain``, ``shuffled``, ``split``, ``nan``, ``degrees``,
        ``short`` (a joint missing).
    """

    def __init__(self, probe, gripper=ParallelGripperCommand, urdf=None, layout="plain"):
        self._state = ServerNode(probe.node, "fake_arm_state")
        self._controllers = ServerNode(probe.node, "fake_arm_controllers")
        self._group = ReentrantCallbackGroup()
        self.mode, self.talks, self.layout, self.stalls = "follow", True, layout, False
        self.obeys = True
        self.goals, self.grips, self.cancelled = [], [], threading.Event()
        self.moving, self._gone = threading.Event(), threading.Event()
        self.q = dict(zip((*NAMES, *FINGERS), (*panda.READY_RAD, 0.04, 0.04)))
        node = self._state.node
        self._states = node.create_publisher(JointState, "joint_states", JOINTS)
        self._says = node.create_publisher(String, "robot_description", LATCHED)
        if urdf is None or urdf:
            self._says.publish(String(data=urdf or panda_urdf()))
        node.create_timer(0.02, self._publish, self._group, Clock(clock_type=ClockType.STEADY_TIME))
        self._servers = [self._serve(FollowJointTrajectory, ARM_ACTION, self._follow)]
        if gripper is not None:
            self._servers.append(self._serve(gripper, HAND_ACTION, self._grip))

    def vanish(self):
        """Take the servers out of the graph, as a crash does: what runs never answers."""
        self._gone.set()
        self._controllers.close()
        while self._servers:
            self._servers.pop().destroy()  # a node that goes leaves its action servers behind

    def close(self):
        self.vanish()
        self._state.close()

    @property
    def angles(self):
        return np.array([self.q[name] for name in NAMES])

    def _serve(self, action, name, execute):
        def accept(_):
            return GoalResponse.REJECT if self.mode == "reject" else GoalResponse.ACCEPT

        return ActionServer(
            self._controllers.node,
            action,
            name,
            execute,
            callback_group=self._group,
            goal_callback=accept,
            cancel_callback=self._cancel,
            result_timeout=10,
        )

    def _cancel(self, _):
        self.cancelled.set()
        return CancelResponse.REJECT if self.mode == "deaf" else CancelResponse.ACCEPT

    def _follow(self, handle):
        goal, result = handle.request, FollowJointTrajectory.Result()
        self.goals.append(goal)
        names, points = goal.trajectory.joint_names, goal.trajectory.points
        times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in points]
        rows = np.array([p.positions for p in points])
        mode, began = self.mode, time.monotonic()
        half = mode not in ("follow", "hang", "deaf", "reject")
        end_s = times[-1] * (0.5 if half else 1.0)
        self.moving.set()
        while True:
            now_s = min(time.monotonic() - began, end_s)
            for k, name in enumerate(names if self.obeys else ()):
                self.q[name] = float(np.interp(now_s, times, rows[:, k]))
            if handle.is_cancel_requested and self.mode != "deaf":
                handle.canceled()
                return result
            if now_s >= end_s and mode not in ("hang", "deaf"):
                break
            if self._gone.wait(0.01):
                raise Gone
        if isinstance(mode, int):
            result.error_code, result.error_string = mode, "said the fake"
            handle.abort()
        else:
            handle.succeed()
        return result

    def _grip(self, handle):
        command = handle.request.command
        self.grips.append(command)
        single = isinstance(handle.request, GripperCommand.Goal)
        goal = command.position if single else command.position[0]
        if not self.stalls:
            for name in FINGERS:
                self.q[name] = goal
        result = (GripperCommand if single else ParallelGripperCommand).Result()
        result.stalled, result.reached_goal = self.stalls, not self.stalls
        handle.abort() if self.stalls else handle.succeed()
        return result

    def _publish(self):
        if not self.talks:
            return
        q = dict(self.q)
        if self.layout == "nan":
            q[NAMES[2]] = float("nan")
        if self.layout == "degrees":
            q.update({name: float(np.degrees(q[name])) for name in NAMES})
        if self.layout == "short":
            del q[NAMES[6]]
        groups = [list(q)]
        if self.layout == "shuffled":
            groups = [[*list(q)[5:], "another_joint", *list(q)[:5]]]
            q["another_joint"] = 9.9
        if self.layout == "split":
            groups = [list(FINGERS), list(reversed(NAMES))]
        for names in groups:
            message = JointState(name=names, position=[q[name] for name in names])
            message.header.stamp = self._state.node.get_clock().now().to_msg()
            self._states.publish(message)
