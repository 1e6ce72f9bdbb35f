"""What recognising the boxed object promises."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from wiw_core.cameras import panorama
from wiw_core.conformance.examples import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Box, Observation, Projection, Rgb, View
from wiw_core.plans import camera_path, navigation_plan, prolonged
from wiw_core.rollouts import Rollout
from wiw_core.tasks.ar import ActiveRecognition
from wiw_planner_node.perception.crops import gaze_at_box, look
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.perception.target import follow, locate, sighting
from wiw_planner_node.perception.training import calibration_error
from wiw_planner_node.revisers.recognise import RecogniseReviser

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
LABELS = tuple(f"{c} {s}" for c in COLOURS for s in ("ball", "cube", "cylinder", "mug", "vase"))
RED, BLUE = (215, 25, 25), (30, 55, 215)
HEIGHT, WIDTH = 288, 512
CAMERA = T_BASE_OPTICAL.copy()
CAMERA[2, 3] = 1.0


def ball(x_m: float, y_m: float, colour: tuple[int, int, int] = RED) -> View:
    """A grey room with one shaded ball of 0.3 m, its middle 0.4 m above the floor."""
    centre = np.array([x_m, y_m, -0.6])
    range_m = float(np.linalg.norm(centre))
    rays = panorama.rays(HEIGHT, WIDTH)
    along = rays @ centre
    inside = along > math.sqrt(max(range_m**2 - 0.15**2, 0.0))
    off = np.linalg.norm(rays * along[..., None] - centre, axis=-1) / 0.15
    rgb = np.full((HEIGHT, WIDTH, 3), 140.0)
    shade = np.sqrt(np.clip(1.0 - off**2, 0.0, 1.0)) * 0.5 + 0.5
    rgb[inside] = (np.array(colour) * shade[..., None])[inside]
    depth = np.where(inside, range_m - 0.1, 3.0).astype(np.float32)
    rows, columns = np.nonzero(inside)
    start = int(columns.min())
    if columns.max() - start > WIDTH // 2:  # across the edge
        start = int(columns[columns > WIDTH // 2].min())
    across = int(((columns - start) % WIDTH).max()) + 1
    box = (start, int(rows.min()), start + across, int(rows.max()) + 1)
    kind = Projection.EQUIRECTANGULAR
    pixels = np.clip(rgb, 0, 255).astype(np.uint8)
    return View("panorama", pixels, kind, depth, T_base_camera=CAMERA, target_box=box)


def context_at(view: View | None, index: int = 0) -> DecisionContext:
    context = example_context(FakeEnvironment(), ActiveRecognition())
    views = () if view is None else (view,)
    now = Observation("e", index, views)
    episode = replace(context.episode, labels=LABELS, budget=10)
    return replace(context, episode=episode, history=(now,), index=index)


def reviser_for(context: DecisionContext, **parameters: object) -> RecogniseReviser:
    reviser = RecogniseReviser(**parameters)  # type: ignore[arg-type]
    reviser.reset(context.episode)
    return reviser


def decided(
    reviser: RecogniseReviser, context: DecisionContext, candidates: list[Candidate]
) -> Decision:
    """What the loop gets: the glance if it is enough, else the revision."""
    return reviser.glance(context) or reviser.revise(context, candidates)


def test_it_names_the_colour_of_a_ball_it_sees_well() -> None:
    for colour, pixels in (("red", RED), ("blue", BLUE)):
        context = context_at(ball(1.0, 0.0, pixels), index=9)
        bare = [Candidate(navigation_plan(["forward"]))]
        assert decided(reviser_for(context), context, bare).answer.startswith(colour)


def test_a_box_across_the_panoramas_edge_is_looked_at_whole() -> None:
    behind, ahead = ball(-1.2, 0.0), ball(1.2, 0.0)
    assert behind.target_box is not None and ahead.target_box is not None
    assert behind.target_box[2] > WIDTH
    crops = [
        look(v, gaze_at_box(v, b)) for v, b in ((v, v.target_box) for v in (behind, ahead)) if b
    ]
    assert np.abs(crops[0].astype(int) - crops[1].astype(int)).mean() < 2.0


def test_turning_on_the_spot_changes_nothing_in_the_crop() -> None:
    view = ball(1.5, 0.3)
    assert view.target_box is not None
    x0, y0, x1, y1 = view.target_box
    turned = replace(view, rgb=np.roll(view.rgb, 64, 1), target_box=(x0 + 64, y0, x1 + 64, y1))
    a, b = (look(v, gaze_at_box(v, v.target_box)) for v in (view, turned) if v.target_box)
    assert np.abs(a.astype(int) - b.astype(int)).max() <= 2


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (5, 9, 9, 9), (-1, 5, 9, 9), (600, 5, 610, 9), (5, 5, 9, 300), (5, 0, 600, 9)],
)
def test_a_box_outside_its_view_is_refused(box: Box) -> None:
    with pytest.raises(WiwError) as caught:
        gaze_at_box(ball(1.0, 0.0), box)
    assert caught.value.code is ErrorCode.BAD_IMAGE


def test_the_tracker_finds_the_object_where_it_is() -> None:
    observation = Observation("e", 0, (ball(1.6, -0.5),))
    seen = sighting(observation)
    assert seen is not None
    target = locate(seen, Pose2())
    np.testing.assert_allclose(target.place, [1.6, -0.5, -0.6], atol=0.15)
    assert 0.2 < target.size_m < 0.4


def test_it_answers_when_sure_and_not_before() -> None:
    context = context_at(ball(0.9, 0.0))
    eager = reviser_for(context, stop_confidence=0.01).glance(context)
    assert eager is not None and eager.kind is DecisionKind.ANSWER
    assert reviser_for(context, stop_confidence=1.0).glance(context) is None


def test_the_last_decision_of_the_budget_is_always_an_answer() -> None:
    context = context_at(None, index=9)
    decision = decided(reviser_for(context), context, [Candidate(navigation_plan(["forward"]))])
    assert decision.kind is DecisionKind.ANSWER
    assert decision.answer in LABELS
    assert decision.confidence == pytest.approx(1 / len(LABELS)), "never seen: a plain guess"


def test_the_most_confident_answer_so_far_is_kept() -> None:
    near, far = context_at(ball(0.9, 0.0)), context_at(ball(0.9, 2.5, BLUE), index=1)
    reviser = reviser_for(near, stop_confidence=1.0)
    reviser.glance(near)
    first = reviser.revise(near, [Candidate(navigation_plan(["forward"]))])
    reviser.glance(far)
    second = reviser.revise(far, [Candidate(navigation_plan(["forward"]))])
    assert second.confidence >= first.confidence
    blind = reviser.revise(context_at(None, 2), [Candidate(navigation_plan(["forward"]))])
    assert (blind.answer, blind.confidence) == (second.answer, second.confidence)


def test_a_new_episode_forgets_the_object_before() -> None:
    context = context_at(ball(0.9, 0.0))
    reviser = reviser_for(context, stop_confidence=1.0)
    reviser.glance(context)
    reviser.reset(context.episode)
    last = decided(reviser, context_at(None, index=9), [Candidate(navigation_plan(["forward"]))])
    assert last.confidence == pytest.approx(1 / len(LABELS))


def as_imagined(index: int, names: list[str], frame: Rgb) -> Candidate:
    rollout = Rollout(index, frame[None], (len(names),))
    return Candidate(navigation_plan(names), rollout)


def test_it_prefers_the_plan_after_which_the_object_is_seen() -> None:
    context = context_at(ball(1.6, 0.0))
    away, towards = ["turn_left"] * 2, ["forward"] * 2
    shown = ball(1.2, 0.0).rgb  # where two forwards lead
    hidden = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
    reviser = reviser_for(context, stop_confidence=1.0)
    decision = decided(
        reviser, context, [as_imagined(0, away, hidden), as_imagined(1, towards, shown)]
    )
    assert decision.chosen == 1
    assert decision.prefix_length == 1


def as_filmed(names: list[str], shows: set[int], count: int, place: Pose2) -> Candidate:
    """A plan that goes on with forwards to ``count`` actions; the object shows after some."""
    plan = navigation_plan(names)
    frames = []
    for k, pose in enumerate(camera_path(prolonged(plan, count))[1:], start=1):
        there = pose.inverse() * place
        empty = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
        frames.append(ball(there.x_m, there.y_m).rgb if k in shows else empty)
    return Candidate(plan, Rollout(0, np.stack(frames), tuple(range(1, count + 1))))


def score_of(candidate: Candidate, place: Pose2) -> float:
    context = context_at(ball(place.x_m, place.y_m))
    reviser = reviser_for(context, stop_confidence=1.0)
    return decided(reviser, context, [candidate]).candidates[0].score


def test_what_shows_sooner_counts_more_and_what_shows_only_past_the_plans_end_counts_too() -> None:
    aside = Pose2(0.0, 1.6)
    out_and_in = ["turn_right", "turn_right", "turn_left", "turn_left"]
    soon, late, past, never = (
        score_of(as_filmed(out_and_in, shows, 6, aside), aside) for shows in ({1}, {4}, {6}, set())
    )
    assert soon > late > past > never == 0.0


def test_nothing_is_credited_beyond_what_blocks_the_way() -> None:
    ahead = Pose2(1.6, 0.0)
    seen = [score_of(as_filmed(["forward"] * 4, {k}, 13, ahead), ahead) for k in (4, 13)]
    assert seen[0] > 0.0 and seen[1] == 0.0


def in_perspective(candidate: Candidate, size: tuple[int, int], fov_deg: float) -> Candidate:
    """The same film as a level camera that looks ahead shows it."""
    assert candidate.rollout is not None
    maps = panorama.perspective_map(*size, math.radians(fov_deg), 0.0, (HEIGHT, WIDTH))
    frames = [
        np.asarray(cv2.remap(f, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.uint8)
        for f in candidate.rollout.frames
    ]
    kind = Projection.PERSPECTIVE
    rollout = replace(candidate.rollout, frames=np.stack(frames), projection=kind)
    return replace(candidate, rollout=rollout)


@pytest.mark.parametrize(("size", "fov_deg"), [((288, 288), 90.0), ((288, 384), 90.0)])
def test_perspective_frames_are_read_like_panoramas_while_the_object_is_in_sight(
    size: tuple[int, int], fov_deg: float
) -> None:
    place = Pose2(2.4, 0.3)
    film = as_filmed(["forward"] * 4, {1, 2, 3, 4}, 4, place)
    round_about, in_front = (
        score_of(film, place),
        score_of(in_perspective(film, size, fov_deg), place),
    )
    assert in_front == pytest.approx(round_about, rel=0.1) and in_front > 0.0


def test_in_a_perspective_frame_an_object_out_of_sight_does_not_show() -> None:
    place = Pose2(2.0, 0.0)
    away = as_filmed(["turn_left"] * 4, {1, 2, 3, 4}, 4, place)
    assert score_of(away, place) > 0.0
    seen_at_first = score_of(in_perspective(away, (288, 288), 90.0), place)
    first_alone = score_of(
        in_perspective(as_filmed(["turn_left"] * 4, {1}, 4, place), (288, 288), 90.0), place
    )
    assert seen_at_first == first_alone > 0.0, "after two turns it is beside what the camera shows"
    half = as_filmed(["turn_left", "turn_left"], {2}, 2, Pose2(2.0, 0.0))
    assert score_of(in_perspective(half, (288, 288), 90.0), place) == 0.0, "on the edge is not in"


@pytest.mark.parametrize("value", [0.0, 1.1, math.nan])
def test_a_discount_that_is_no_share_is_refused(value: float) -> None:
    with pytest.raises(WiwError) as caught:
        RecogniseReviser(discount=value)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_the_object_is_followed_where_the_plan_would_show_it() -> None:
    context = context_at(ball(1.6, 0.4))
    names = ["turn_left", "forward", "forward"]
    there = camera_path(navigation_plan(names))[-1].inverse() * Pose2(1.6, 0.4)
    right, wrong = ball(there.x_m, there.y_m).rgb, ball(-there.x_m, -there.y_m).rgb
    reviser = reviser_for(context, stop_confidence=1.0)
    scores = [
        decided(reviser, context, [as_imagined(0, names, rgb)]).candidates[0].score
        for rgb in (right, wrong)
    ]
    assert scores[0] > scores[1]


def test_imagined_views_do_not_change_the_answer_unless_trusted() -> None:
    context = context_at(ball(3.0, 0.0))
    close = as_imagined(0, ["forward"] * 4, ball(2.2, 0.0, BLUE).rgb)
    for trusted in (False, True):
        reviser = reviser_for(context, stop_confidence=1.0, trust_imagination=trusted)
        reviser.glance(context)
        before = reviser.revise(context, [Candidate(close.plan)])
        after = reviser.revise(context, [close])
        assert after.confidence >= before.confidence
        if not trusted:
            assert (after.answer, after.confidence) == (before.answer, before.confidence)


def test_without_depth_the_object_cannot_be_followed() -> None:
    view = replace(ball(1.6, 0.0), depth=None)
    context = context_at(view)
    imagined = [as_imagined(0, ["forward"], view.rgb)]
    with pytest.raises(WiwError) as caught:
        decided(reviser_for(context, stop_confidence=1.0), context, imagined)
    assert caught.value.code is ErrorCode.DEPTH_REQUIRED
    bare = [Candidate(navigation_plan(["forward"]))]
    assert decided(reviser_for(context), context, bare).chosen in (0, -1), (
        "it is only needed to imagine"
    )


@pytest.mark.parametrize("labels", [(), ("teapot",), ("red ball", "red teapot"), ("",)])
def test_labels_it_was_not_taught_are_refused(labels: tuple[str, ...]) -> None:
    episode = replace(context_at(None).episode, labels=labels)
    with pytest.raises(WiwError) as caught:
        RecogniseReviser().reset(episode)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_probabilities_are_over_the_closed_set_and_sum_to_one() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    recogniser = Recogniser.shipped()
    for labels in (LABELS, ("red", "blue"), ("ball", "vase"), LABELS[:3]):
        p = recogniser.probabilities(crops, np.full(5, 30.0), labels)
        assert p.shape == (5, len(labels)) and np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-9)


def test_a_crop_far_larger_than_the_network_sees_is_not_aliased() -> None:
    view = ball(0.5, 0.0)
    big = replace(
        view,
        rgb=np.asarray(cv2.resize(view.rgb, (2048, 1152)), np.uint8),
        depth=None,
        target_box=tuple(4 * v for v in view.target_box or ()),  # type: ignore[arg-type]
    )
    a, b = (look(v, gaze_at_box(v, v.target_box)) for v in (view, big) if v.target_box)
    assert np.abs(a.astype(int) - b.astype(int)).mean() < 4.0


def test_calibration_error_is_zero_for_an_honest_coin_and_large_for_a_boaster() -> None:
    right = np.array([True, False] * 50)
    assert calibration_error(np.full(100, 0.5), right) == pytest.approx(0.0)
    assert calibration_error(np.full(100, 0.99), right) == pytest.approx(0.49)


@pytest.mark.parametrize("value", [0.0, 1.5, math.nan])
def test_a_stop_confidence_that_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(WiwError) as caught:
        RecogniseReviser(stop_confidence=value)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def half_hidden(view: View) -> View:
    """The same view with the left half of the boxed object behind something grey, box and all."""
    assert view.target_box is not None and view.depth is not None
    x0, y0, x1, y1 = view.target_box
    middle = (x0 + x1) // 2
    rgb, depth = view.rgb.copy(), view.depth.copy()
    rgb[y0:y1, x0:middle] = 140
    depth[y0:y1, x0:middle] = 0.5
    return replace(view, rgb=rgb, depth=depth, target_box=(middle, y0, x1, y1))


def test_an_object_half_hidden_at_first_is_taken_in_whole_once_it_shows_whole() -> None:
    whole = ball(1.6, 0.2)
    seen = sighting(Observation("e", 0, (half_hidden(whole),)))
    assert seen is not None and whole.target_box is not None
    gaze = follow(locate(seen, Pose2()), whole, Pose2())
    wanted = gaze_at_box(whole, whole.target_box)
    assert gaze is not None
    assert gaze.fov_rad == pytest.approx(wanted.fov_rad, rel=0.35)
    assert math.acos(min(1.0, float(gaze.direction @ wanted.direction))) < 0.2 * wanted.fov_rad


def test_nothing_is_followed_where_something_else_stands() -> None:
    seen = sighting(Observation("e", 0, (ball(1.6, 0.2),)))
    assert seen is not None
    target = locate(seen, Pose2())
    assert follow(target, ball(1.6, 0.2), Pose2()) is not None
    assert follow(target, ball(1.6, 0.2, BLUE), Pose2()) is None, "another colour"
    assert follow(target, ball(-1.6, 0.2), Pose2()) is None, "another place"


def test_with_the_first_box_only_the_object_is_followed_over_motion() -> None:
    first, moved = ball(1.6, 0.4), Pose2(0.4, 0.0, 0.3)
    there = moved.inverse() * Pose2(1.6, 0.4)
    later = replace(ball(there.x_m, there.y_m), target_box=None)
    start = context_at(first)
    start = replace(start, episode=replace(start.episode, privileges=("first_target_box",)))
    now = replace(start, history=(Observation("e", 2, (later,), moved),), index=1)
    for privileges, looks_again in ((("first_target_box",), True), (("target_box",), False)):
        reviser = reviser_for(start, stop_confidence=1.0)
        reviser.glance(start)
        was = reviser.revise(start, [Candidate(navigation_plan(["forward"]))]).confidence
        again = replace(now, episode=replace(now.episode, privileges=privileges))
        reviser.glance(again)
        confidence = reviser.revise(again, [Candidate(navigation_plan(["forward"]))]).confidence
        assert confidence >= was
        assert (reviser.sighted is not None) is looks_again


def test_following_without_a_box_needs_a_panorama() -> None:
    start = context_at(ball(1.6, 0.4))
    start = replace(start, episode=replace(start.episode, privileges=("first_target_box",)))
    reviser = reviser_for(start, stop_confidence=1.0)
    reviser.glance(start)
    with pytest.raises(WiwError) as caught:
        reviser.glance(replace(start, history=(Observation("e", 1, ()),), index=1))
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


def test_it_answers_at_once_when_an_imagined_view_makes_it_sure() -> None:
    context = context_at(ball(3.0, 0.0))
    close = as_imagined(0, ["forward"] * 4, ball(2.2, 0.0).rgb)
    eager = reviser_for(context, stop_confidence=1.0)
    eager.glance(context)
    confidence = eager.revise(context, [close]).confidence
    reviser = reviser_for(context, stop_confidence=confidence)
    if reviser.glance(context) is None:
        decision = reviser.revise(context, [close])
        assert decision.kind is DecisionKind.ANSWER
        assert decision.candidates[0].rollout is not None, "what it saw is kept for the record"


def test_an_imagined_view_counts_less_the_higher_its_temperature() -> None:
    context = context_at(half_hidden(ball(3.0, 0.0)))
    close = as_imagined(0, ["forward"] * 4, ball(2.2, 0.0).rgb)
    confidences = []
    for options in ({"trust_imagination": False}, {"imagined_temperature": 9.0}, {}):
        reviser = reviser_for(context, stop_confidence=1.0, **options)
        confidences.append(decided(reviser, context, [close]).confidence)
    assert confidences[0] == confidences[1] <= confidences[2]


@pytest.mark.parametrize("value", [0.5, math.nan, math.inf])
def test_a_temperature_that_would_make_imagination_surer_is_refused(value: float) -> None:
    with pytest.raises(WiwError) as caught:
        RecogniseReviser(imagined_temperature=value)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
