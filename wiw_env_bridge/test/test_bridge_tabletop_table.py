"""The table's physics: motions, contact-checked grasps, collisions, and states that come back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tabletop_blocks import TOP_M, BlocksScene

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.grasp import Grasp
from wiw_env_bridge.tabletop.table import Table

X, Y = 0.2, 0.1


@pytest.fixture
def table():
    return Table(BlocksScene(small_xy=(X, Y)))


def down(x, y, z):
    return Pose3(x, y, z, 1.0, 0.0, 0.0, 0.0)


def pick(table, z=TOP_M + 0.02):
    for height, opened in ((0.9, True), (z, True), (z, False)):
        outcome = table.move(down(X, Y, height), opened)
        assert (outcome.code, outcome.collided) == (ErrorCode.OK, False)


def place(table, body="small"):
    return table.data.body(body).xpos.copy()


def contacts(table, block="long"):
    """The names of the geoms of each contact with a block."""
    model, data = table.model, table.data
    body = model.body(block).id
    return [
        {model.geom(geom).name for geom in pair}
        for pair in data.contact.geom
        if body in (model.geom_bodyid[geom] for geom in pair)
    ]


def test_the_tool_goes_where_it_is_told_and_says_how_far_it_came(table):
    start = table.tool_pose().position
    outcome = table.move(down(0.25, -0.1, 0.95), True)
    pose = table.tool_pose()
    assert np.linalg.norm(pose.position - (0.25, -0.1, 0.95)) < 2e-3
    assert abs(pose.qx) > 0.9999
    assert outcome.path_m == pytest.approx(np.linalg.norm(pose.position - start), rel=0.05)


def test_everything_is_at_rest_after_an_action(table):
    pick(table)
    table.move(down(X, Y, 0.95), False)
    assert np.abs(table.data.qvel).max() < 0.02


@pytest.mark.parametrize(
    ("first", "target", "code"),
    [
        (down(0.2, 0.0, 1.0), down(0.69, 0.49, 0.8), ErrorCode.IK_FAILED),
        (down(-0.25, 0.45, 0.95), down(-0.25, -0.45, 0.95), ErrorCode.NO_PATH),
    ],
)
def test_an_action_that_cannot_be_done_moves_nothing(table, first, target, code):
    table.move(first, True)
    before = table.snapshot()
    outcome = table.move(target, False)
    assert (outcome.code, outcome.path_m, outcome.collided) == (code, 0.0, False)
    assert table.snapshot() == before


def test_what_both_pads_touch_is_held_carried_and_let_go(table):
    pick(table)
    assert table.held == "small"
    assert 0.3 < table.gripper < 0.45  # 30 mm of 80 lie between the fingers
    table.move(down(0.3, -0.05, 0.95), False)
    assert np.linalg.norm(place(table) - (0.3, -0.05, 0.95)) < 0.01
    table.move(down(0.3, -0.05, 0.95), True)
    assert table.held == "" and table.gripper > 0.95
    assert place(table)[2] < TOP_M + 0.06  # it fell


@pytest.mark.parametrize("z", [TOP_M + 0.065, TOP_M + 0.1])
def test_a_gripper_that_closes_above_a_block_holds_nothing(table, z):
    pick(table, z)
    assert table.held == "" and table.gripper < 0.05
    table.move(down(X, Y, 0.95), False)
    assert np.linalg.norm(place(table) - (X, Y, TOP_M + 0.02)) < 2e-3


def test_a_gripper_that_closes_beside_a_block_holds_nothing(table):
    table.move(down(X + 0.05, Y, 0.9), True)
    table.move(down(X + 0.05, Y, TOP_M + 0.02), True)
    table.move(down(X + 0.05, Y, TOP_M + 0.02), False)
    assert table.held == ""


def test_a_block_that_only_the_undersides_of_the_pads_touch_is_not_held(table):
    top = TOP_M + 0.05
    table.move(down(0.2, -0.2, 0.9), True)
    table.move(down(0.2, -0.2, top + 0.011), True)
    table.move(down(0.2, -0.2, top + 0.011), False)
    assert all(any(pad in pair for pair in contacts(table)) for pad in panda.PADS)
    assert table.held == ""


def test_what_only_one_pad_touches_is_not_held(table):
    table.move(down(X, Y, 0.9), True)
    table.move(down(X, Y, TOP_M + 0.02), True)
    grasp = Grasp(table.model, table.data, ("small",))
    start = table.model.jnt_qposadr[table.model.body("small").jntadr[0]]
    for shift in (-0.026, 0.026):  # from the middle of the open gripper to one of its pads
        table.data.qpos[start + 1] = Y + shift
        table.refresh()
        touched = [any(pad in pair for pair in contacts(table, "small")) for pad in panda.PADS]
        assert sorted(touched) == [False, True]
        assert grasp.seize() == ""


def test_what_cannot_be_held_is_not_held_though_both_pads_touch_it(table):
    table.move(down(0.35, 0.0, 0.95), True)
    table.move(down(0.35, 0.0, 0.82), True)
    table.move(down(0.35, 0.0, 0.82), False)
    assert table.held == "" and table.gripper == pytest.approx(0.5, abs=0.05)


def test_the_gripper_acts_only_when_it_is_told_something_else(table):
    table.move(down(X, Y, 0.95), False)
    table.move(down(X, Y, TOP_M + 0.055), False)
    assert table.held == ""
    pick_up = Table(BlocksScene(small_xy=(X, Y)))
    pick(pick_up)
    state = pick_up.data.eq_active.copy()
    pick_up.move(down(X, Y, 0.9), False)
    assert np.array_equal(pick_up.data.eq_active, state) and pick_up.held == "small"


def test_pressing_on_the_table_is_a_collision_and_the_arm_stays_above_it(table):
    table.move(down(0.1, 0.0, 0.9), False)
    outcome = table.move(down(0.1, 0.0, 0.70), False)
    assert outcome.collided and outcome.code is ErrorCode.OK
    assert table.tool_pose().z_m > TOP_M
    after = table.move(down(0.1, 0.0, 0.9), False)
    assert not after.collided


def test_pressing_on_the_table_with_what_is_held_is_a_collision_too(table):
    pick(table)
    table.move(down(X, Y, 0.9), False)
    assert table.move(down(X, Y, 0.72), False).collided


def test_pushing_a_block_over_the_table_is_no_collision(table):
    table.move(down(0.1, -0.2, 0.9), False)
    table.move(down(0.1, -0.2, TOP_M + 0.02), False)
    outcome = table.move(down(0.22, -0.2, TOP_M + 0.02), False)
    assert not outcome.collided
    assert place(table, "long")[0] > 0.24


def test_the_gripper_still_acts_where_a_collision_stopped_the_arm(table):
    table.move(down(X, Y, 0.9), True)
    outcome = table.move(down(X, Y, 0.735), False)
    assert outcome.collided and table.held == "small"


def after_ticks(count):
    ticks = itertools.count(1)
    return lambda seconds: next(ticks) >= count


def test_told_to_hold_it_stops_where_it_is(table):
    start = table.tool_pose().position
    outcome = table.move(down(0.35, 0.2, 0.9), False, after_ticks(30))
    assert outcome.stopped and 0.0 < outcome.path_m < 0.4
    assert np.abs(table.data.qvel).max() < 0.02
    here = table.tool_pose().position
    assert np.linalg.norm(here - start) < outcome.path_m + 0.03
    assert table.opened and table.gripper > 0.95  # the gripper's turn had not come
    again = table.move(down(0.35, 0.2, 0.9), False)
    assert not again.stopped and table.gripper < 0.05


def test_a_gripper_that_was_interrupted_can_be_told_again(table):
    pick_pose = down(X, Y, TOP_M + 0.02)
    table.move(down(X, Y, 0.9), True)
    table.move(pick_pose, True)
    outcome = table.move(pick_pose, False, after_ticks(6))
    assert outcome.stopped and table.held == "" and table.opened
    table.move(pick_pose, False)
    assert table.held == "small"


def test_a_state_comes_back_bit_by_bit_and_leads_to_the_same_future(table):
    pick(table)
    before = table.snapshot()
    ends = []
    for _ in range(2):
        table.move(down(0.3, 0.2, 0.9), False)
        table.move(down(0.3, 0.2, 0.8), True)
        ends.append(table.snapshot())
        table.restore(before)
        assert table.snapshot() == before and table.held == "small"
    assert ends[0] == ends[1] != before


def test_looking_back_does_not_change_the_future(table):
    other = Table(BlocksScene(small_xy=(X, Y)))
    for one in (table, other):
        pick(one)
    table.restore(table.snapshot())
    for one in (table, other):
        one.move(down(0.1, 0.2, 0.9), False)
    assert table.snapshot() == other.snapshot()


def test_the_scene_watches_every_step(table):
    pick(table)
    table.move(down(X, Y, 0.9), False)
    assert table.succeeded() and table.decided() and table.progress() == 1.0
    table.move(down(X, Y, 0.8), False)
    assert not table.succeeded()
    assert table.data.userdata[0] > 0.89


def test_physics_that_broke_down_is_an_error_and_not_a_new_beginning(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log where it stands
    start = table.model.jnt_qposadr[table.model.body("small").jntadr[0]]
    table.data.qpos[start] = np.nan
    with pytest.raises(WiwError) as caught:
        table.move(down(0.2, 0.0, 1.0), True)
    assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED
