"""Question answering in apartments: what is seen is told, actions run out, answers are judged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import navigation_plan
from wiw_core.tasks.aeqa import NOUNS, PRIMITIVES, ActiveQuestionAnswering
from wiw_env_bridge.episodes import load_episodes
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.mujoco.questions.detections import RANGE_M
from wiw_env_bridge.mujoco.targets import SHAPES

SIZES = {"panorama_height": 96, "panorama_width": 192, "front_size": 64}


@pytest.fixture(scope="module")
def home():
    env = MujocoEnvironment(**SIZES)
    yield env
    env.close()


@pytest.fixture(scope="module")
def sharp():
    """An environment whose images are as large as the episodes were made with."""
    env = MujocoEnvironment()
    yield env
    env.close()


def begin(env, index=0):
    return env.reset("aeqa", env.episode_ids("aeqa")[index])


def truth_of(episode):
    return next(r for r in load_episodes("aeqa") if r.id == episode.id)


def spin(env, count):
    return list(env.act(navigation_plan(["turn_left"] * count), observe=False))


def test_a_policy_is_told_the_question_and_nothing_of_the_answer(home):
    episode, observation, done = begin(home)
    record = truth_of(episode)
    assert (episode.goal_text, done) == (record.question, False)
    assert episode.labels == ()
    assert episode.budget == ActiveQuestionAnswering().budget
    assert episode.privileges == ("object_detections",)
    [view] = observation.views
    assert (view.name, view.target_box) == ("panorama", None)
    assert view.depth is not None


def test_detections_are_nouns_near_the_robot_where_depth_says_that_they_are(sharp):
    checked = 0
    for index in range(3):
        _, observation, _ = begin(sharp, index)
        for thing in observation.objects:
            assert thing.name in NOUNS
            assert math.hypot(thing.x_m, thing.y_m) <= RANGE_M
            if thing.name in SHAPES:  # the middle of a chair is air
                # What is seen towards its middle is its surface, or what hides part of it.
                surface_m, middle_m = ray_to(thing, observation.views[0])
                assert surface_m < middle_m + 0.3
                checked += 1
    assert checked >= 3


def test_the_start_shows_nothing_that_the_answer_is_read_off(sharp):
    for index in range(3):
        episode, _, _ = begin(sharp, index)
        record = truth_of(episode)
        seen = sharp._renderer.panorama_census(record.scene, record.start, 576, 1024)
        assert seen
        assert not set(record.evidence) & set(seen)


def ray_to(thing, view):
    """Return metres to what is seen in the direction of a thing's middle, and to that middle."""
    height, width = view.size
    distance_m, down_m = math.hypot(thing.x_m, thing.y_m), view.T_base_camera[2, 3] - thing.z_m
    column = width / 2 - math.atan2(thing.y_m, thing.x_m) * width / (2 * math.pi)
    row = height / 2 + math.atan2(down_m, distance_m) * height / math.pi
    return view.depth[int(row), int(column) % width], math.hypot(distance_m, down_m)


def test_a_turn_turns_the_detections_with_the_robot(home):
    _, before, _ = begin(home)
    after = spin(home, 4)[-1].observation
    assert before.objects
    there = {(o.name, round(-o.y_m, 2), round(o.x_m, 2)) for o in after.objects}
    here = {(o.name, round(o.x_m, 2), round(o.y_m, 2)) for o in before.objects}
    assert len(here & there) > 0.6 * len(here)


def test_detections_can_be_switched_off():
    env = MujocoEnvironment(**SIZES, detections=False)
    try:
        episode, observation, _ = begin(env)
        assert observation.objects == ()
        assert episode.privileges == ()
    finally:
        env.close()


def test_other_tasks_are_told_of_no_objects(home):
    for task in ("ar", "ignav"):
        _, observation, _ = home.reset(task, home.episode_ids(task)[0])
        assert observation.objects == ()


def test_the_episode_ends_by_itself_when_its_actions_are_used_up(home):
    begin(home)
    taken = spin(home, PRIMITIVES - 10)
    assert not any(t.done for t in taken)
    last = spin(home, 14)
    assert [t.done for t in last] == [False] * 9 + [True]
    assert last[-1].observation.step == PRIMITIVES
    with pytest.raises(WiwError) as caught:
        spin(home, 1)
    assert caught.value.code is ErrorCode.NO_EPISODE
    assert home.finish(5).status is EpisodeStatus.TRUNCATED


def test_an_answer_counts_also_when_the_actions_are_used_up(home):
    episode, _, _ = begin(home)
    spin(home, PRIMITIVES)
    result = home.finish(5, truth_of(episode).answers[0])
    assert (result.status, result.score) == (EpisodeStatus.SUCCESS, 100.0)


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 5])
def test_right_answers_score_100_and_wrong_ones_0(home, index):
    episode, _, _ = begin(home, index)
    record = truth_of(episode)
    result = home.finish(1, record.answers[0])
    assert (result.success, result.score) == (True, 100.0)
    assert (result.shortest_m, result.answer) == (record.shortest_m, record.answers[0])
    begin(home, index)
    result = home.finish(1, "an elephant")
    assert (result.success, result.score) == (False, 0.0)
    assert result.status is EpisodeStatus.FAILURE


def test_a_partial_answer_scores_half_and_is_no_success(home):
    records = [r for r in load_episodes("aeqa") if r.split == "val" and r.partial]
    home.reset("aeqa", records[0].id)
    result = home.finish(1, records[0].partial[0])
    assert (result.success, result.score) == (False, 50.0)


def test_other_tasks_have_no_score(home):
    home.reset("ar", home.episode_ids("ar")[0])
    assert math.isnan(home.finish(1, "red ball").score)


def test_it_is_better_to_be_where_the_evidence_shows(home):
    for index in range(3):
        episode, _, _ = begin(home, index)
        record, state = truth_of(episode), home.snapshot()
        start = home.value()
        assert start == pytest.approx(-record.shortest_m, abs=0.05 + 0.04 * record.shortest_m)
        x, y = record.places[0]
        home.restore(type(state)(record.id, type(state.state)(Pose2(x, y))))
        assert home.value() == 0.0 > start


def test_the_same_episode_repeats_bit_exactly(home):
    _, first, _ = begin(home)
    _, again, _ = begin(home)
    assert first.objects == again.objects
    assert np.array_equal(first.views[0].rgb, again.views[0].rgb)
