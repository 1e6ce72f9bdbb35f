"""What the exploring proposer and the answering reviser promise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planner_aeqa_home import (
    BLUE,
    FRIDGE,
    HW,
    SOFA,
    Block,
    at_step,
    context_of,
    cube,
    look_round,
    moved,
)

from wiw_core.conformance.policy import check_proposer, check_reviser
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection, Rgb
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import Rollout
from wiw_core.tasks.aeqa import PRIMITIVES
from wiw_planner_node.perception.questions.sight import Sight
from wiw_planner_node.perception.questions.wanted import Wanted
from wiw_planner_node.policy import make_policy
from wiw_planner_node.proposers.explore import ExploreProposer
from wiw_planner_node.revisers.answer import AnswerReviser

THINGS = (SOFA, FRIDGE, cube(4.6, 0.9, BLUE))
QUESTION = "What colour is the cube in the kitchen?"
PLANS = tuple(navigation_plan([name] * 3) for name in ("turn_left", "forward", "turn_right"))


def first_context(question: str = QUESTION, things: tuple[Block, ...] = THINGS) -> DecisionContext:
    return context_of(look_round(Pose2(), things), question)


def run(question: str, things: tuple[Block, ...], budget: int = 20) -> tuple[Decision, list[Pose2]]:
    """Explore without a world model until the final decision; also where the robot looked."""
    proposer, reviser = ExploreProposer(), AnswerReviser()
    pose, step, previous = Pose2(), 0, None
    poses = [pose]
    reviser.reset(first_context(question, things).episode)
    for index in range(budget):
        now = look_round(pose, things, step=step)
        context = context_of(now, question, index, previous, budget=budget)
        decision = reviser.glance(context)
        if decision is None:
            plans = proposer.propose(context, 1)
            decision = reviser.revise(context, [Candidate(plan) for plan in plans])
        if decision.kind is not DecisionKind.ACT:
            return decision, poses
        previous = replace(decision, index=index, step=step)
        pose = moved(pose, decision.plan.prefix(decision.prefix_length))
        step += decision.prefix_length
        poses.append(pose)
    raise AssertionError("no final decision within the budget")


def rollouts(frames: list[Rgb]) -> list[Candidate]:
    return [
        Candidate(plan, Rollout(index, frame[None], (3,)))
        for index, (plan, frame) in enumerate(zip(PLANS, frames, strict=True))
    ]


def test_the_robot_goes_to_the_other_room_and_answers_from_what_it_sees_there() -> None:
    decision, poses = run(QUESTION, THINGS)
    assert (decision.kind, decision.answer) == (DecisionKind.ANSWER, "blue")
    assert decision.confidence > 0.6
    assert poses[-1].x_m > 1.2, "the cube cannot be seen from the start"


def test_what_cannot_be_found_is_guessed_once_there_is_nothing_left_to_explore() -> None:
    decision, poses = run("What colour is the vase in the kitchen?", THINGS)
    assert decision.kind is DecisionKind.ANSWER and decision.answer == "red"
    assert decision.confidence < 0.1
    assert any(pose.x_m > 2.5 for pose in poses), "it looked into the other room"


def test_the_same_episode_is_explored_the_same_way_twice() -> None:
    (first, there), (second, again) = run(QUESTION, THINGS), run(QUESTION, THINGS)
    assert (first.answer, first.confidence, there) == (second.answer, second.confidence, again)


def test_an_answer_is_final_only_when_it_was_found_twice() -> None:
    reviser = AnswerReviser()
    seen = look_round(Pose2(4.0, 0.0), THINGS)
    reviser.reset(first_context().episode)
    first = context_of(seen, QUESTION, 0)
    assert reviser.glance(first) is None
    acting = reviser.revise(first, [Candidate(PLANS[0])])
    assert (acting.kind, acting.answer) == (DecisionKind.ACT, "blue")
    second = reviser.glance(context_of(at_step(seen, 1), QUESTION, 1, acting))
    assert second is not None and second.kind is DecisionKind.ANSWER and second.answer == "blue"


def test_to_confirm_an_answer_it_only_looks_again() -> None:
    seen = look_round(Pose2(4.0, 0.0), THINGS)
    (plan,) = ExploreProposer().propose(context_of(seen, QUESTION), 3)
    assert len(plan) == 1 and "blue" in plan.text


@pytest.mark.parametrize(("index", "step"), [(19, 5), (3, PRIMITIVES - 1)])
def test_with_the_last_decision_or_primitive_it_says_what_it_can(index: int, step: int) -> None:
    reviser = AnswerReviser()
    context = context_of(look_round(Pose2(), THINGS, step=step), QUESTION, index)
    reviser.reset(context.episode)
    decision = reviser.glance(context)
    assert decision is not None and decision.kind is DecisionKind.ANSWER and decision.answer


def test_one_primitive_is_kept_back_to_answer() -> None:
    reviser = AnswerReviser()
    context = context_of(look_round(Pose2(), THINGS, step=PRIMITIVES - 3), QUESTION, 1)
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    decision = reviser.revise(context, [Candidate(PLANS[0])])
    assert decision.prefix_length == 2


def test_a_question_that_is_not_understood_is_explored_for_and_then_guessed() -> None:
    decision, poses = run("Who lives here?", THINGS)
    assert decision.kind is DecisionKind.ANSWER and decision.confidence < 0.1
    assert any(pose.x_m > 2.5 for pose in poses)


def test_plans_lead_to_different_places_and_say_where() -> None:
    start = Pose2(2.6, 0.0, 0.4)
    context = context_of(look_round(start, THINGS, start=start), "What is on the desk?")
    plans = ExploreProposer().propose(context, 3)
    assert len(plans) >= 2 and all(plan.text for plan in plans)
    ends = [moved(Pose2(), plan) for plan in plans]
    assert ends[0].distance_m(ends[1]) > 0.5


def test_what_the_question_is_about_is_looked_at_first() -> None:
    things = (SOFA, cube(3.6, 0.0, BLUE))
    context = context_of(look_round(Pose2(0.6, 0.0), things), QUESTION)
    assert "cube" in ExploreProposer().propose(context, 1)[0].text
    assert "cube" not in ExploreProposer(use_question=False).propose(context, 1)[0].text


def test_the_proposer_keeps_its_promises() -> None:
    check_proposer(ExploreProposer(), first_context)


def test_the_reviser_keeps_its_promises() -> None:
    check_reviser(AnswerReviser(), first_context)


def test_equal_pictures_leave_the_choice_to_the_proposer() -> None:
    reviser, context = AnswerReviser(), first_context()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (*HW, 3), dtype=np.uint8)
    decision = reviser.revise(context, rollouts([frame] * 3))
    first, second, third = (candidate.score for candidate in decision.candidates)
    assert decision.chosen == 0 and first > second == third


def test_an_imagined_thing_never_becomes_an_answer() -> None:
    reviser, context = AnswerReviser(), first_context()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    inside = look_round(Pose2(4.0, 0.0), THINGS).views[0].rgb
    decision = reviser.revise(context, rollouts([inside] * 3))
    assert decision.kind is DecisionKind.ACT and decision.answer == ""


def test_pictures_that_show_more_of_what_is_wanted_score_higher() -> None:
    nothing = Sight({"fridge": 0.1}, {})
    fridge = Sight({"fridge": 0.9}, {("cube", "red"): 0.2})
    both = Sight({"fridge": 0.9}, {("cube", "red"): 0.8})
    need = Wanted({"fridge": 1.0}, {("cube", "red"): 1.0})
    assert 0.0 < need.score(nothing) < need.score(fridge) < need.score(both)


def test_where_only_one_place_is_asked_about_objects_elsewhere_count_for_nothing() -> None:
    elsewhere = Sight({"fridge": 0.0}, {("cube", "red"): 1.0})
    there = Sight({"fridge": 0.5}, {("cube", "red"): 1.0})
    need = Wanted({"fridge": 1.0}, {("cube", "red"): 1.0}, only_there=True)
    assert need.score(elsewhere) == 0.0 < need.score(there)


def test_the_models_own_value_can_decide() -> None:
    reviser, context = AnswerReviser(score_by="value"), first_context()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    frame = np.zeros((*HW, 3), np.uint8)
    candidates = [
        Candidate(plan, Rollout(i, frame[None], (3,), value=np.array([value], np.float32)))
        for i, (plan, value) in enumerate(zip(PLANS, (-3.0, -1.0, -2.0), strict=True))
    ]
    assert reviser.revise(context, candidates).chosen == 1


def test_evidence_needs_panoramas() -> None:
    reviser, context = AnswerReviser(), first_context()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    frame = np.zeros((1, 64, 64, 3), np.uint8)
    flat = Candidate(PLANS[0], Rollout(0, frame, (3,), projection=Projection.PERSPECTIVE))
    with pytest.raises(WiwError) as caught:
        reviser.revise(context, [flat])
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


def test_it_must_be_told_of_the_episode_first() -> None:
    with pytest.raises(WiwError) as caught:
        AnswerReviser().glance(first_context())
    assert caught.value.code is ErrorCode.NO_EPISODE


@pytest.mark.parametrize("parameters", [{"score_by": "luck"}, {"primitives": 0}])
def test_bad_parameters_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(WiwError) as caught:
        AnswerReviser(**parameters)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_the_task_gets_this_policy_by_default() -> None:
    policy = make_policy("aeqa")
    assert isinstance(policy.proposer, ExploreProposer)
    assert isinstance(policy.reviser, AnswerReviser)
    assert math.isclose(policy.limits.horizon, 14)
