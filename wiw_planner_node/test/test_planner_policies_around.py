"""What going round the target promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.conformance.examples import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Observation, Projection, View
from wiw_core.plans import Plan, camera_path
from wiw_core.tasks.ar import ActiveRecognition
from wiw_planner_node.proposers.around import AroundProposer
from wiw_planner_node.proposers.heuristic import HeuristicProposer

HEIGHT, WIDTH = 64, 128
CAMERA = T_BASE_OPTICAL.copy()
CAMERA[2, 3] = 1.0
FLOOR_M = 3.0
"""How far away everything is but the target: nothing is in the way."""


def red_thing(bearing_rad: float, distance_m: float) -> View:
    """A grey void with a red patch in the boxed direction, at the camera's height."""
    rgb = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
    depth = np.full((HEIGHT, WIDTH), FLOOR_M, np.float32)
    column = round((0.5 - bearing_rad / (2.0 * math.pi)) * WIDTH)
    rows, columns = slice(HEIGHT // 2 - 2, HEIGHT // 2 + 2), slice(column - 2, column + 2)
    rgb[rows, columns] = (215, 25, 25)
    depth[rows, columns] = distance_m
    box = (column - 2, HEIGHT // 2 - 2, column + 2, HEIGHT // 2 + 2)
    kind = Projection.EQUIRECTANGULAR
    return View("panorama", rgb, kind, depth, T_base_camera=CAMERA, target_box=box)


def context_of(view: View, seed: int = 0, index: int = 0) -> DecisionContext:
    context = example_context(FakeEnvironment(), ActiveRecognition(), seed)
    now = Observation("e", index, (view,))
    return replace(context, history=(now,), index=index)


def passes_on(plan: Plan, bearing_rad: float = 0.0) -> float:
    """Metres by which the plan's end is left (positive) of the line to the target."""
    end = camera_path(plan)[-1]
    return math.cos(bearing_rad) * end.y_m - math.sin(bearing_rad) * end.x_m


@pytest.mark.parametrize(
    ("bearing_rad", "distance_m"), [(0.0, 1.2), (-0.6, 2.0), (0.0, 2.0), (0.6, 2.0)]
)
def test_the_two_plans_pass_the_target_on_its_two_sides(
    bearing_rad: float, distance_m: float
) -> None:
    for seed in range(4):
        context = context_of(red_thing(bearing_rad, distance_m), seed)
        first, second = AroundProposer().propose(context, 2)
        sides = [passes_on(plan, bearing_rad) for plan in (first, second)]
        assert min(sides) < -0.1 and max(sides) > 0.1


def test_the_first_side_is_drawn_and_does_not_depend_on_how_many_are_asked_for() -> None:
    sides = set()
    for seed in range(12):
        view = red_thing(0.0, 2.0)
        firsts = {AroundProposer().propose(context_of(view, seed), n)[0] for n in (1, 2, 3, 5)}
        assert len(firsts) == 1
        sides.add(passes_on(firsts.pop()) > 0.0)
    assert sides == {True, False}


def test_it_goes_on_round_the_side_of_the_plan_that_was_chosen() -> None:
    view = red_thing(0.0, 2.0)
    for chosen in (0, 1):
        proposer = AroundProposer()
        plans = proposer.propose(context_of(view), 2)
        previous = Decision(DecisionKind.ACT, plans[chosen], prefix_length=1, chosen=chosen)
        later = replace(context_of(view, seed=5, index=1), previous=previous)
        first = proposer.propose(later, 2)[0]
        before, after = (passes_on(plan) for plan in (plans[chosen], first))
        assert before * after > 0.0


@pytest.mark.parametrize("privilege", ["target_box", "first_target_box"])
def test_a_target_that_has_no_box_any_more_is_still_gone_round(privilege: str) -> None:
    proposer, view = AroundProposer(), red_thing(0.0, 2.0)
    start = context_of(view)
    start = replace(start, episode=replace(start.episode, privileges=(privilege,)))
    proposer.propose(start, 2)
    later = Observation("e", 1, (replace(view, target_box=None),))
    plans = proposer.propose(replace(start, history=(later,), index=1), 2)
    sides = [passes_on(plan) for plan in plans]
    assert min(sides) < -0.1 and max(sides) > 0.1


def test_a_new_episode_forgets_the_target_and_the_side() -> None:
    proposer = AroundProposer()
    proposer.propose(context_of(red_thing(0.0, 2.0), seed=1), 2)
    view = red_thing(0.6, 1.2)
    assert proposer.propose(context_of(view), 2) == AroundProposer().propose(context_of(view), 2)


def test_from_afar_it_comes_nearer_and_near_it_goes_round() -> None:
    ways = {}
    for distance_m in (2.8, 1.2):
        plan = AroundProposer().propose(context_of(red_thing(0.0, distance_m)), 1)[0]
        end = camera_path(plan)[-1]
        ways[distance_m] = distance_m - end.distance_m(Pose2(distance_m, 0.0))
    assert ways[2.8] > 0.3, "comes nearer"
    assert ways[1.2] < 0.1, "goes round"


def test_a_blocked_side_is_not_driven_into() -> None:
    free = red_thing(0.0, 2.0)
    assert free.depth is not None
    walled = free.depth.copy()
    walled[:, : WIDTH // 2 - 6] = 0.55  # everything on the robot's left, floor to ceiling
    plans = AroundProposer().propose(context_of(replace(free, depth=walled)), 2)
    for plan in plans:
        for pose in camera_path(plan):
            assert pose.y_m < 0.3


def test_without_a_target_it_draws_as_the_heuristic_does() -> None:
    view = replace(red_thing(0.0, 2.0), target_box=None)
    expected = HeuristicProposer().propose(context_of(view), 2)
    assert AroundProposer().propose(context_of(view), 2) == expected


def test_plans_beyond_the_two_sides_are_distinct_draws() -> None:
    plans = AroundProposer().propose(context_of(red_thing(0.0, 2.0)), 5)
    assert len({plan.names for plan in plans}) == len(plans) == 5


def test_without_depth_the_way_round_is_not_guessed() -> None:
    view = replace(red_thing(0.0, 2.0), depth=None)
    with pytest.raises(WiwError) as caught:
        AroundProposer().propose(context_of(view), 2)
    assert caught.value.code is ErrorCode.DEPTH_REQUIRED


@pytest.mark.parametrize("parameters", [{"ring_m": 0.0}, {"ring_m": math.nan}, {"ring_m": 9.0}])
def test_a_ring_out_of_range_is_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(WiwError) as caught:
        AroundProposer(**parameters)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
