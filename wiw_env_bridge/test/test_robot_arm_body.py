"""An arm moves only by trajectories that passed the gate, and is still whatever happens."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest
from control_msgs.action import FollowJointTrajectory, GripperCommand
from robot_arm_blocks import LIMITS, panda_urdf
from robot_arm_fakes import ARM_ACTION, FINGERS, HAND_ACTION, NAMES, FakeArm, arm_profile

from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, Plan
from wiw_env_bridge.robot.arm.body import ArmBody
from wiw_env_bridge.robot.arm.planning import ArmPlanner
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.tabletop.kinematics import READY_RAD, Kinematics
from wiw_ros.testing import Probe, own_domain

WAIT_S = 30.0


@pytest.fixture(scope="module")
def probe():
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture
def link(probe):
    link = RobotLink(probe.node)
    yield link
    link.close()


@pytest.fixture
def robot(probe):
    robot = FakeArm(probe)
    yield robot
    robot.close()


@pytest.fixture
def body(link, robot):
    body = ArmBody(link, arm_profile())
    body.ready()
    yield body
    body.close()


def made(link, **sections):
    body = ArmBody(link, arm_profile(**sections))
    body.ready()
    return body


def go(x, y, z, opened=True, heading=0.0):
    pose = Pose3(x, y, z, math.cos(heading / 2), math.sin(heading / 2), 0.0, 0.0)
    return tool_pose(pose, opened)


NEAR = go(0.29, 0.03, 1.2)
START = Kinematics().tool(READY_RAD)[:3, 3]


def run(body, action, halted=None):
    return body.execute(action, halted or threading.Event())


def fault(body, action):
    with pytest.raises(WiwError) as error:
        run(body, action)
    return error.value


def test_an_action_brings_the_tool_to_its_pose_in_the_base_frame(body, robot):
    began_s = body._link.now_s()
    outcome = run(body, NEAR)
    state = body.state()
    assert np.allclose(state.tool_pose.position, (0.29, 0.03, 1.2), atol=1e-3)
    assert np.allclose(Kinematics().tool(robot.angles), state.tool_pose.matrix(), atol=2e-3)
    assert (outcome.code, outcome.collided, outcome.stopped) == (ErrorCode.OK, False, False)
    away = np.linalg.norm(np.array([0.29, 0.03, 1.2]) - START)
    assert outcome.path_m == pytest.approx(away, abs=0.005)
    assert began_s < outcome.motion_end_s <= body._link.now_s()


def test_what_is_sent_starts_where_the_arm_is_and_keeps_to_every_limit(body, robot):
    run(body, NEAR)
    (goal,) = robot.goals
    points = goal.trajectory.points
    assert sorted(goal.trajectory.joint_names) == sorted(NAMES)
    assert np.allclose(points[0].positions, READY_RAD, atol=1e-6)
    assert points[0].time_from_start.sec == points[0].time_from_start.nanosec == 0
    assert not any(points[0].velocities) and not any(points[-1].velocities)
    fastest = np.abs([p.velocities for p in points]).max(axis=0)
    assert (fastest <= 0.9 * np.array(LIMITS)[:, 2]).all()
    for tolerances, position in ((goal.path_tolerance, 0.1), (goal.goal_tolerance, 0.02)):
        assert [t.name for t in tolerances] == list(goal.trajectory.joint_names)
        assert {t.position for t in tolerances} == {position}
    assert goal.goal_time_tolerance.sec + goal.goal_time_tolerance.nanosec * 1e-9 == 1.5


@pytest.mark.parametrize("layout", ["shuffled", "split"])
def test_joints_are_known_by_name_in_whatever_order_they_come(body, robot, probe, layout):
    robot.layout = layout
    probe.until(lambda: len(body._joints.stream.heard()) == 16, WAIT_S, "joint states")
    before = body._joints.stream.count
    probe.until(lambda: body._joints.stream.count > before + 16, WAIT_S, "new joint states")
    state = body.state()
    assert dict(state.joints) == pytest.approx(robot.q)
    assert np.allclose(state.tool_pose.position, START, atol=1e-6)
    assert state.gripper == 1.0


@pytest.mark.parametrize(
    ("layout", "code", "named"),
    [
        ("nan", ErrorCode.STALE_OBSERVATION, "nan"),
        ("degrees", ErrorCode.START_STATE, "degrees"),
    ],
)
def test_the_arm_does_not_move_on_joints_that_make_no_sense(
    body, robot, probe, layout, code, named
):
    robot.layout = layout
    before = body._joints.stream.count
    probe.until(lambda: body._joints.stream.count > before + 2, WAIT_S, "new joint states")
    error = fault(body, NEAR)
    assert error.code is code and named in str(error)
    assert not robot.goals


def test_the_arm_does_not_move_while_its_joints_are_silent(body, robot, probe):
    robot.talks = False
    probe.until(lambda: body._joints.stream.age_s() > 0.3, WAIT_S, "silence")
    error = fault(body, NEAR)
    assert error.code is ErrorCode.STALE_OBSERVATION
    assert "/joint_states" in str(error) and "s old" in str(error)
    assert not robot.goals


def test_an_arm_that_was_moved_while_it_was_planned_for_is_not_sent_there(body, robot, monkeypatch):
    plan = ArmPlanner.plan

    def slow(self, *arguments):
        planned = plan(self, *arguments)
        robot.q[NAMES[0]] += 0.2  # somebody pushes it

        def noticed():
            at = body._joints.fresh(NAMES).positions[0]
            return abs(at - robot.q[NAMES[0]]) < 1e-3 or None

        assert body._link.until(noticed, WAIT_S, lambda: None)
        return planned

    monkeypatch.setattr(ArmPlanner, "plan", slow)
    error = fault(body, NEAR)
    assert error.code is ErrorCode.START_STATE and "0.200 rad" in str(error)
    assert not robot.goals


def test_a_refused_goal_is_a_fault_and_nothing_moves(body, robot):
    robot.mode = "reject"
    assert fault(body, NEAR).code is ErrorCode.GOAL_REJECTED
    assert np.allclose(robot.angles, READY_RAD)


@pytest.mark.parametrize("code", ["INVALID_JOINTS", "OLD_HEADER_TIMESTAMP"])
def test_a_goal_that_the_controller_finds_invalid_is_a_fault_with_its_words(body, robot, code):
    robot.mode = getattr(FollowJointTrajectory.Result, code)
    error = fault(body, NEAR)
    assert error.code is ErrorCode.GOAL_REJECTED and "said the fake" in str(error)


@pytest.mark.parametrize(
    "code", ["PATH_TOLERANCE_VIOLATED", "GOAL_TOLERANCE_VIOLATED", "INVALID_GOAL"]
)
def test_a_trajectory_given_up_on_the_way_ends_the_plan_and_the_gripper_stays(body, robot, code):
    robot.mode = getattr(FollowJointTrajectory.Result, code)
    outcome = run(body, go(0.29, 0.03, 1.2, opened=False))
    assert outcome.code is ErrorCode.ACTION_FAILED and not outcome.collided
    assert "said the fake" in outcome.message
    assert not robot.grips


def test_where_it_means_contact_a_violated_tolerance_is_a_collision_and_the_gripper_acts(
    link, robot
):
    body = made(link, arm={"violation": "contact"})
    robot.mode = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    outcome = run(body, go(0.29, 0.03, 1.2, opened=False))
    assert outcome.code is ErrorCode.OK and outcome.collided
    assert len(robot.grips) == 1


def test_an_arm_that_did_not_move_at_all_has_met_nothing(link, robot):
    body = made(link, arm={"violation": "contact"})
    robot.mode = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    robot.obeys = False
    outcome = run(body, go(0.29, 0.03, 1.2, opened=False))
    assert outcome.code is ErrorCode.ACTION_FAILED and not outcome.collided
    assert not robot.grips


def test_a_controller_that_says_it_arrived_where_it_did_not_is_found_out(body, robot):
    robot.mode = "stop_short"
    assert fault(body, go(0.3, 0.25, 0.9)).code is ErrorCode.DISPLACEMENT_MISMATCH


def halfway(body, robot, act, action=NEAR, mode="hang"):
    """Do something once the arm moves; return what came of the action, and how long it took."""
    robot.mode = mode
    halted, seen = threading.Event(), []

    def later():
        assert robot.moving.wait(WAIT_S)
        seen.append(time.monotonic())
        act(halted)

    thread = threading.Thread(target=later)
    thread.start()
    try:
        result = run(body, action, halted)
    except WiwError as error:
        result = error
    finally:
        thread.join()
    return result, time.monotonic() - seen[0]


def test_told_to_hold_the_arm_stops_and_says_how_far_it_came(body, robot):
    outcome, _ = halfway(body, robot, lambda halted: (halted.set(), body.hold()), mode="follow")
    assert outcome.stopped and outcome.code is ErrorCode.OK
    assert robot.cancelled.is_set()
    assert not robot.grips


def test_a_controller_that_vanishes_in_motion_is_lost_and_not_waited_for(body, robot):
    error, seconds = halfway(body, robot, lambda halted: robot.vanish())
    assert error.code is ErrorCode.ACTION_SERVER_LOST and ARM_ACTION in str(error)
    assert seconds < 15.0


def test_the_goal_is_cancelled_when_joints_fall_silent_in_motion(body, robot):
    error, _ = halfway(body, robot, lambda halted: setattr(robot, "talks", False))
    assert error.code is ErrorCode.STALE_OBSERVATION and "/joint_states" in str(error)
    assert robot.cancelled.wait(WAIT_S)


def test_a_goal_that_never_ends_is_cancelled(body, robot):
    robot.mode = "hang"
    assert fault(body, NEAR).code is ErrorCode.ACTION_FAILED
    assert robot.cancelled.is_set()


def test_a_pose_out_of_reach_or_without_a_straight_line_sends_nothing(body, robot):
    outcome = run(body, go(0.69, 0.49, 0.8))
    assert outcome.code is ErrorCode.IK_FAILED and "reach" in outcome.message
    robot.q.update(zip(NAMES, Kinematics().reach(go_matrix(-0.25, 0.45, 0.95), READY_RAD)))
    before = body._joints.stream.count
    while body._joints.stream.count < before + 3:
        body._joints.stream.wait(timeout_s=0.02, test=lambda heard: False)
    outcome = run(body, go(-0.25, -0.45, 0.95))
    assert outcome.code is ErrorCode.NO_PATH
    assert not robot.goals and not robot.grips


def go_matrix(x, y, z):
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = x, y, z
    return pose


def test_a_move_longer_than_the_profile_allows_sends_nothing(link, robot):
    body = made(link, limits={"move_m": 0.05})
    assert fault(body, go(0.3, 0.25, 0.9)).code is ErrorCode.ACTION_OUT_OF_LIMITS
    assert not robot.goals


def test_a_trajectory_faster_than_the_gate_allows_sends_nothing(link, robot):
    body = made(link, limits={"joint_speed_share": 0.05})
    assert fault(body, NEAR).code is ErrorCode.ACTION_OUT_OF_LIMITS
    assert not robot.goals


@pytest.mark.parametrize("values", [(math.nan, 0, 1.2), (0.3, 9.0, 1.2)])
def test_an_action_that_is_no_pose_sends_nothing(body, robot, values):
    action = Action("tool_pose", (*map(float, values), 1.0, 0.0, 0.0, 0.0, 1.0))
    assert fault(body, action).code is ErrorCode.ACTION_OUT_OF_LIMITS
    assert not robot.goals


def test_a_plan_can_be_checked_to_its_end_without_a_motion(body, robot):
    body.check(Plan((NEAR, go(0.3, 0.25, 0.9, False), go(0.29, 0.0, 1.2))))
    with pytest.raises(WiwError) as error:
        body.check(Plan((NEAR, go(0.69, 0.49, 0.8))))
    assert error.value.code is ErrorCode.IK_FAILED
    assert not robot.goals and not robot.grips


def test_the_gripper_acts_only_when_it_is_told_something_else(body, robot):
    for opened, count in ((False, 1), (False, 1), (True, 2), (True, 2), (False, 3)):
        run(body, go(0.29, 0.03, 1.2, opened))
        assert len(robot.grips) == count
        assert body.state().gripper == pytest.approx(float(opened))
    assert robot.grips[0].name == [FINGERS[0]] and list(robot.grips[0].position) == [0.0]
    assert list(robot.grips[1].position) == [0.04]
    assert list(robot.grips[0].effort) == [30.0]


def test_a_gripper_that_was_opened_by_hand_closes_again(body, robot, probe):
    closed = go(0.29, 0.03, 1.2, opened=False)
    run(body, closed)
    robot.q.update(dict.fromkeys(FINGERS, 0.04))
    probe.until(lambda: body.state().gripper == 1.0, WAIT_S, "the hand")
    run(body, closed)
    assert len(robot.grips) == 2 and robot.q[FINGERS[0]] == 0.0


def test_a_gripper_that_stalls_while_closing_holds_something(body, robot):
    robot.stalls = True
    assert run(body, go(0.29, 0.03, 1.2, opened=False)).code is ErrorCode.OK


def test_a_gripper_that_stalls_while_opening_has_failed(body, robot):
    run(body, go(0.29, 0.03, 1.2, opened=False))
    robot.stalls = True
    outcome = run(body, go(0.29, 0.03, 1.2, opened=True))
    assert outcome.code is ErrorCode.ACTION_FAILED and HAND_ACTION in outcome.message
    robot.stalls = False
    assert run(body, go(0.29, 0.03, 1.2, opened=True)).code is ErrorCode.OK
    assert len(robot.grips) == 3


@pytest.mark.parametrize(("scale", "told"), [(1.0, 0.04), (2.0, 0.08)])
def test_the_older_gripper_action_is_told_a_joint_position_or_a_gap(scale, told):
    with own_domain() as domain, Probe(domain) as probe:  # one context knows a name by one type
        link, robot = RobotLink(probe.node), FakeArm(probe, gripper=GripperCommand)
        try:
            gripper = {"action": HAND_ACTION, "command_scale": scale}
            body = made(link, arm={"gripper": gripper})
            run(body, go(0.29, 0.03, 1.2, opened=False))
            run(body, go(0.29, 0.03, 1.2, opened=True))
            assert [(c.position, c.max_effort) for c in robot.grips] == [(0.0, 30.0), (told, 30.0)]
        finally:
            robot.close()
            link.close()


QUICK = {"server_wait_s": 0.4}


def missing(link, **sections):
    with pytest.raises(WiwError) as error:
        made(link, **{"timing": QUICK, **sections})
    return error.value


def test_without_a_description_it_is_not_ready(link):
    error = missing(link)
    assert error.code is ErrorCode.STALE_OBSERVATION and "/robot_description" in str(error)


def test_without_a_gripper_it_is_not_ready(probe, link):
    robot = FakeArm(probe, gripper=None)
    try:
        error = missing(link, timing={"server_wait_s": 1.0})
        assert error.code is ErrorCode.ACTION_SERVER_LOST and HAND_ACTION in str(error)
    finally:
        robot.close()


def test_a_joint_of_which_nobody_tells_is_named(probe, link):
    robot = FakeArm(probe, layout="short")
    try:
        error = missing(link, timing={"server_wait_s": 1.0})
        assert error.code is ErrorCode.STALE_OBSERVATION and "panda_joint7" in str(error)
    finally:
        robot.close()


def test_a_wrong_frame_or_posture_of_the_profile_is_named(link, robot):
    error = missing(link, frames={"tool": "panda_tcp"}, timing={})
    assert error.code is ErrorCode.BAD_PARAMETER and "panda_hand_tcp" in str(error)
    error = missing(link, arm={"posture": [0.0]}, timing={})
    assert error.code is ErrorCode.BAD_PARAMETER and "arm.posture" in str(error)


def test_a_description_can_come_from_a_file(probe, link, tmp_path):
    robot = FakeArm(probe, urdf="")
    path = tmp_path / "arm.urdf"
    try:
        error = missing(link, arm={"urdf": str(path)}, timing={})
        assert error.code is ErrorCode.BAD_PARAMETER and "arm.urdf" in str(error)
        path.write_text(panda_urdf())
        body = made(link, arm={"urdf": str(path)})
        assert np.allclose(body.state().tool_pose.position, START, atol=1e-6)
    finally:
        robot.close()


def test_holding_never_waits_and_never_raises_whatever_is_connected(link):
    body = ArmBody(link, arm_profile())
    began = time.monotonic()
    for _ in range(50):
        body.hold()
    assert time.monotonic() - began < 5.0
    body.close()
    body.close()
