"""What MoveIt plans passes the gate before anything moves; what it refuses moves nothing."""

from __future__ import annotations

import math
import sys
import threading
import time

import numpy as np
import pytest
from rclpy.action import ActionServer, CancelResponse
from robot_arm_fakes import NAMES, FakeArm, arm_profile

from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_env_bridge.robot.arm.body import ArmBody
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.simulated_robot.servers import ServerNode
from wiw_env_bridge.tabletop.kinematics import Kinematics
from wiw_ros.testing import Probe, own_domain

POSE = Pose3(0.3, 0.05, 1.1, 1.0, 0.0, 0.0, 0.0)
MOVEIT = {"interface": "moveit", "moveit": {"group": "panda", "planner": "LIN", "planning_s": 2.0}}


THINKS_ON = 0
"""An answer of the fake: none, until it is cancelled."""


@pytest.fixture(scope="module")
def probe():
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture
def robot(probe):
    robot = FakeArm(probe)
    yield robot
    robot.close()


@pytest.fixture
def link(probe):
    link = RobotLink(probe.node)
    yield link
    link.close()


class FakeMoveGroup:
    """Plans straight lines with the embedded arm's kinematics; ``spoil`` spoils each plan."""

    def __init__(self, probe):
        from moveit_msgs.action import MoveGroup

        self.requests, self.answer, self.spoil = [], 1, lambda times, rows, names: names
        self._action, self._arm, self.thinking = MoveGroup, Kinematics(), threading.Event()
        self._servers = ServerNode(probe.node, "fake_move_group")
        self._server = ActionServer(
            self._servers.node,
            MoveGroup,
            "move_action",
            self._plan,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )

    def close(self):
        self._servers.close()
        self._server.destroy()

    def _plan(self, handle):
        from trajectory_msgs.msg import JointTrajectoryPoint

        goal, result = handle.request, self._action.Result()
        self.requests.append(goal)
        result.error_code.val = self.answer
        self.thinking.set()
        while self.answer == THINKS_ON:
            if handle.is_cancel_requested:
                handle.canceled()
                return result
            time.sleep(0.01)
        if self.answer != 1:
            handle.abort()
            return result
        times, rows = self._line(goal.request)
        names = self.spoil(times, rows, list(reversed(NAMES)))
        trajectory = result.planned_trajectory.joint_trajectory
        trajectory.joint_names = names
        rates = np.gradient(rows, times, axis=0)
        rates[[0, -1]] = 0.0
        for time_s, row, rate in zip(times, rows, rates):
            point = JointTrajectoryPoint()
            columns = [NAMES.index(name) for name in names]
            point.positions, point.velocities = row[columns].tolist(), rate[columns].tolist()
            point.time_from_start.sec = int(time_s)
            point.time_from_start.nanosec = round((time_s - int(time_s)) * 1e9)
            trajectory.points.append(point)
        handle.succeed()
        return result

    def _line(self, request):
        state = request.start_state.joint_state
        start = np.array([state.position[list(state.name).index(name)] for name in NAMES])
        (wanted,) = request.goal_constraints
        (place,), (turn,) = wanted.position_constraints, wanted.orientation_constraints
        at, q = place.constraint_region.primitive_poses[0].position, turn.orientation
        pose = Pose3(at.x - 0.3, at.y, at.z + 0.75, q.x, q.y, q.z, q.w)  # the foot in the world
        path = self._arm.straight(start, pose.matrix())
        shares = np.linspace(0.0, 1.0, 30)
        progress = (shares**2 * (3.0 - 2.0 * shares)) * (len(path) - 1)
        columns = [np.interp(progress, np.arange(len(path)), column) for column in path.T]
        return shares * 1.5, np.stack(columns, axis=1)


@pytest.fixture
def move_group(probe):
    pytest.importorskip("moveit_msgs", reason="moveit_msgs is not installed")
    group = FakeMoveGroup(probe)
    yield group
    group.close()


@pytest.fixture
def body(link, robot, move_group):
    body = ArmBody(link, arm_profile(arm=MOVEIT))
    body.ready()
    return body


def run(body):
    return body.execute(tool_pose(POSE, True), threading.Event())


def fault(body, robot):
    with pytest.raises(WiwError) as error:
        run(body)
    assert not robot.goals and not robot.grips
    return error.value


def test_without_moveit_msgs_it_is_said_what_to_install(link, monkeypatch):
    monkeypatch.setitem(sys.modules, "moveit_msgs", None)
    monkeypatch.delitem(sys.modules, "moveit_msgs.action", raising=False)
    with pytest.raises(WiwError) as error:
        ArmBody(link, arm_profile(arm=MOVEIT))
    assert error.value.code is ErrorCode.INTERFACE_MISSING
    assert "ros-jazzy-moveit-msgs" in str(error.value)


