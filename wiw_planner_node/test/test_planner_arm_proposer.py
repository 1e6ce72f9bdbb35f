"""What the arm's proposer knows, what it does not know, and what its plans do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planner_arm_tables import (
    Box,
    arm_context,
    block,
    button,
    cup,
    hand,
    ring,
    spokes,
    table_view,
    things,
    tile,
    with_goal,
)

from wiw_core.arm import target_of
from wiw_core.conformance import check_proposer
from wiw_core.contracts import PlanLimits
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import NAVIGATION, Plan
from wiw_planner_node.perception.tabletop.objects import objects_seen
from wiw_planner_node.proposers.arm import ArmProposer

BUTTONS = things((0.12, -0.2, 0.774), (0.3, 0.0, 0.774), (0.15, 0.2, 0.774))
SQUARES = ((0.38, 0.0, 0.751), (0.2, 0.17, 0.751), (0.05, 0.0, 0.751), (0.2, -0.17, 0.751))
SLIDE = things((0.21, 0.01, 0.775), *SQUARES)
PEG = things((0.1, 0.05, 0.762), *((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14)))
CUPS = things((0.12, -0.15, 0.788), (0.3, 0.0, 0.788), (0.15, 0.18, 0.788))
OBJECTS = {"push": BUTTONS, "slide": SLIDE, "peg": PEG, "cups": CUPS}
EXACT = {"sigma_m": 0.0, "sigma_deg": 0.0, "discretise": False}
FAMILIES = list(OBJECTS)


def way(plan: Plan) -> list[tuple[Pose3, bool]]:
    return [target_of(action) for action in plan.actions]


def refused(call) -> ErrorCode:
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("options", [{}, {"discretise": False}])
def test_it_keeps_the_contract_of_a_proposer(family: str, options: dict) -> None:
    check_proposer(
        ArmProposer(**options), lambda: arm_context(family, "green", OBJECTS[family], seed=3)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_named_colour_tells_it_nothing(family: str) -> None:
    red, blue = (
        ArmProposer().propose(arm_context(family, colour, OBJECTS[family]), 5)
        for colour in ("red", "blue")
    )
    assert red == blue


@pytest.mark.parametrize(("family", "readings"), [("push", 3), ("slide", 4), ("peg", 3)])
def test_each_plan_takes_another_object_for_the_one_that_is_meant(
    family: str, readings: int
) -> None:
    plans = ArmProposer().propose(arm_context(family, "green", OBJECTS[family]), 5)
    assert len(plans) == 5 and len({plan.text for plan in plans[:readings]}) == readings
    firsts = {
        ArmProposer().propose(arm_context(family, "green", OBJECTS[family], seed=s), 1)[0].text
        for s in range(30)
    }
    assert len(firsts) == readings, "each reading must come first now and then"


def test_plans_are_voxels_unless_told_otherwise() -> None:
    context = arm_context("push", "green", BUTTONS)
    assert set(ArmProposer().propose(context, 1)[0].names) == {"tool_voxel"}
    smooth = ArmProposer(discretise=False).propose(context, 1)[0]
    assert set(smooth.names) == {"tool_pose"}


def test_a_place_is_misread_by_as_much_as_it_says() -> None:
    proposer = ArmProposer(discretise=False, sigma_m=0.01)
    misses = []
    for seed in range(100):
        plan = proposer.propose(arm_context("push", "green", BUTTONS, seed=seed), 1)[0]
        thing = BUTTONS[int(plan.text.split()[-1]) - 1]
        pose = way(plan)[1][0]
        misses += [pose.x_m - thing.x_m, pose.y_m - thing.y_m]
    assert np.std(misses) == pytest.approx(0.01, rel=0.2) and abs(np.mean(misses)) < 0.003


def test_a_push_goes_down_on_the_button_with_closed_fingers_and_up_again() -> None:
    plan = ArmProposer(**EXACT).propose(arm_context("push", "green", BUTTONS), 1)[0]
    thing = BUTTONS[int(plan.text.split()[-1]) - 1]
    poses = way(plan)
    for pose, opened in poses:
        assert (pose.x_m, pose.y_m) == pytest.approx((thing.x_m, thing.y_m)) and not opened
        assert np.allclose(pose.matrix()[:3, 2], [0, 0, -1]), "the tool looks down"
    heights = [pose.z_m for pose, _ in poses]
    assert heights[1] < 0.8 < min(heights[0], heights[2])


def test_a_slide_pushes_from_behind_with_the_fingers_across() -> None:
    start = np.array([0.21, 0.01])
    for plan in ArmProposer(**EXACT).propose(arm_context("slide", "green", SLIDE), 4):
        square = SLIDE[int(plan.text.split()[-1]) - 1]
        above, down, end, up = (pose for pose, _ in way(plan))
        ahead = np.array([square.x_m, square.y_m]) - start
        ahead /= np.linalg.norm(ahead)
        assert (down.position[:2] - start) @ ahead < -0.06, "it comes down behind the block"
        moved = end.position[:2] + 0.051 * ahead
        assert np.allclose(moved, [square.x_m, square.y_m], atol=0.001)
        fingers = end.matrix()[:2, 1]
        assert abs(fingers @ ahead) < 1e-6, "they push with both fingers"
        assert above.z_m > 0.9 and up.z_m > 0.9


def test_a_ring_is_taken_by_its_handle_and_let_go_around_a_spoke() -> None:
    for plan in ArmProposer(**EXACT).propose(arm_context("peg", "green", PEG), 3):
        spoke = PEG[int(plan.text.split()[-1]) - 1]
        poses = way(plan)
        assert [opened for _, opened in poses] == [True, False, False, True, True]
        held, over, put = poses[1][0], poses[2][0], poses[3][0]
        assert np.allclose(held.position, [0.1 - 0.056, 0.05, 0.797])
        ring_at = put.position - (held.position - [0.1, 0.05, 0.762])
        assert np.allclose(ring_at[:2], [spoke.x_m, spoke.y_m]) and 0.774 < ring_at[2] < 0.82
        assert over.z_m - 0.047 > 0.86 and np.allclose(over.position[:2], put.position[:2])


def test_a_ring_on_a_spoke_is_lifted_straight_up_first() -> None:
    placed = things((0.3, 0.14, 0.786), *((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14)))
    plan = ArmProposer(**EXACT).propose(arm_context("peg", "green", placed), 1)[0]
    poses = [pose.position for pose, _ in way(plan)]
    assert len(plan) == 5 and np.allclose(poses[2][:2], poses[1][:2])
    assert poses[2][2] - poses[1][2] > 0.1


def test_a_ring_in_hand_is_not_grasped_again() -> None:
    tool = Pose3(0.2, 0.05, 1.0, 1.0, 0.0, 0.0, 0.0)
    carried = things((0.256, 0.05, 0.965), *((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14)))
    context = arm_context("peg", "green", carried, tool=tool, gripper=0.3)
    for plan in ArmProposer(**EXACT).propose(context, 3):
        assert [opened for _, opened in way(plan)] == [False, True, True]


def test_cups_are_taken_by_the_rim_and_let_go_above_another() -> None:
    plans = ArmProposer(**EXACT).propose(arm_context("cups", "green", CUPS), 5)
    assert len({plan.text for plan in plans}) == 5
    for plan in plans:
        source, target = (CUPS[int(plan.text.split()[k]) - 1] for k in (2, 5))
        poses = way(plan)
        assert [opened for _, opened in poses] == [True, False, False, True, True]
        shift = poses[3][0].position - poses[1][0].position
        wanted = np.subtract((target.x_m, target.y_m), (source.x_m, source.y_m))
        assert np.allclose(shift[:2], wanted) and 0.022 < shift[2] < 0.06


def test_what_is_stacked_is_built_upon_first_and_may_be_put_straight() -> None:
    piled = things((0.3, 0.0, 0.788), (0.31, 0.0, 0.82), (0.15, 0.18, 0.788))
    for seed in range(5):
        plans = ArmProposer(**EXACT).propose(arm_context("cups", "green", piled, seed=seed), 5)
        assert plans[0].text == "put object 3 in object 1"
        assert plans[1].text == "put object 2 straight"
    whole = things((0.3, 0.0, 0.788), (0.31, 0.0, 0.815), (0.3, 0.01, 0.845))
    again = ArmProposer(**EXACT).propose(arm_context("cups", "green", whole), 5)
    assert {plan.text for plan in again} == {"put object 3 straight"}


@pytest.mark.parametrize(
    ("family", "thing", "targets"),
    [
        ("slide", (0.05, 0.01, 0.775), SQUARES),
        ("peg", (0.3, 0.14, 0.786), tuple((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14))),
    ],
)
def test_where_the_thing_is_already_comes_last(family: str, thing: tuple, targets: tuple) -> None:
    objects = things(thing, *targets)
    for seed in range(10):
        plans = ArmProposer(**EXACT).propose(arm_context(family, "green", objects, seed=seed), 4)
        ends = [objects[int(plan.text.split()[-1]) - 1] for plan in plans]
        there = [math.dist((o.x_m, o.y_m), thing[:2]) < 0.03 for o in ends]
        assert there.index(True) == len(targets) - 1


def test_a_plan_is_never_longer_than_the_horizon() -> None:
    context = replace(arm_context("peg", "green", PEG), limits=PlanLimits(5, 3, 3))
    assert {len(plan) for plan in ArmProposer().propose(context, 5)} == {3}


def test_plans_that_would_leave_the_workspace_are_not_proposed() -> None:
    edge = things((0.12, -0.2, 0.774), (0.3, 0.0, 0.774), (0.9, 0.2, 0.774))
    plans = ArmProposer().propose(arm_context("push", "green", edge), 5)
    assert len(plans) == 5 and {plan.text[-1] for plan in plans} == {"1", "2"}
    far = things((0.9, -0.2, 0.774), (0.9, 0.0, 0.774))
    (plan,) = ArmProposer().propose(arm_context("push", "green", far), 5)
    assert plan.text == "take the hand away" and len(plan) == 1


SCENES: dict[str, tuple[list[Box], list[tuple[float, float, float]]]] = {
    "push": (
        button(0.12, -0.2, "orange") + button(0.3, 0.0, "green") + button(0.15, 0.2, "navy"),
        [(0.12, -0.2, 0.774), (0.3, 0.0, 0.774), (0.15, 0.2, 0.774)],
    ),
    "slide": (
        [box for place, c in zip(SQUARES, ("green", "blue", "magenta", "yellow"))
         for box in tile(place[0], place[1], c)] + block(0.21, 0.01),
        [(0.21, 0.01, 0.775), SQUARES[0], SQUARES[1], SQUARES[3]],
    ),
    "peg": (
        spokes("red", "green", "blue") + ring(0.1, 0.05),
        [(0.1, 0.05, 0.762), *((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14))],
    ),
    "cups": (
        cup(0.12, -0.15, "red") + cup(0.3, 0.0, "green") + cup(0.15, 0.18, "navy"),
        [(0.12, -0.15, 0.788), (0.3, 0.0, 0.788), (0.15, 0.18, 0.788)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_without_the_privilege_it_sees_where_things_are(family: str) -> None:
    boxes, places = SCENES[family]
    context = arm_context(family, "green", view=table_view(boxes, 320))
    seen: list[Array] = objects_seen(context.now)
    assert len(seen) == len(OBJECTS[family])
    assert [float(p[1]) for p in seen] == sorted(float(p[1]) for p in seen)
    for place in places:
        assert min(np.linalg.norm(place - p) for p in seen) < 0.012, place
    plans = ArmProposer(objects_from="depth").propose(context, 5)
    assert len(plans) == 5


def test_it_looks_for_itself_only_where_the_protocol_grants_nothing() -> None:
    boxes, _ = SCENES["push"]
    seen = arm_context("push", "green", view=table_view(boxes, 320))
    granted = arm_context("push", "green", BUTTONS, view=table_view(boxes, 320))
    for context, source in ((seen, "depth"), (granted, "centroids")):
        again = replace(context, rng=np.random.default_rng([0, 0]))
        assert ArmProposer().propose(context, 5) == ArmProposer(source).propose(again, 5)


def test_when_too_little_is_seen_it_takes_the_hand_away() -> None:
    boxes = button(0.3, 0.0, "green") + hand(0.4, 0.0, 0.8)
    low = Pose3(0.4, 0.0, 0.8, 1.0, 0.0, 0.0, 0.0)
    context = arm_context("push", "green", view=table_view(boxes, 160), tool=low)
    assert len(objects_seen(context.now)) == 1, "the hand is no thing on the table"
    (plan,) = ArmProposer(objects_from="depth").propose(context, 5)
    assert plan.text == "take the hand away" and way(plan)[0][1]


def test_it_says_what_it_lacks() -> None:
    context = arm_context("push", "green", BUTTONS)
    blind = arm_context("push", "green", view=table_view([], 32, depth=False))
    cases = [
        (ArmProposer(), replace(context, actions=NAVIGATION), ErrorCode.PROPOSAL_INVALID),
        (ArmProposer(), with_goal(context, "tidy up"), ErrorCode.UNPARSABLE),
        (ArmProposer("centroids"), arm_context("push", "green"), ErrorCode.PROPOSAL_INVALID),
        (ArmProposer(objects_from="depth"), blind, ErrorCode.DEPTH_REQUIRED),
    ]
    for proposer, asked, code in cases:
        assert refused(lambda p=proposer, c=asked: p.propose(c, 5)) is code


@pytest.mark.parametrize(
    "options",
    [
        {"objects_from": "magic"},
        {"sigma_m": -0.1},
        {"sigma_m": math.nan},
        {"sigma_deg": 90.0},
    ],
)
def test_a_parameter_out_of_range_is_refused(options: dict) -> None:
    assert refused(lambda: ArmProposer(**options)) is ErrorCode.BAD_PARAMETER
