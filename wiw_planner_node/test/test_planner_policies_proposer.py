"""What the heuristic proposer promises."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from wiw_core.conformance.examples import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Observation, Projection, View
from wiw_core.plans import NAVIGATION_DELTA, navigation_plan
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_planner_node.perception.obstacles import ObstacleMap, obstacle_map
from wiw_planner_node.proposers.heuristic import HeuristicProposer

OPPOSITE = {"turn_left": "turn_right", "turn_right": "turn_left"}


def context_of(seed: int) -> DecisionContext:
    return example_context(FakeEnvironment(), ImageGoalNavigation(), seed)


def wall_ahead(distance_m: float) -> Observation:
    """An endless wall across the robot's way, as a panorama with depth shows it."""
    height, width = 64, 128
    longitude = (np.arange(width) + 0.5) / width * 2 * math.pi - math.pi
    latitude = 0.5 * math.pi - (np.arange(height) + 0.5) / height * math.pi
    ahead = np.cos(latitude)[:, None] * np.cos(longitude)[None, :]
    depth = np.where(ahead > 0.05, distance_m / np.maximum(ahead, 0.05), 0.0)
    camera = T_BASE_OPTICAL.copy()
    camera[2, 3] = 1.0
    rgb = np.zeros((height, width, 3), np.uint8)
    kind = Projection.EQUIRECTANGULAR
    view = View("panorama", rgb, kind, depth.astype(np.float32), T_base_camera=camera)
    return Observation("wall", 0, (view,))


def facing(observation: Observation, seed: int = 0) -> DecisionContext:
    return replace(context_of(seed), history=(observation,))


def test_a_turn_never_follows_its_opposite() -> None:
    for seed in range(40):
        for plan in HeuristicProposer(forward_share=0.1).propose(context_of(seed), 4):
            assert all(OPPOSITE.get(a) != b for a, b in pairwise(plan.names))


@pytest.mark.parametrize("turn", ["turn_left", "turn_right"])
def test_the_first_action_does_not_undo_the_turn_executed_last(turn: str) -> None:
    plan = navigation_plan(["forward", turn, OPPOSITE[turn]])
    previous = Decision(DecisionKind.ACT, plan, prefix_length=2)
    firsts = {
        plan.names[0]
        for seed in range(40)
        for plan in HeuristicProposer().propose(replace(context_of(seed), previous=previous), 3)
    }
    assert firsts == {"forward", turn}


def test_a_plan_has_at_most_four_equal_turns_in_a_row() -> None:
    context = context_of(0)
    long = replace(context, limits=replace(context.limits, horizon=40))
    for seed in range(10):
        fresh = replace(long, rng=np.random.default_rng(seed))
        for plan in HeuristicProposer(forward_share=0.05).propose(fresh, 3):
            runs = "".join(
                {"forward": "f", "turn_left": "l", "turn_right": "r"}[n] for n in plan.names
            )
            assert "lllll" not in runs and "rrrrr" not in runs


def test_the_first_plan_does_not_depend_on_how_many_are_asked_for() -> None:
    for seed in range(10):
        firsts = {HeuristicProposer().propose(context_of(seed), n)[0] for n in (1, 2, 3, 7)}
        assert len(firsts) == 1


def test_plans_are_distinct_of_full_length_and_repeat_with_the_seed() -> None:
    for seed in range(10):
        plans = HeuristicProposer().propose(context_of(seed), 3)
        assert len({p.names for p in plans}) == len(plans) == 3
        assert {len(p) for p in plans} == {5}
        assert plans == HeuristicProposer().propose(context_of(seed), 3)


def test_it_does_not_drive_into_a_wall_it_sees() -> None:
    radius_m = 0.2
    for seed in range(20):
        for plan in HeuristicProposer().propose(facing(wall_ahead(0.75), seed), 3):
            pose = Pose2()
            for name in plan.names:
                pose = pose * NAVIGATION_DELTA[name]
            assert pose.x_m <= 0.75 - radius_m + 0.1


def test_blind_it_drives_on_whatever_the_depth_says() -> None:
    blind = HeuristicProposer(forward_share=0.99, avoid_obstacles=False)
    plans = blind.propose(facing(wall_ahead(0.3)), 1)
    assert plans[0].names.count("forward") >= 4


def test_boxed_in_it_still_proposes() -> None:
    angles = np.linspace(0, 2 * math.pi, 200)
    ring = np.stack([0.25 * np.cos(angles), 0.25 * np.sin(angles), 0 * angles + 0.5], axis=1)
    obstacles = ObstacleMap(ring.astype(np.float32))
    assert all(
        obstacles.blocks(Pose2(yaw_rad=a), Pose2(0.2), 0.2) for a in np.linspace(0, 2 * math.pi, 16)
    )
    plans = HeuristicProposer().propose(facing(wall_ahead(0.2)), 3)
    assert plans and all(len(p) == 5 for p in plans)


def test_a_robot_that_touches_something_may_drive_away_from_it() -> None:
    obstacles = obstacle_map(wall_ahead(0.1))
    assert obstacles.blocks(Pose2(), Pose2(0.2), 0.2)
    assert not obstacles.blocks(Pose2(yaw_rad=math.pi), Pose2(0.2), 0.2)


def test_floor_and_lamps_are_no_obstacles() -> None:
    points = np.array([[0.5, 0.0, 0.01], [0.5, 0.0, 2.0]], np.float32)
    assert not ObstacleMap(points).blocks(Pose2(0.3), Pose2(0.2), 0.2)


@pytest.mark.parametrize("depth", [None, math.nan, 0.0])
def test_without_depth_it_says_so_instead_of_guessing(depth: float | None) -> None:
    (view,) = wall_ahead(1.0).views
    none = None if depth is None else np.full(view.size, depth, np.float32)
    context = facing(Observation("dark", 0, (replace(view, depth=none),)))
    with pytest.raises(WiwError) as caught:
        HeuristicProposer().propose(context, 3)
    assert caught.value.code is ErrorCode.DEPTH_REQUIRED
    assert len(HeuristicProposer(avoid_obstacles=False).propose(context, 3)) == 3


def test_an_environment_with_other_actions_is_refused() -> None:
    with pytest.raises(WiwError) as caught:
        HeuristicProposer().propose(replace(context_of(0), actions={}), 3)
    assert caught.value.code is ErrorCode.PROPOSAL_INVALID


@pytest.mark.parametrize(
    "parameters",
    [
        {"forward_share": 0.0},
        {"forward_share": 1.0},
        {"forward_share": math.nan},
        {"max_same_turns": 0},
        {"robot_radius_m": math.nan},
        {"robot_radius_m": 0.0},
    ],
)
def test_a_parameter_out_of_range_is_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(WiwError) as caught:
        HeuristicProposer(**parameters)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.BAD_PARAMETER