def test_without_a_planner_the_arm_is_not_ready(link, robot):
    pytest.importorskip("moveit_msgs", reason="moveit_msgs is not installed")
    body = ArmBody(link, arm_profile(arm=MOVEIT, timing={"server_wait_s": 0.8}))
    with pytest.raises(WiwError) as error:
        body.ready()
    assert error.value.code is ErrorCode.ACTION_SERVER_LOST and "/move_action" in str(error.value)


def test_a_plan_of_moveit_is_executed_through_the_controller(body, robot, move_group):
    outcome = run(body)
    assert outcome.code is ErrorCode.OK
    assert np.allclose(body.state().tool_pose.position, POSE.position, atol=2e-3)
    (goal,), (sent,) = move_group.requests, robot.goals
    assert goal.planning_options.plan_only
    request = goal.request
    assert (request.group_name, request.planner_id, request.pipeline_id) == ("panda", "LIN", "")
    assert request.max_velocity_scaling_factor == 0.9 and request.allowed_planning_time == 2.0
    assert list(sent.trajectory.joint_names) == list(NAMES)
    assert len(sent.path_tolerance) == 7


def test_the_goal_is_told_of_the_tool_link_in_the_planning_frame(body, move_group):
    run(body)
    (wanted,) = move_group.requests[0].request.goal_constraints
    (place,), (turn,) = wanted.position_constraints, wanted.orientation_constraints
    for constraint in (place, turn):
        assert constraint.header.frame_id == "panda_link0"
        assert constraint.link_name == "panda_hand_tcp"
    at = place.constraint_region.primitive_poses[0].position
    assert np.allclose((at.x, at.y, at.z), POSE.position - np.array([-0.3, 0.0, 0.75]))
    assert abs(turn.orientation.x) == pytest.approx(1.0)
    assert list(place.constraint_region.primitives[0].dimensions) == [0.002]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NO_IK_SOLUTION", ErrorCode.IK_FAILED),
        ("PLANNING_FAILED", ErrorCode.NO_PATH),
        ("TIMED_OUT", ErrorCode.NO_PATH),
    ],
)
def test_what_moveit_cannot_reach_moves_nothing_and_ends_the_plan(
    body, robot, move_group, name, code
):
    move_group.answer = error_code(name)
    outcome = run(body)
    assert outcome.code is code and name in outcome.message
    assert not robot.goals and not robot.grips


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("INVALID_GROUP_NAME", ErrorCode.GOAL_REJECTED),
        ("START_STATE_INVALID", ErrorCode.START_STATE),
        ("ROBOT_STATE_STALE", ErrorCode.STALE_OBSERVATION),
    ],
)
def test_what_is_wrong_with_moveit_is_a_fault_with_its_code(body, robot, move_group, name, code):
    move_group.answer = error_code(name)
    error = fault(body, robot)
    assert error.code is code and str(error_code(name)) in str(error)


def test_told_to_hold_while_moveit_plans_it_stops_planning_and_nothing_moves(
    body, robot, move_group
):
    move_group.answer = THINKS_ON
    halted = threading.Event()

    def hold():
        assert move_group.thinking.wait(30.0)
        halted.set()
        body.hold()

    thread = threading.Thread(target=hold)
    thread.start()
    outcome = body.execute(tool_pose(POSE, False), halted)
    thread.join()
    assert outcome.stopped and outcome.code is ErrorCode.OK
    assert not robot.goals and not robot.grips


def error_code(name):
    from moveit_msgs.msg import MoveItErrorCodes

    return getattr(MoveItErrorCodes, name)


def too_fast(times, rows, names):
    times *= 0.05
    return names


def elsewhere(times, rows, names):
    rows[-5:, 0] += 0.05
    return names


def from_elsewhere(times, rows, names):
    rows[0, 1] += 0.2
    return names


def not_a_number(times, rows, names):
    rows[7, 3] = math.nan
    return names


def without_a_joint(times, rows, names):
    return names[1:]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (too_fast, ErrorCode.ACTION_OUT_OF_LIMITS),
        (elsewhere, ErrorCode.DISPLACEMENT_MISMATCH),
        (from_elsewhere, ErrorCode.START_STATE),
        (not_a_number, ErrorCode.ACTION_OUT_OF_LIMITS),
        (without_a_joint, ErrorCode.GOAL_REJECTED),
    ],
)
def test_a_plan_that_the_gate_refuses_moves_nothing(body, robot, move_group, spoil, code):
    move_group.spoil = spoil
    assert fault(body, robot).code is code
