"""What choosing by place promises."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from wiw_core.cameras import panorama, pinhole
from wiw_core.conformance.examples import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.observation import Projection, Rgb, View
from wiw_core.plans import TURN_RAD, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_planner_node.perception.place import goal_signature, place_distance
from wiw_planner_node.revisers.place import PlaceReviser
from wiw_planner_node.revisers.select import best, score_all

FOV_RAD = math.pi / 2
PLANS = [navigation_plan([name]) for name in ("forward", "turn_left", "turn_right")]


def place(seed: int) -> Rgb:
    """A panorama of coloured blobs, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (512, 288), interpolation=cv2.INTER_CUBIC), np.uint8)


def photo(rgb: Rgb, yaw_rad: float) -> View:
    maps = panorama.perspective_map(256, 256, FOV_RAD, yaw_rad, (288, 512))
    picture = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    k = pinhole.intrinsics(256, 256, FOV_RAD)
    return View("goal", np.asarray(picture, np.uint8), intrinsics=k)


def context_with_goal(goal: View | None) -> DecisionContext:
    context = example_context(FakeEnvironment(), ImageGoalNavigation())
    return replace(context, episode=replace(context.episode, goal_view=goal))


def imagined(*frames: Rgb, values: list[float] | None = None) -> list[Candidate]:
    kind = Projection.EQUIRECTANGULAR
    given = [None if values is None else np.array([v], np.float32) for v in values or [0.0] * 9]
    return [
        Candidate(plan, Rollout(i, frame[None], (1,), kind, value=value))
        for i, (plan, frame, value) in enumerate(zip(PLANS, frames, given))
    ]


def test_the_goal_place_is_nearest_whichever_way_the_robot_looks() -> None:
    goal, fov_rad = goal_signature(photo(place(0), 3 * TURN_RAD))
    same = [place_distance(goal, np.roll(place(0), 32 * k, 1), fov_rad) for k in range(16)]
    others = [place_distance(goal, place(seed), fov_rad) for seed in range(1, 6)]
    assert len(set(same)) == 1, "turning on the spot must not change the place, to the last bit"
    assert max(same) < min(others)


def test_blur_and_holes_do_not_hide_the_goal_place() -> None:
    goal, fov_rad = goal_signature(photo(place(0), 0.0))
    worn = cv2.GaussianBlur(place(0), (0, 0), 4.0)
    worn[100:140, 40:90] = 128
    assert place_distance(goal, np.asarray(worn), fov_rad) < min(
        place_distance(goal, place(seed), fov_rad) for seed in range(1, 6)
    )


def test_it_takes_the_plan_that_ends_at_the_goal() -> None:
    context = context_with_goal(photo(place(7), TURN_RAD))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    decision = reviser.revise(context, imagined(place(1), place(7), place(2)))
    assert (decision.kind, decision.chosen) == (DecisionKind.ACT, 1)
    assert decision.plan == PLANS[1]
    assert all(math.isfinite(c.score) for c in decision.candidates)


def test_a_model_that_only_turns_leaves_the_choice_to_the_proposer() -> None:
    context = context_with_goal(photo(place(7), 0.0))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    turned = [np.roll(place(1), 32 * k, axis=1) for k in (3, 0, 13)]
    assert reviser.revise(context, imagined(*turned)).chosen == 0


def test_without_rollouts_the_first_plan_is_taken() -> None:
    context = context_with_goal(photo(place(0), 0.0))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    decision = reviser.revise(context, [Candidate(plan) for plan in PLANS])
    assert decision.chosen == 0 and decision.plan == PLANS[0]


def test_the_executed_prefix_is_never_longer_than_the_plan() -> None:
    context = context_with_goal(photo(place(0), 0.0))
    reviser = PlaceReviser("value")
    for length, prefix in ((1, 1), (3, 3), (5, 3)):
        plan = navigation_plan(["forward"] * length)
        assert reviser.revise(context, [Candidate(plan)]).prefix_length == prefix


def test_a_nan_score_is_left_out_with_a_reason() -> None:
    context = context_with_goal(None)
    reviser = PlaceReviser("value")
    reviser.reset(context.episode)
    frames = [place(0)] * 3
    decision = reviser.revise(context, imagined(*frames, values=[math.nan, -3.0, -1.0]))
    assert decision.chosen == 2
    assert "nan" in decision.candidates[0].reason


def test_when_nothing_can_be_scored_it_says_so() -> None:
    context = context_with_goal(None)
    with pytest.raises(WiwError) as caught:
        PlaceReviser("value").revise(
            context, imagined(*[place(0)] * 3, values=[math.nan, math.inf, math.nan])
        )
    assert caught.value.code is ErrorCode.NO_VALID_SCORE


