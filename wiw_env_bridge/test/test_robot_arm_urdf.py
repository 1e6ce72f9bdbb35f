"""An arm's chain is read from its URDF, or it is said which joint or link is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from robot_arm_blocks import LIMITS, panda_urdf

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.arm import urdf
from wiw_env_bridge.robot.arm.urdf import parse, transform

ROOT, TIP = "panda_link0", "panda_hand_tcp"


def refusal(text, root=ROOT, tip=TIP):
    with pytest.raises(WiwError) as error:
        parse(text, root, tip)
    assert error.value.code is ErrorCode.BAD_PARAMETER
    return str(error.value)


def test_the_chain_has_the_joints_between_root_and_tip_in_order_with_their_limits():
    chain = parse(panda_urdf(), ROOT, TIP)
    assert chain.names == tuple(f"panda_joint{k}" for k in range(1, 8))
    assert np.allclose(np.stack([chain.low, chain.high, chain.velocity], axis=1), LIMITS)
    assert all(np.array_equal(joint.axis, (0.0, 0.0, 1.0)) for joint in chain.joints)
    assert all(joint.effort == 87.0 for joint in chain.joints)


def test_fixed_joints_are_part_of_what_they_hang_on():
    chain = parse(panda_urdf(), ROOT, TIP)
    assert np.allclose(chain.T_last_tip[:3, 3], (0.0, 0.0, 0.107 + 0.1034))
    shorter = parse(panda_urdf(), "panda_link2", "panda_link4")
    assert shorter.names == ("panda_joint3", "panda_joint4")
    assert np.array_equal(shorter.T_last_tip, np.eye(4))


def test_a_continuous_joint_has_no_limits_and_a_sliding_one_is_known_as_such():
    swaps = [('name="panda_joint7" type="revolute"', 'name="panda_joint7" type="continuous"')]
    swaps += [('name="panda_joint6" type="revolute"', 'name="panda_joint6" type="prismatic"')]
    chain = parse(panda_urdf(swaps=swaps), ROOT, TIP)
    assert (chain.joints[6].low, chain.joints[6].high) == (-math.inf, math.inf)
    assert [joint.slides for joint in chain.joints] == [False] * 5 + [True, False]


def test_an_axis_of_another_length_is_a_direction():
    chain = parse(panda_urdf(swaps=[('xyz="0 0 1"', 'xyz="0 0 -2"')]), ROOT, TIP)
    assert np.array_equal(chain.joints[0].axis, (0.0, 0.0, -1.0))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('velocity="2.175"', 'velocity="0"', "panda_joint1"),
        ('velocity="2.175"', 'velocity="nan"', "panda_joint1"),
        ('velocity="2.61"', "", "panda_joint5"),
        ('lower="-3.0718"', 'lower="inf"', "panda_joint4"),
        ('lower="-3.0718"', 'lower="3"', "panda_joint4"),
        ('xyz="0 0 1"', 'xyz="0 0 0"', "panda_joint1"),
        ('xyz="0 0 1"', 'xyz="0 0"', "panda_joint1"),
        ('xyz="0 0 0.1034"', 'xyz="0 0 up"', "tcp"),
        (
            'name="panda_joint3" type="revolute"',
            'name="panda_joint3" type="floating"',
            "panda_joint3",
        ),
        (
            '<parent link="panda_link4"/>',
            '<mimic joint="x"/><parent link="panda_link4"/>',
            "panda_joint5",
        ),
        ('<parent link="panda_link4"/>', "", "panda_joint5"),
        ('name="panda_joint5"', 'name="panda_joint6"', "panda_joint6"),
        ('<child link="camera"/>', '<child link="panda_hand"/>', "panda_hand"),
    ],
)
def test_a_fault_is_named_with_its_joint_or_link(old, new, named):
    assert f"'{named}'" in refusal(panda_urdf(swaps=[(old, new)]))


def test_a_link_that_is_not_there_is_named_with_the_nearest_one():
    assert "Did you mean 'panda_hand_tcp'" in refusal(panda_urdf(), tip="panda_tcp")


def test_links_that_no_joint_connects_downwards_are_named():
    message = refusal(panda_urdf(), root="camera")
    assert "'camera'" in message and "'panda_hand_tcp'" in message


def test_links_in_a_circle_end():
    swaps = [('<child link="camera"/>', '<child link="panda_link0"/>')]
    assert "no joints lead" in refusal(panda_urdf(swaps=swaps), root="camera")


def test_a_chain_without_a_joint_that_moves_is_no_arm():
    assert "no joint moves" in refusal(panda_urdf(), root="panda_link7")


def test_what_is_no_urdf_is_refused_before_it_is_read(monkeypatch):
    assert "no XML" in refusal("<robot")
    assert "<sdf>" in refusal("<sdf/>")
    bomb = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa">]><robot>&a;</robot>'
    assert "entities" in refusal(bomb)
    monkeypatch.setattr(urdf, "MAX_BYTES", 100)
    assert "at most 100" in refusal(panda_urdf())


def test_a_placed_chain_begins_and_ends_where_it_is_told():
    chain = parse(panda_urdf(), ROOT, TIP)
    base, tool = transform((1.0, 2.0, 3.0), (0.0, 0.0, 0.5)), transform((0.0, 0.0, 0.1), (0, 0, 0))
    placed = chain.placed(base, tool)
    assert np.allclose(placed.joints[0].T_parent_joint, base @ chain.joints[0].T_parent_joint)
    assert np.allclose(placed.T_last_tip, chain.T_last_tip @ tool)
    assert placed.joints[1:] == chain.joints[1:]
