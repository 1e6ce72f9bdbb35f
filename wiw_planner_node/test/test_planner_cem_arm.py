"""What the cross-entropy method over tool poses promises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from planner_arm_tables import arm_context, things

from wiw_core import Policy, decide
from wiw_core.arm import target_of
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan, check_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_planner_node.proposers.arm import ArmProposer
from wiw_planner_node.proposers.cem_arm import CemArmProposer
from wiw_planner_node.revisers.arm import ArmReviser

BUTTONS = things((0.12, -0.2, 0.774), (0.3, 0.0, 0.774), (0.15, 0.2, 0.774))
PEG = things((0.1, 0.05, 0.762), *((0.3, y, 0.814) for y in (-0.14, 0.0, 0.14)))
OBJECTS = {"push": BUTTONS, "peg": PEG}


class KnownPoses:
    """A fake world model: its value is minus the mean metres off the poses that do it."""

    def __init__(self, right: Plan) -> None:
        self._right = np.stack([target_of(a)[0].position for a in right.actions])
        self._words = right.text
        self.asked = 0

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("known_poses", height=2, width=16, gives_value=True)

    def off_m(self, plan: Plan) -> float:
        """Return the mean metres off; a metre if the plan is about something else."""
        if plan.text != self._words:
            return 1.0
        places = np.stack([target_of(a)[0].position for a in plan.actions])
        return float(np.linalg.norm(places - self._right, axis=1).mean())

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        for index, plan in enumerate(request.plans):
            self.asked += 1
            after = request.frame_indices(index)
            value = np.full(len(after), -self.off_m(plan), np.float32)
            yield Rollout(index, np.zeros((len(after), 2, 16, 3), np.uint8), after, value=value)

    def close(self) -> None:
        pass


def table(family: str, seed: int = 0, candidates: int = 10) -> DecisionContext:
    context = arm_context(family, "green", OBJECTS[family], seed=seed)
    return replace(context, limits=replace(context.limits, candidates=candidates))


def right_plan(family: str) -> Plan:
    exact = ArmProposer(sigma_m=0.0, sigma_deg=0.0, discretise=False)
    return exact.propose(table(family), 10)[0]


def decided(proposer, model, family: str, seed: int = 0, candidates: int = 10) -> Decision:
    context = table(family, seed, candidates)
    return decide(Policy(proposer, ArmReviser("value"), context.limits, model), context)


@pytest.mark.parametrize("family", OBJECTS)
def test_more_rounds_come_nearer_to_the_right_poses_than_as_many_proposals(family: str) -> None:
    searched, at_once = [], []
    for seed in range(6):
        model = KnownPoses(right_plan(family))
        searched.append(model.off_m(decided(CemArmProposer(rounds=6), model, family, seed).plan))
        assert model.asked == 60
        single = ArmProposer(discretise=False)
        at_once.append(model.off_m(decided(single, model, family, seed, 60).plan))
    assert np.mean(searched) < 0.8 * np.mean(at_once), (searched, at_once)


def test_without_a_world_model_it_is_the_arm_proposer() -> None:
    plan = decided(CemArmProposer(discretise=True), None, "push").plan
    assert plan == decided(ArmProposer(), None, "push").plan


@pytest.mark.parametrize("discretise", [False, True])
def test_later_rounds_stay_on_what_the_best_plan_is_about_and_within_limits(
    discretise: bool,
) -> None:
    model = KnownPoses(right_plan("push"))
    decision = decided(CemArmProposer(rounds=3, discretise=discretise), model, "push")
    later = [c for c in decision.candidates if c.round]
    assert len(later) == 20 and {c.plan.text for c in later} == {right_plan("push").text}
    for candidate in later:
        check_plan(candidate.plan, table("push").actions)
        poses = [target_of(a) for a in candidate.plan.actions]
        assert [opened for _, opened in poses] == [False, False, False]
        over, press, again = (pose.position for pose, _ in poses)
        assert over[:2] == pytest.approx(press[:2], abs=0.011), "one thing, one offset"
        assert press[2] < over[2] and again[2] > press[2]


def test_the_same_seed_searches_the_same_poses_to_the_last_bit() -> None:
    proposer, model = CemArmProposer(rounds=3), KnownPoses(right_plan("push"))
    once = decided(proposer, model, "push", 1)
    decided(proposer, model, "peg", 2)
    assert decided(proposer, model, "push", 1).candidates[-1].plan == once.candidates[-1].plan


def test_a_model_that_tells_no_plans_apart_ends_the_search_at_the_first_plan() -> None:
    class Flat(KnownPoses):
        def off_m(self, plan: Plan) -> float:
            return 0.5

    decision = decided(CemArmProposer(), Flat(right_plan("push")), "push")
    assert decision.chosen == 0 and len(decision.candidates) == 10


@pytest.mark.parametrize(
    "parameters",
    [{"rounds": 0}, {"spread_m": 0.0}, {"spread_m": math.nan}, {"spread_deg": 90.0}],
)
def test_bad_parameters_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(WiwError) as caught:
        CemArmProposer(**parameters)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