def test_a_failed_rollout_is_not_chosen_while_another_one_is_there() -> None:
    good, other, _ = imagined(*[place(0)] * 3, values=[-9.0, -1.0, -1.0])
    assert other.rollout is not None
    lost = replace(
        other, rollout=replace(other.rollout, code=ErrorCode.OUT_OF_MEMORY), reason="oom"
    )
    scored = score_all([lost, good], lambda candidate, rollout: 0.0)
    assert best(scored) == 1
    assert scored[0].reason == "oom" and math.isnan(scored[0].score)


def test_value_needs_a_model_that_gives_one() -> None:
    with pytest.raises(WiwError) as caught:
        PlaceReviser("value").revise(context_with_goal(None), imagined(*[place(0)] * 3))
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_a_missing_goal_view_is_a_clear_error() -> None:
    episode = context_with_goal(None).episode
    with pytest.raises(WiwError) as caught:
        PlaceReviser().reset(episode)
    assert caught.value.code is ErrorCode.BAD_IMAGE
    PlaceReviser("value").reset(episode)


def test_a_panorama_as_goal_view_is_refused() -> None:
    goal = View("goal", place(0), Projection.EQUIRECTANGULAR)
    with pytest.raises(WiwError) as caught:
        PlaceReviser().reset(context_with_goal(goal).episode)
    assert caught.value.code is ErrorCode.BAD_IMAGE


def test_flat_frames_are_refused_because_places_need_all_headings() -> None:
    context = context_with_goal(photo(place(0), 0.0))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    flat = Candidate(PLANS[0], Rollout(0, place(0)[None], (1,), Projection.PERSPECTIVE))
    with pytest.raises(WiwError) as caught:
        reviser.revise(context, [flat])
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


def test_an_unknown_way_to_score_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(WiwError, match="perception") as caught:
        PlaceReviser("perceptoin")
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def at_a_place(rgb: Rgb, goal: View | None, privileges: tuple[str, ...] = ()) -> DecisionContext:
    context = context_with_goal(goal)
    view = View("panorama", rgb, Projection.EQUIRECTANGULAR)
    now = replace(context.now, views=(view,))
    episode = replace(context.episode, privileges=privileges)
    return replace(context, episode=episode, history=(now,))


def halfway(share: float) -> Rgb:
    """A place that is more like the goal's the nearer ``share`` is to 1."""
    mixed = share * place(0).astype(float) + (1.0 - share) * place(1)
    return np.asarray(mixed, np.uint8)


def test_without_the_oracle_stop_it_stops_where_the_photo_was_taken_and_not_elsewhere() -> None:
    goal = photo(place(0), 2 * TURN_RAD)
    for rgb, stops in ((place(0), True), (place(4), False)):
        context = at_a_place(rgb, goal)
        reviser = PlaceReviser()
        reviser.reset(context.episode)
        decision = reviser.glance(context)
        assert (decision is not None and decision.kind is DecisionKind.STOP) is stops


def test_with_the_oracle_stop_it_never_stops_by_itself() -> None:
    context = at_a_place(place(0), photo(place(0), 0.0), ("oracle_stop",))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    assert reviser.glance(context) is None


def test_one_doubtful_look_is_not_enough_to_stop_but_two_running_are() -> None:
    context = at_a_place(halfway(0.7), photo(place(0), 0.0))
    elsewhere = at_a_place(place(4), photo(place(0), 0.0))
    reviser = PlaceReviser(stop_distance=0.0, near_distance=0.9)
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    stop = reviser.glance(context)
    assert stop is not None and stop.kind is DecisionKind.STOP

    strict = PlaceReviser(stop_distance=0.0, near_distance=1e-6)
    strict.reset(context.episode)
    assert [strict.glance(c) for c in (context, elsewhere, context)] == [None] * 3


def test_the_true_value_needs_a_goal_photo_only_to_stop_by() -> None:
    context = at_a_place(place(0), None)
    with pytest.raises(WiwError) as caught:
        PlaceReviser(score_by="value").reset(context.episode)
    assert caught.value.code is ErrorCode.BAD_IMAGE
    PlaceReviser(score_by="value").reset(at_a_place(place(0), None, ("oracle_stop",)).episode)


def test_stopping_needs_a_panorama() -> None:
    context = at_a_place(place(0), photo(place(0), 0.0))
    flat = replace(context, history=(replace(context.now, views=(photo(place(0), 0.0),)),))
    reviser = PlaceReviser()
    reviser.reset(context.episode)
    with pytest.raises(WiwError) as caught:
        reviser.glance(flat)
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


@pytest.mark.parametrize("pair", [(0.2, 0.1), (-0.1, 0.1), (0.1, 1.5), (math.nan, 0.1)])
def test_distances_to_stop_at_that_are_out_of_order_are_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(WiwError) as caught:
        PlaceReviser(stop_distance=pair[0], near_distance=pair[1])
    assert caught.value.code is ErrorCode.BAD_PARAMETER
