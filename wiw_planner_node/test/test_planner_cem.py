"""What the cross-entropy method over navigation primitives promises."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
from planner_search_worlds import KnownGoal, KnownRoute, search_context

from wiw_core import Policy, decide
from wiw_core.contracts import Refiner
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.plans import NAVIGATION_DELTA, Action, Plan, camera_path, navigation_plan
from wiw_planner_node.perception.obstacles import obstacle_map
from wiw_planner_node.proposers.cem import CemProposer
from wiw_planner_node.proposers.heuristic import HeuristicProposer
from wiw_planner_node.proposers.ranking import elite
from wiw_planner_node.revisers.place import PlaceReviser

HORIZON, POPULATION, ROUNDS = 8, 24, 8


@cache
def routes() -> tuple[Plan, ...]:
    blind = HeuristicProposer(forward_share=0.4, avoid_obstacles=False)
    return tuple(blind.propose(search_context(100 + k, 1, HORIZON), 1)[0] for k in range(6))


def searched(proposer, model, candidates=POPULATION, seed=0, horizon=HORIZON) -> Decision:
    context = search_context(seed, candidates, horizon)
    return decide(Policy(proposer, PlaceReviser("value"), context.limits, model), context)


def cem(**parameters) -> CemProposer:
    return CemProposer(**{"avoid_obstacles": False, **parameters})


def test_it_finds_the_best_plan_where_as_many_single_shot_proposals_do_not() -> None:
    found, shot, rollouts = 0, 0, []
    for seed, route in enumerate(routes()):
        model = KnownRoute(route)
        found += searched(cem(rounds=ROUNDS), model, seed=seed).plan.names == route.names
        rollouts.append(model.asked)
        single = HeuristicProposer(avoid_obstacles=False)
        at_once = searched(single, KnownRoute(route), ROUNDS * POPULATION, seed)
        shot += at_once.plan.names == route.names
    assert found >= len(routes()) / 2 and shot == 0, (found, shot)
    assert max(rollouts) <= ROUNDS * POPULATION, "it must not cost more than the single shot"


def test_each_further_round_ends_no_farther_from_the_goal() -> None:
    model = KnownGoal(search_goal := KnownRoute(routes()[0]).goal)
    values = [model.value(searched(cem(rounds=r), KnownGoal(search_goal)).plan) for r in (1, 2, 5)]
    assert values == sorted(values) and values[-1] > values[0]


def test_every_rollout_of_a_decision_is_counted() -> None:
    model = KnownGoal(KnownRoute(routes()[1]).goal)
    decision = searched(cem(rounds=3), model, candidates=5)
    assert len(decision.candidates) == model.asked == 15
    assert [c.round for c in decision.candidates] == [0] * 5 + [1] * 5 + [2] * 5
    assert len({c.plan.names for c in decision.candidates}) == 15, "no plan is imagined twice"
    assert decision.frames_imagined == 15


def test_without_a_world_model_it_is_the_proposer_it_starts_with() -> None:
    alone = searched(HeuristicProposer(avoid_obstacles=False), None)
    assert searched(cem(), None).plan == alone.plan
    first = cem().propose(search_context(0, 4), 4)
    assert first == HeuristicProposer(avoid_obstacles=False).propose(search_context(0, 4), 4)


def test_the_same_seed_gives_the_same_rounds_to_the_last_bit() -> None:
    def weighed() -> list[tuple[tuple[str, ...], float]]:
        decision = searched(cem(rounds=3), KnownRoute(routes()[2]), candidates=6)
        return [(c.plan.names, c.score) for c in decision.candidates]

    assert weighed() == weighed()
    proposer = cem(rounds=3)
    once = searched(proposer, KnownRoute(routes()[2]), candidates=6)
    searched(proposer, KnownRoute(routes()[3]), candidates=6, seed=5)
    again = searched(proposer, KnownRoute(routes()[2]), candidates=6)
    assert [c.plan for c in once.candidates] == [c.plan for c in again.candidates], (
        "a decision must not depend on the search of the decision before"
    )


def test_a_model_that_tells_no_plans_apart_leaves_the_choice_to_the_first_plan() -> None:
    first = HeuristicProposer(avoid_obstacles=False).propose(search_context(0, 4), 1)[0]
    decision = searched(cem(), FakeWorldModel(), candidates=4, horizon=5)
    assert decision.chosen == 0 and decision.plan == first
    assert len(decision.candidates) == 12, "the same score everywhere is no reason to look less"


def test_no_round_undoes_a_turn() -> None:
    decision = searched(cem(rounds=4, smoothing=0.0), KnownRoute(routes()[3]))
    for candidate in decision.candidates:
        names = candidate.plan.names
        assert not {*zip(names, names[1:])} & {
            ("turn_left", "turn_right"),
            ("turn_right", "turn_left"),
        }
        assert len(names) == HORIZON


def test_it_sees_walls_in_every_round_and_needs_depth_for_it() -> None:
    context = search_context(0, 12, 8)
    wall = obstacle_map(context.now)
    decision = searched(CemProposer(rounds=3), KnownRoute(routes()[3]), 12)
    assert any("forward" in c.plan.names for c in decision.candidates if c.round)
    for candidate in decision.candidates:
        for pose, name in zip(camera_path(candidate.plan), candidate.plan.names):
            assert name != "forward" or not wall.blocks(pose, NAVIGATION_DELTA[name], 0.2)
    blind = replace(
        context,
        history=(
            replace(context.now, views=tuple(replace(v, depth=None) for v in context.now.views)),
        ),
    )
    with pytest.raises(WiwError) as caught:
        CemProposer().propose(blind, 4)
    assert caught.value.code is ErrorCode.DEPTH_REQUIRED


def test_a_small_space_ends_the_rounds_when_every_plan_is_weighed() -> None:
    model = KnownGoal(KnownRoute(navigation_plan(["turn_left"])).goal)
    decision = searched(cem(rounds=9), model, candidates=3, horizon=1)
    assert sorted(c.plan.names for c in decision.candidates) == [
        ("forward",),
        ("turn_left",),
        ("turn_right",),
    ]


def test_elites_are_the_best_finite_scores_and_nobody_where_all_are_equal() -> None:
    plans = [navigation_plan(["forward"] * k) for k in (1, 2, 3, 4)]
    scores = (0.5, math.nan, 2.0, 0.5)
    candidates = [Candidate(p, score=s) for p, s in zip(plans, scores)]
    assert [c.plan for c in elite(candidates, 2)] == [plans[2], plans[0]]
    assert elite([replace(c, score=1.0) for c in candidates], 2) == []


def test_it_starts_with_any_proposer_but_itself() -> None:
    assert isinstance(CemProposer(start="fake"), Refiner)
    model = KnownGoal(KnownRoute(routes()[0]).goal)
    decision = searched(cem(start="fake"), model, candidates=4)
    assert decision.candidates[0].plan.names == ("forward",) * HORIZON
    for parameters, code in (
        ({"start": "cem"}, ErrorCode.BAD_PARAMETER),
        ({"start": "nobody"}, ErrorCode.UNKNOWN_PROPOSER),
        ({"rounds": 0}, ErrorCode.BAD_PARAMETER),
        ({"elites": -1}, ErrorCode.BAD_PARAMETER),
        ({"smoothing": 1.0}, ErrorCode.BAD_PARAMETER),
        ({"smoothing": math.nan}, ErrorCode.BAD_PARAMETER),
    ):
        with pytest.raises(WiwError) as caught:
            CemProposer(**parameters)
        assert caught.value.code is code


def test_plans_of_other_actions_are_refused_with_advice() -> None:
    proposer, context = cem(), search_context(0, 4)
    proposer.propose(context, 4)
    flights = [Candidate(Plan((Action("fly"),) * k), score=float(k)) for k in (1, 2)]
    with pytest.raises(WiwError) as caught:
        proposer.refine(context, flights, 4)
    assert caught.value.code is ErrorCode.PROPOSAL_INVALID
    assert "cem_arm" in str(caught.value)
