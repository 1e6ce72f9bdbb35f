"""The language model as navigator and recogniser: what it is shown, and what its replies do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planner_vlm_rooms import PLANS, in_turn, room_context, route, weighed

from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import NAVIGATION, navigation_plan
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.rollouts import RolloutRequest
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_planner_node.vlm.pictures import CELL
from wiw_planner_node.vlm.policies import VlmProposer, VlmReviser
from wiw_planner_node.vlm.stub import Body, Reply, StubServer, request_images, request_text

RED = np.array([255, 0, 0])


def proposed(
    answer: Any, count: int, task: str = "ignav", **options: Any
) -> tuple[Any, StubServer]:
    context = room_context(task)
    with StubServer(answer) as stub:
        plans = VlmProposer(endpoint=stub.url, **options).propose(context, count)
    return plans, stub


def revised(
    answer: Any, context: Any, candidates: list[Candidate], **options: Any
) -> tuple[Decision, StubServer]:
    with StubServer(answer) as stub:
        reviser = VlmReviser(endpoint=stub.url, **options)
        reviser.reset(context.episode)
        decision = reviser.glance(context) or reviser.revise(context, candidates)
    return decision, stub


def by_seed(*replies: str) -> Callable[[Body], str]:
    """Return an answer that depends on the request's seed, as a sampling model's does."""
    return lambda body: replies[body["seed"] % len(replies)]


def reds(picture: Any) -> int:
    return int((np.abs(picture.astype(int) - RED).max(axis=-1) < 60).sum())


def test_a_proposal_is_asked_with_the_goal_photo_and_every_view_under_captions() -> None:
    plans, stub = proposed(lambda _: route("forward", "turn_left"), 1)
    assert [plan.names for plan in plans] == [("forward", "turn_left")]
    assert plans[0].text == ""  # no model is told what another one thought
    (body,) = stub.requests
    text = request_text(body)
    for part in ("The goal photo:", "What the robot sees ahead:", "all around:", "1 to 5 actions"):
        assert part in text
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["actions"]["items"]["enum"] == list(NAVIGATION)
    assert schema["properties"]["actions"]["maxItems"] == 5
    goal, front, panorama = request_images(body)
    assert panorama.shape[1] == 2 * panorama.shape[0] and front.shape[0] == front.shape[1]
    assert goal.shape[2] == 3


def test_equal_samples_are_asked_for_again_a_few_times_and_then_left_out() -> None:
    plans, stub = proposed(lambda _: route("forward"), 3)
    assert [plan.names for plan in plans] == [("forward",)]
    assert len(stub.requests) == 3 + 2 + 2
    plans, stub = proposed(
        in_turn(*[route("forward")] * 3, route("turn_left"), route("turn_right")), 3
    )
    assert len(plans) == 3 and len(stub.requests) == 5


def test_the_first_plan_does_not_depend_on_how_many_are_wanted() -> None:
    answer = by_seed(*(route(*["forward"] * k) for k in range(1, 6)))
    firsts = {proposed(answer, count)[0][0].names for count in (1, 2, 3)}
    assert len(firsts) == 1


def test_a_bad_first_sample_ends_the_decision_and_a_bad_other_one_is_left_out() -> None:
    first = room_context().rng.integers(2**31)  # what the policy draws too
    assert first == room_context().rng.integers(2**31)
    _, stub = proposed(lambda _: route("forward"), 1)
    own = stub.requests[0]["seed"]
    plans, _ = proposed(lambda b: route("forward") if b["seed"] == own else "?", 3, tries=1)
    assert [plan.names for plan in plans] == [("forward",)]
    with pytest.raises(WiwError) as raised:
        proposed(lambda b: "?" if b["seed"] == own else route("forward"), 3, tries=1)
    assert raised.value.code is ErrorCode.UNPARSABLE


def test_rewriting_shows_goal_and_strips_and_carries_out_the_written_plan() -> None:
    context = room_context()
    decision, stub = revised(
        lambda _: route("turn_left", "turn_left", "forward", "forward"), context, weighed(context)
    )
    assert decision.plan.names == ("turn_left", "turn_left", "forward", "forward")
    assert (decision.kind, decision.chosen, decision.prefix_length) == (DecisionKind.ACT, -1, 3)
    text = request_text(stub.requests[0])
    assert "Plan 1: forward, forward, turn_left\nPlan 2: turn_right, forward" in text
    assert "What the robot sees ahead:" not in text  # the first cell of each strip shows it
    _, first, second = request_images(stub.requests[0])
    assert first.shape[1] == 4 * CELL + 3 * 6 and second.shape[1] == 3 * CELL + 2 * 6


def test_selecting_takes_the_likeliest_letter_and_its_probabilities_are_the_scores() -> None:
    context = room_context()
    decision, _ = revised(
        lambda _: Reply("B", top=(("B", 0.7), ("A", 0.2))), context, weighed(context), mode="select"
    )
    assert decision.chosen == 1 and decision.plan.actions == PLANS[1].actions
    assert [c.score for c in decision.candidates] == pytest.approx([0.2, 0.7])


def test_a_failed_rollout_is_not_shown_and_cannot_be_chosen() -> None:
    context = room_context()
    candidates = weighed(context)
    lost = replace(candidates[0], rollout=None, code=ErrorCode.OUT_OF_MEMORY)
    decision, stub = revised(
        lambda _: Reply("A", top=(("A", 0.9),)), context, [lost, candidates[1]], mode="select"
    )
    assert decision.chosen == 1 and math.isnan(decision.candidates[0].score)
    assert "Plan B" not in request_text(stub.requests[0])


def test_without_rollouts_the_first_plan_is_taken_and_nobody_is_asked() -> None:
    decision, stub = revised(lambda _: "", room_context(), [Candidate(plan) for plan in PLANS])
    assert (decision.chosen, decision.plan) == (0, PLANS[0]) and stub.requests == []


@pytest.mark.parametrize(("yes", "kind"), [(0.6, DecisionKind.STOP), (0.3, DecisionKind.ACT)])
def test_a_robot_that_must_stop_by_itself_asks_whether_it_has_arrived(
    yes: float, kind: DecisionKind
) -> None:
    context = room_context()
    assert ORACLE_STOP in context.episode.privileges
    alone = replace(context, episode=replace(context.episode, privileges=()))
    answer = Reply("A", top=(("A", yes), ("B", 0.9 - yes)))
    decision, stub = revised(lambda _: answer, alone, [Candidate(PLANS[0])])
    assert decision.kind is kind and len(stub.requests) == 1


def test_perspective_frames_are_shown_as_they_are() -> None:
    context = room_context()
    front = replace(context.now, views=context.now.views[:1])
    alone = replace(context, history=(front,))
    request = RolloutRequest(alone.history, PLANS, (3, 2))
    rollouts = list(Registry(WORLD_MODELS).create("copy").rollout(request))
    candidates = [Candidate(PLANS[r.plan_index], r) for r in rollouts]
    assert rollouts[0].frames.shape[1] == rollouts[0].frames.shape[2]  # no panorama
    decision, stub = revised(lambda _: route("forward"), alone, candidates)
    assert decision.plan.names == ("forward",)
    assert all(p.shape[0] > CELL for p in request_images(stub.requests[0])[1:])


def test_the_object_is_boxed_in_what_the_recogniser_and_the_proposer_are_shown() -> None:
    _, stub = proposed(lambda _: route("forward"), 1, "ar")
    boxes = [view.target_box for view in room_context("ar").now.views]
    shown = [reds(picture) > 0 for picture in request_images(stub.requests[0])]
    assert shown == [box is not None for box in boxes] and any(shown)


def recognised(*replies: Reply, **changes: Any) -> tuple[Decision, StubServer]:
    context = room_context("ar", **changes)
    return revised(in_turn(*replies), context, weighed(context))


SURE = Reply("B", top=(("B", 0.96), ("A", 0.01)))
UNSURE = Reply("C", top=(("C", 0.6), ("A", 0.3)))
LEFT = Reply("B", top=(("B", 0.7), ("A", 0.2)))


def test_a_sure_recogniser_answers_at_once_with_the_probability_of_the_letter() -> None:
    decision, stub = recognised(SURE)
    labels = room_context("ar").episode.labels
    assert (decision.kind, decision.answer) == (DecisionKind.ANSWER, labels[1])
    assert decision.confidence == pytest.approx(0.96) and len(stub.requests) == 1


def test_an_unsure_recogniser_moves_by_the_likeliest_action_and_keeps_its_best_label() -> None:
    decision, stub = recognised(UNSURE, LEFT)
    labels = room_context("ar").episode.labels
    assert (decision.kind, decision.plan.names) == (DecisionKind.ACT, ("turn_left",))
    assert (decision.prefix_length, decision.chosen) == (1, -1)
    assert (decision.answer, decision.confidence) == (labels[2], pytest.approx(0.6))
    assert [c.score for c in decision.candidates] == pytest.approx([0.2, 0.0])  # first actions
    recognise, move = (request_text(body) for body in stub.requests)
    assert f'C: "{labels[2]}"' in recognise and "B: turn_left" in move


def test_the_recogniser_answers_with_the_last_decision_however_unsure() -> None:
    budget = room_context("ar").episode.budget
    decision, _ = recognised(UNSURE, index=budget - 1)
    assert (decision.kind, decision.confidence) == (DecisionKind.ANSWER, pytest.approx(0.6))


def test_the_most_confident_label_of_all_decisions_is_kept() -> None:
    context = room_context("ar")
    bare = [Candidate(PLANS[0])]
    with StubServer(in_turn(UNSURE, Reply("A", top=(("A", 0.4),)))) as stub:
        reviser = VlmReviser(endpoint=stub.url)
        reviser.reset(context.episode)
        for _ in range(2):
            reviser.glance(context)
            decision = reviser.revise(context, bare)
    assert (decision.answer, decision.confidence) == (context.episode.labels[2], 0.6)


def test_imagined_looks_at_the_object_are_evidence_and_the_next_action_is_asked_with_boxes() -> (
    None
):
    context = room_context("ar")
    views = [replace(view, target_box=None) for view in context.now.views]
    around = next(k for k, view in enumerate(views) if view.name == "panorama")
    views[around] = replace(views[around], target_box=(50, 22, 56, 28))  # a part of the wall
    now = replace(context.now, views=tuple(views))
    context = replace(context, history=(now,))
    candidates = weighed(
        context, [navigation_plan(["forward"] * 4), navigation_plan(["turn_left"] * 4)]
    )
    _, stub = revised(in_turn(UNSURE, LEFT), context, candidates)
    recognise, move = stub.requests
    assert "Simulated looks:" in request_text(recognise)
    assert reds(request_images(recognise)[-1]) > 0
    strips = request_images(move)
    assert len(strips) == 2 and all(s.shape[1] == 5 * CELL + 4 * 6 for s in strips)


def test_more_labels_than_letters_and_none_at_all_are_refused() -> None:
    context = room_context("ar")
    with StubServer(lambda _: "") as stub:
        reviser = VlmReviser(endpoint=stub.url)
        for labels in ((), tuple(str(k) for k in range(51))):
            with pytest.raises(WiwError) as raised:
                reviser.reset(replace(context.episode, labels=labels))
            assert raised.value.code is ErrorCode.BAD_PARAMETER
