"""The simulated arm's description and its reading of trajectories, in plain numbers."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from rclpy.duration import Duration
from rclpy.time import Time
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot import arm_urdf
from wiw_env_bridge.simulated_robot.arm_trajectory import (
    Trajectory,
    default_tolerances,
    read_tolerances,
    read_trajectory,
)
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.kinematics import HIGH_RAD, LOW_RAD, Kinematics

NAMES = ("a", "b")
HERE = np.array([0.1, -0.2])


def test_the_description_s_chain_is_the_arm_that_is_simulated() -> None:
    kinematics, rng = Kinematics(), np.random.default_rng(5)
    chain = _to_tool()
    for angles in rng.uniform(LOW_RAD, HIGH_RAD, (20, 7)):
        pose = np.eye(4)
        for joint in chain:
            known = joint.kind == "revolute"
            pose = pose @ joint.pose(angles[panda.JOINTS.index(joint.name)] if known else 0.0)
        assert np.abs(pose - kinematics.tool(angles)).max() < 1e-6


def test_the_urdf_text_says_the_same_as_the_joints() -> None:
    root = ElementTree.fromstring(arm_urdf.urdf())
    links = {link.attrib["name"] for link in root.findall("link")}
    joints = {joint.attrib["name"]: joint for joint in root.findall("joint")}
    assert len(links) == len(joints) + 1
    for joint in arm_urdf.JOINTS:
        text = joints[joint.name]
        assert {text.find("parent").attrib["link"], joint.child} <= links
        place = np.array(text.find("origin").attrib["xyz"].split(), float)
        assert np.allclose(place, joint.origin[:3, 3], atol=1e-8)
        if joint.limits is not None:
            fields = ("lower", "upper", "effort", "velocity")
            limit = text.find("limit").attrib
            assert tuple(float(limit[f]) for f in fields) == joint.limits


def test_every_solid_of_the_arm_is_shown_on_its_link() -> None:
    root = ElementTree.fromstring(arm_urdf.urdf())
    shown = {link.attrib["name"]: link.findall("visual") for link in root.findall("link")}
    solids = ElementTree.fromstring(panda.arm_mjcf()).iter("geom")
    # A capsule is shown as a cylinder and two spheres.
    count = sum(3 if solid.attrib["type"] == "capsule" else 1 for solid in solids)
    assert sum(map(len, shown.values())) == count
    assert not shown["world"] and shown["panda_link4"] and shown["panda_leftfinger"]
    capsule = shown["panda_link1"][0]  # from z = -0.19 to -0.05, 6.5 cm thick
    assert capsule.find("geometry/cylinder").attrib == {"radius": "0.065", "length": "0.14"}
    assert capsule.find("origin").attrib["xyz"].split()[2] == "-0.12"


def test_positions_alone_are_joined_by_straight_lines() -> None:
    trajectory = read_trajectory(_message([(1.0, (0.5, 0.0)), (2.0, (0.5, 1.0))]), NAMES, HERE, NOW)
    positions, rates = trajectory.sample(np.array([0.5, 1.5, 2.5]))
    assert np.allclose(positions, [[0.3, -0.1], [0.5, 0.5], [0.5, 1.0]])
    assert np.allclose(rates, [[0.4, 0.2], [0.0, 1.0], [0.0, 0.0]])


def test_velocities_make_it_cubic_and_accelerations_quintic() -> None:
    time_s, end = np.array([0.5]), np.array([[1.0, -1.0]])
    rest = np.zeros((1, 2))
    for derivatives, quarter in (((rest,), 0.15625), ((rest, rest), 0.103515625)):
        trajectory = Trajectory(np.array([1.0]), end, *derivatives, start=np.zeros(2))
        assert np.allclose(trajectory.sample(time_s)[0], [[0.5, -0.5]])
        assert np.allclose(trajectory.sample(time_s / 2)[0], [[quarter, -quarter]])
        assert np.allclose(trajectory.sample(np.array([0.0, 1.0]))[1], 0.0)


def test_joints_are_matched_by_name_and_a_stamp_delays_the_beginning() -> None:
    message = _message([(1.0, (0.5, 2.0))], names=("b", "a"))
    message.header.stamp = (NOW + Duration(seconds=3.0)).to_msg()
    trajectory = read_trajectory(message, NAMES, HERE, NOW)
    assert trajectory.positions.tolist() == [[2.0, 0.5]]
    assert trajectory.begins_s == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("points", "names", "says"),
    [
        ([(1.0, (0.5, 2.0))], ("a", "c"), "must name the joints a, b"),
        ([(1.0, (0.5, 2.0))], ("a", "a"), "must name the joints a, b"),
        ([], NAMES, "no points"),
        ([(1.0, (0.0, 0.0)), (0.5, (0.0, 0.0))], NAMES, "increase"),
        ([(-1.0, (0.0, 0.0))], NAMES, "0 or more"),
        ([(1.0, (0.0,))], NAMES, "as many as the joints"),
        ([(1.0, ())], NAMES, "must have positions"),
        ([(1.0, (0.0, math.inf))], NAMES, "finite"),
    ],
)
def test_what_a_controller_would_reject_is_rejected_with_its_reason(
    points: list[tuple[float, tuple[float, ...]]], names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read_trajectory(_message(points, names), NAMES, HERE, NOW)


def test_a_trajectory_that_is_over_is_rejected() -> None:
    message = _message([(1.0, (0.0, 0.0))])
    message.header.stamp = (NOW - Duration(seconds=2.0)).to_msg()
    with pytest.raises(ValueError, match="past"):
        read_trajectory(message, NAMES, HERE, NOW)


def test_a_goal_s_tolerances_replace_the_controller_s_zero_keeps_and_minus_one_lifts_them() -> None:
    default = default_tolerances(path_rad=0.1, goal_rad=0.02, goal_time_s=1.0)
    first, second, *_ = panda.JOINTS
    goal = FollowJointTrajectory.Goal()
    goal.path_tolerance = [JointTolerance(name=second, position=0.3), JointTolerance(name=first)]
    goal.goal_tolerance = [JointTolerance(name=first, position=-1.0)]
    goal.goal_time_tolerance.sec = 4
    read = read_tolerances(goal, panda.JOINTS, default)
    assert read.path_rad[:3].tolist() == [0.1, 0.3, 0.1]
    assert read.goal_rad[:2].tolist() == [math.inf, 0.02]
    assert read.goal_time_s == 4.0
    goal.path_tolerance[0].name = "elbow"
    with pytest.raises(ValueError, match="elbow"):
        read_tolerances(goal, panda.JOINTS, default)


NOW = Time(seconds=100.0)


def _message(
    points: list[tuple[float, tuple[float, ...]]], names: tuple[str, ...] = NAMES
) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(names))
    for seconds, positions in points:
        point = JointTrajectoryPoint(positions=[float(p) for p in positions])
        point.time_from_start = Duration(seconds=seconds).to_msg()
        message.points.append(point)
    return message


def _to_tool() -> list[arm_urdf.Joint]:
    by_child = {joint.child: joint for joint in arm_urdf.JOINTS}
    chain, link = [], arm_urdf.TOOL
    while link in by_child:
        chain.append(by_child[link])
        link = by_child[link].parent
    return chain[::-1]


def test_the_chain_begins_in_the_table_s_frame() -> None:
    first = _to_tool()[0]
    origin: Array = first.origin
    assert first.parent == "world"
    assert tuple(origin[:3, 3]) == panda.FOOT
