"""The simulated arm, reached only by standard interfaces, does what the embedded one does."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import yaml

from wiw_core.arm import tool_pose
from wiw_core.conformance import check_environment
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Plan
from wiw_env_bridge.robot.environment import RobotEnvironment
from wiw_env_bridge.robot.profile import FOLDER
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.experts import next_plan
from wiw_ros.testing import NodeProcess, own_domain

pytestmark = pytest.mark.system
QUICK = 4.0
"""Simulated seconds per second: nobody waits for the arm longer than needed."""


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated_arm")
    settings = {"kind": "arm", "image_size": 128, "speed": QUICK}
    settings |= {"image_noise": 0.0, "depth_noise": 0.0}  # the contract wants the same twice
    with own_domain(), NodeProcess("wiw_env_bridge.simulated_robot.node", folder, settings):
        environment = RobotEnvironment("simulated_arm")
        yield environment
        environment.close()


@pytest.fixture(scope="module")
def twin():
    environment = TabletopEnvironment(image_size=64)
    yield environment
    environment.close()


def begin(robot, twin, task, number=0):
    episode_id = twin.episode_ids(task)[number]
    robot.reset(task, episode_id)
    twin.reset(task, episode_id)


def both(robot, twin, plan):
    """Execute a plan on both; return their transitions."""
    return [list(environment.act(plan, observe=False)) for environment in (robot, twin)]


@pytest.mark.parametrize("task", ["push_buttons", "stack_cups"])
def test_the_experts_poses_solve_a_task_on_the_robot_as_on_the_embedded_table(robot, twin, task):
    begin(robot, twin, task)
    done, decisions = False, 0
    while not done:
        table = twin.table
        real, embedded = both(robot, twin, next_plan(table.scene, table.model, table.data))
        assert [t.code for t in real] == [t.code for t in embedded]
        assert [t.collided for t in real] == [t.collided for t in embedded]
        assert [t.path_m for t in real] == pytest.approx([t.path_m for t in embedded], abs=0.02)
        seen, told = real[-1].observation, embedded[-1].observation
        assert np.allclose(seen.tool_pose.position, told.tool_pose.position, atol=0.002)
        assert seen.gripper == pytest.approx(told.gripper, abs=0.05)
        done, decisions = real[-1].done, decisions + 1
        assert done == embedded[-1].done
    result = robot.finish(decisions)
    assert result.success and twin.finish(decisions).success
    assert result.failures == 0


def test_an_arm_that_presses_too_hard_has_collided_on_both(robot, twin):
    begin(robot, twin, "push_buttons")
    down = Pose3(0.3, 0.0, 0.7, 1.0, 0.0, 0.0, 0.0)  # into the table
    up = Pose3(0.3, 0.0, 1.1, 1.0, 0.0, 0.0, 0.0)
    plan = Plan((tool_pose(down, False), tool_pose(up, False)))
    real, embedded = both(robot, twin, plan)
    assert [t.collided for t in embedded] == [True, False]
    assert [t.collided for t in real] == [True, False]
    assert [t.code for t in real] == [ErrorCode.OK, ErrorCode.OK]
    assert np.allclose(real[-1].observation.tool_pose.position, up.position, atol=0.005)


def test_told_to_hold_it_stops_on_the_way_and_stays_there(robot, twin):
    begin(robot, twin, "push_buttons")
    before = robot.parts.body.state().tool_pose.position
    far = Pose3(0.3, 0.25, 0.9, 1.0, 0.0, 0.0, 0.0)
    holding = threading.Thread(target=hold_once_moving, args=(robot,))
    holding.start()
    (transition,) = robot.act(Plan((tool_pose(far, True), tool_pose(far, False))))
    holding.join()
    stopped = transition.observation.tool_pose.position
    assert 0.0 < transition.path_m < 0.9 * np.linalg.norm(far.position - before)
    stream = robot.parts.link.listen(*joint_states())
    now_s = robot.parts.link.now_s()
    assert stream.wait(lambda heard: heard.stamp_s > now_s + 0.3, 10.0) is not None
    assert np.allclose(robot.parts.body.state().tool_pose.position, stopped, atol=0.002)


def joint_states():
    from sensor_msgs.msg import JointState

    return JointState, "joint_states"


def hold_once_moving(robot):
    """Hold as soon as joint_states say that a joint has left the start."""
    stream = robot.parts.link.listen(*joint_states())
    first = stream.latest().message
    rest = dict(zip(first.name, first.position))

    def moved(heard):
        now = zip(heard.message.name, heard.message.position)
        return any(abs(position - rest[name]) > 0.02 for name, position in now)

    assert stream.wait(moved, 30.0) is not None
    robot.hold()


def test_a_pose_that_cannot_be_reached_moves_nothing_and_ends_the_plan(robot, twin):
    begin(robot, twin, "push_buttons")
    out = tool_pose(Pose3(0.69, 0.49, 0.8, 1.0, 0.0, 0.0, 0.0), True)
    real, embedded = both(robot, twin, Plan((out, out)))
    assert [t.code for t in real] == [t.code for t in embedded] == [ErrorCode.IK_FAILED]
    assert real[0].path_m == 0.0


def test_a_plan_is_checked_without_moving(robot, twin):
    begin(robot, twin, "push_buttons")
    before = robot.parts.body.state().joints
    robot.check(Plan((tool_pose(Pose3(0.3, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), True),)))
    with pytest.raises(WiwError) as error:
        robot.check(Plan((tool_pose(Pose3(0.69, 0.49, 0.8, 1.0, 0.0, 0.0, 0.0), True),)))
    assert error.value.code is ErrorCode.IK_FAILED
    assert np.allclose([q for _, q in robot.parts.body.state().joints], [q for _, q in before])


def test_it_meets_the_contract_of_an_environment(robot, tmp_path):
    profile = yaml.safe_load((FOLDER / "simulated_arm.yaml").read_text())
    profile["referee"]["tasks"] = ["push_buttons"]  # one says as much as four
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump(profile))
    check_environment(RobotEnvironment(str(path)))
