"""The simulated arm on the wire: controllers, gripper, cameras, faults, and an episode solved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from control_msgs.action import FollowJointTrajectory, GripperCommand
from control_msgs.msg import JointTolerance
from moveit_msgs.msg import MoveItErrorCodes
from sensor_msgs.msg import CameraInfo, Image
from simulated_arm_rig import GRIPPER, TRAJECTORY, SimulatedArmRig, finite
from simulated_robot_rig import ABORTED, CANCELED, SUCCEEDED
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from wiw_core.arm import target_of
from wiw_core.errors import ErrorCode
from wiw_env_bridge.robot.environment import RobotEnvironment
from wiw_env_bridge.robot.profile import FOLDER
from wiw_env_bridge.tabletop import episodes, experts
from wiw_env_bridge.tabletop.cameras import CAMERAS
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.kinematics import READY_RAD
from wiw_env_bridge.tabletop.panda import JOINTS
from wiw_env_bridge.tabletop.table import Table
from wiw_ros.action import SafeActionClient
from wiw_ros.convert.images import depth_from_msg, image_from_msg
from wiw_ros.qos import LATCHED, SENSOR
from wiw_ros.testing import Probe, own_domain

pytestmark = pytest.mark.system
TASK, EPISODE = "push_buttons", "push_buttons-val-000"
SOON_S = 20.0


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def process(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedArmRig]:
    rig = SimulatedArmRig(
        probe, tmp_path_factory.mktemp("arm"), image_noise=0.0, depth_noise=0.0, moveit=True
    )
    rig.until_ready()
    yield rig
    rig.close()


@pytest.fixture
def rig(process: SimulatedArmRig) -> Iterator[SimulatedArmRig]:
    """The arm, ready at the table of the first episode; every fault is mended afterwards."""
    assert process.reset(TASK, EPISODE).code == ErrorCode.OK
    process.until_still()
    yield process
    assert process.inject("").code == ErrorCode.OK


def test_the_joints_of_a_goal_may_come_in_any_order(rig: SimulatedArmRig) -> None:
    goal = READY_RAD + np.array([0.3, -0.1, 0.2, 0.1, -0.2, 0.1, 0.4])
    seen: list[Any] = []
    handle = rig.send(rig.goal([goal], 1.5, names=JOINTS[::-1]), seen.append)
    answer = rig.probe.result(handle)
    assert answer.status == SUCCEEDED
    assert answer.result.error_code == FollowJointTrajectory.Result.SUCCESSFUL
    assert np.abs(rig.until_still() - goal).max() < 0.01
    assert seen and tuple(seen[-1].joint_names) == JOINTS
    error = np.subtract(seen[-1].desired.positions, seen[-1].actual.positions)
    assert np.allclose(error, seen[-1].error.positions)


@pytest.mark.parametrize("flaw", ["joint missing", "times", "not a number", "moving at the end"])
def test_an_invalid_trajectory_is_rejected_and_nothing_moves(
    rig: SimulatedArmRig, flaw: str
) -> None:
    goal = rig.goal([READY_RAD + 0.1, READY_RAD + 0.2], 1.0)
    if flaw == "joint missing":
        goal.trajectory.joint_names[0] = "panda_joint9"
    elif flaw == "times":
        goal.trajectory.points[1].time_from_start = goal.trajectory.points[0].time_from_start
    elif flaw == "not a number":
        goal.trajectory.points[0].positions[3] = float("nan")
    else:
        goal.trajectory.points[1].velocities[2] = 0.5
    here = rig.angles()
    with pytest.raises(AssertionError, match="rejected the goal"):
        rig.send(goal)
    assert np.abs(rig.until_still() - here).max() < 1e-6


def test_a_tolerance_of_the_goal_holds_on_the_way(rig: SimulatedArmRig) -> None:
    goal = rig.goal([READY_RAD + np.array([1.5, 0, 0, 0, 0, 0, 0])], 0.5)
    goal.path_tolerance = [JointTolerance(name=name, position=1e-4) for name in JOINTS]
    status, result = rig.follow(goal)
    assert status == ABORTED
    assert result.error_code == FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    assert "panda_joint1" in result.error_string


def test_a_cancel_holds_the_position(rig: SimulatedArmRig) -> None:
    handle = rig.send(rig.goal([READY_RAD + np.array([1.5, 0, 0, 0, 0, 0, 0])], 6.0))
    rig.until(lambda: rig.angles()[0] > 0.2, "the arm moves")
    rig.probe.cancel(handle)
    assert rig.probe.result(handle).status == CANCELED
    assert 0.2 < rig.until_still()[0] < 1.3


def test_a_new_goal_ends_the_one_before(rig: SimulatedArmRig) -> None:
    first = rig.send(rig.goal([READY_RAD + 0.4], 10.0))
    status, _ = rig.follow(rig.goal([READY_RAD], 0.8))
    ended = rig.probe.result(first)
    assert status == SUCCEEDED
    assert ended.status == ABORTED
    assert ended.result.error_code == FollowJointTrajectory.Result.INVALID_GOAL


def test_the_description_and_tf_agree_with_the_joint_states(rig: SimulatedArmRig) -> None:
    description = rig.probe.record(String, "robot_description", LATCHED)
    static = rig.probe.record(TFMessage, "tf_static", LATCHED)
    moving = rig.probe.record(TFMessage, "tf", 10)
    rig.until(lambda: bool(description and static and moving), "description and transforms")
    assert '<robot name="panda">' in description[0][1].data
    links = {t.child_frame_id: t for t in [*static[0][1].transforms, *moving[-1][1].transforms]}
    assert np.abs(_chain(links, "panda_hand_tcp") - rig.tool()).max() < 1e-6


def test_cameras_see_what_the_embedded_environment_sees(rig: SimulatedArmRig) -> None:
    images = {c: rig.probe.record(Image, f"{c}/image_raw", SENSOR) for c in CAMERAS}
    depths = {c: rig.probe.record(Image, f"{c}/depth/image_raw", SENSOR) for c in CAMERAS}
    infos = {c: rig.probe.record(CameraInfo, f"{c}/camera_info", SENSOR) for c in CAMERAS}
    static = rig.probe.record(TFMessage, "tf_static", LATCHED)
    moving = rig.probe.record(TFMessage, "tf", 10)
    seen = (*images.values(), *depths.values(), *infos.values(), moving)
    rig.until(lambda: all(len(messages) > 1 for messages in seen), "pictures")
    environment = TabletopEnvironment(image_size=64, views=tuple(CAMERAS))
    try:
        _, observation, _ = environment.reset(TASK, EPISODE)
    finally:
        environment.close()
    links = {t.child_frame_id: t for t in [*static[0][1].transforms, *moving[-1][1].transforms]}
    for view in observation.views:
        assert np.abs(_chain(links, f"{view.name}_optical_frame") - view.T_base_camera).max() < 1e-3
        rgb = image_from_msg(images[view.name][-1][1])
        depth = depth_from_msg(depths[view.name][-1][1])
        info = infos[view.name][-1][1]
        assert images[view.name][-1][1].header.frame_id == f"{view.name}_optical_frame"
        assert np.abs(rgb.astype(int) - view.rgb).mean() < 0.5
        assert np.median(np.abs(depth - view.depth)) < 1e-3
        assert np.allclose(np.reshape(info.k, (3, 3)), view.intrinsics)


def test_push_buttons_is_solved_through_standard_interfaces_alone(rig: SimulatedArmRig) -> None:
    assert not rig.decided().success
    record = next(r for r in episodes.load(TASK) if r.id == EPISODE)
    truth = Table(record.layout())
    assert rig.grip(0.0)[1].reached_goal
    for action in experts.next_plan(truth.scene, truth.model, truth.data).actions:
        pose, _ = target_of(action)
        status, result = rig.follow(rig.straight(pose.matrix()))
        assert (status, result.error_string) == (SUCCEEDED, "Goal successfully reached.")
        rig.until_still()
    assert rig.decided().success
    result = rig.finish(decisions=1).result
    assert result.success and result.collisions == 0
    assert 0.3 < result.path_m < 2.0


def test_a_gripper_of_the_older_type_grasps_a_cup_and_the_process_answers_before_it_ends(
    probe: Probe, tmp_path: Path
) -> None:
    rig = SimulatedArmRig(probe, tmp_path, "older", gripper="gripper")
    try:
        rig.until_ready()
        reset = rig.reset("stack_cups", "stack_cups-val-000")
        assert reset.code == ErrorCode.OK, reset.message
        record = next(r for r in episodes.load("stack_cups") if r.id == reset.episode.id)
        truth = Table(record.layout())
        above, grasp, *_ = experts.next_plan(truth.scene, truth.model, truth.data).actions
        rig.until_still()
        for action in (above, grasp):
            assert rig.follow(rig.straight(target_of(action)[0].matrix()))[0] == SUCCEEDED
            rig.until_still()
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = 0.0, 20.0
        handle = probe.send(GripperCommand, rig.name(GRIPPER), goal)
        answer = probe.result(handle)
        assert answer.status == SUCCEEDED
        assert answer.result.stalled and not answer.result.reached_goal
        assert 0.0005 < answer.result.position < 0.02  # the wall of the cup is between the pads
        rig.inject("hang_goals")
        hanging = rig.send(rig.goal([READY_RAD], 1.0)).get_result_async()
        assert rig.process.stop() == 0
        assert probe.wait(hanging, SOON_S, "the result").status == ABORTED
    finally:
        rig.close()


def test_joint_states_fail_as_told(rig: SimulatedArmRig) -> None:
    transforms = rig.probe.record(TFMessage, "tf", 10)
    rig.inject("nan_joint_states")
    rig.until(lambda: not finite(rig.joints[-1][1].position), "positions that are no numbers")
    rig.inject("joint_states_off")
    told = len(transforms)
    rig.until(lambda: len(transforms) > told + 5, "transforms")
    seen = len(rig.joints)
    rig.until(lambda: len(transforms) > told + 15, "transforms")
    assert len(rig.joints) == seen
    rig.inject("")
    rig.until(lambda: finite(rig.joints[-1][1].position), "good ones again")


def test_goals_fail_as_told(rig: SimulatedArmRig) -> None:
    here, goal = rig.angles(), rig.goal([READY_RAD + 0.2], 1.0)
    rig.inject("reject_goals")
    with pytest.raises(AssertionError, match="rejected the goal"):
        rig.send(goal)
    rig.inject("")
    rig.inject("abort_goals")
    assert rig.follow(goal)[0] == ABORTED
    rig.inject("")
    rig.inject("hang_goals")
    handle = rig.send(goal)
    assert np.abs(rig.until_still() - here).max() < 1e-3
    rig.probe.cancel(handle)
    assert rig.probe.result(handle).status == CANCELED
    rig.inject("")
    rig.inject("ignore_commands")
    status, result = rig.follow(rig.goal([READY_RAD + 0.5], 1.0))
    assert status == ABORTED and "On the way" in result.error_string
    assert np.abs(rig.until_still() - here).max() < 1e-3


def test_controllers_vanish_and_come_back(rig: SimulatedArmRig) -> None:
    client = SafeActionClient(rig.probe.node, FollowJointTrajectory, TRAJECTORY)
    rig.until(client.server_is_ready, "the controller")
    rig.inject("vanish_servers")
    rig.until(lambda: not client.server_is_ready(), "no controller")
    rig.inject("")
    rig.until(client.server_is_ready, "the controller again")
    assert rig.follow(rig.goal([READY_RAD + 0.1], 0.5))[0] == SUCCEEDED


def test_moveit_plans_without_moving_and_the_controller_follows_its_plan(
    rig: SimulatedArmRig,
) -> None:
    here, aim = rig.angles(), rig.tool()
    aim[:3, 3] += 0.1, 0.05, -0.1
    answer = rig.move(aim, plan_only=True)
    assert answer.error_code.val == MoveItErrorCodes.SUCCESS
    assert np.abs(rig.until_still() - here).max() < 1e-6
    goal = FollowJointTrajectory.Goal(trajectory=answer.planned_trajectory.joint_trajectory)
    places = [rig.tool_at(point.positions)[:3, 3] for point in goal.trajectory.points]
    way = (aim[:3, 3] - places[0]) / np.linalg.norm(aim[:3, 3] - places[0])
    assert max(np.linalg.norm(np.cross(place - places[0], way)) for place in places) < 2e-3
    assert rig.follow(goal)[0] == SUCCEEDED
    rig.until_still()
    assert np.abs(rig.tool() - aim).max() < 5e-3


def test_moveit_also_carries_its_plan_out(rig: SimulatedArmRig) -> None:
    aim = rig.tool()
    aim[:3, 3] += -0.05, 0.1, 0.05
    assert rig.move(aim, plan_only=False, planner="PTP").error_code.val == MoveItErrorCodes.SUCCESS
    rig.until_still()
    assert np.abs(rig.tool() - aim).max() < 5e-3


def test_an_episode_is_solved_by_plans_of_moveit(rig: SimulatedArmRig, tmp_path: Path) -> None:
    profile = yaml.safe_load((FOLDER / "simulated_arm.yaml").read_text())
    profile["arm"] |= {"interface": "moveit", "moveit": {"planner": "LIN"}}
    file = tmp_path / "moveit.yaml"
    file.write_text(yaml.safe_dump(profile))
    record = next(r for r in episodes.load(TASK) if r.id == EPISODE)
    truth = Table(record.layout())
    environment = RobotEnvironment(str(file))
    try:
        environment.reset(TASK, EPISODE)
        plan = experts.next_plan(truth.scene, truth.model, truth.data)
        transitions = list(environment.act(plan, observe=False))
        assert [t.code for t in transitions] == [ErrorCode.OK] * len(transitions)
        assert environment.finish(decisions=1).success
    finally:
        environment.close()


@pytest.mark.parametrize("name", ["NO_IK_SOLUTION", "INVALID_GROUP_NAME", "INVALID_LINK_NAME"])
def test_moveit_says_why_there_is_no_plan(rig: SimulatedArmRig, name: str) -> None:
    aim, fields = rig.tool(), {}
    if name == "NO_IK_SOLUTION":
        aim[0, 3] += 3.0
    elif name == "INVALID_GROUP_NAME":
        fields["group"] = "left_arm"
    else:
        fields["link"] = "elbow"
    answer = rig.move(aim, plan_only=False, **fields)
    assert answer.error_code.val == getattr(MoveItErrorCodes, name)
    assert answer.error_code.message


def test_an_unknown_episode_is_refused_in_a_sentence(rig: SimulatedArmRig) -> None:
    response = rig.reset(TASK, "push_buttons-val-00x")
    assert response.code == ErrorCode.UNKNOWN_EPISODE
    assert "Did you mean" in response.message


def _chain(links: dict[str, Any], frame: str) -> Any:
    """Return ``T_world_frame`` of transforms by child, (4, 4)."""
    from scipy.spatial.transform import Rotation

    pose = np.eye(4)
    while frame != "world":
        q, p = links[frame].transform.rotation, links[frame].transform.translation
        step = np.eye(4)
        step[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
        step[:3, 3] = p.x, p.y, p.z
        pose, frame = step @ pose, links[frame].header.frame_id
    return pose
