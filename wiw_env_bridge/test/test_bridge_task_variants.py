"""The variants without privileges, the difficulty of episodes, and how it is measured."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from wiw_core.decisions import EpisodeStatus
from wiw_core.geometry import Pose2
from wiw_core.plans import navigation_plan
from wiw_env_bridge.episodes import VARIANTS, load_episodes
from wiw_env_bridge.episodes.making import ar, ignav
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.mujoco.goals import TASKS
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer


@pytest.fixture(scope="module")
def home():
    env = MujocoEnvironment(panorama_height=96, panorama_width=192, front_size=64)
    yield env
    env.close()


@pytest.fixture(scope="module")
def eye():
    renderer = Renderer((576, 1024), front_size=64)
    yield renderer
    renderer.close()


@pytest.mark.parametrize(("variant", "original"), VARIANTS.items())
def test_a_variant_has_the_very_episodes_of_its_original_under_its_own_name(variant, original):
    of_variant, of_original = load_episodes(variant), load_episodes(original)
    assert [r.id for r in of_variant] == [r.id for r in of_original]
    assert [r.start for r in of_variant] == [r.start for r in of_original]
    assert {r.task for r in of_variant} == {variant}


@pytest.mark.parametrize(
    ("task", "privileges"),
    [
        ("ar", ("target_box",)),
        ("ar_unboxed", ("first_target_box",)),
        ("ignav", ("oracle_stop",)),
        ("ignav_self_stop", ()),
    ],
)
def test_an_episode_names_what_its_task_grants_and_nothing_else(home, task, privileges):
    episode, _, _ = home.reset(task, home.episode_ids(task, limit=1)[0])
    assert (episode.task, episode.privileges) == (task, privileges)
    assert TASKS[task].privileges == privileges


@pytest.mark.parametrize(("task", "boxed_later"), [("ar", True), ("ar_unboxed", False)])
def test_the_box_is_shown_as_long_as_the_task_grants_it(task, boxed_later):
    env = MujocoEnvironment(views=("panorama",), front_size=64)
    try:
        _, first, _ = env.reset(task, env.episode_ids(task, limit=1)[0])
        assert first.view("panorama").target_box is not None
        start = env.snapshot()
        *_, last = env.act(navigation_plan(["turn_left"]))
        assert (last.observation.view("panorama").target_box is not None) is boxed_later
        env.restore(start)
        assert env.observe().view("panorama").target_box == first.view("panorama").target_box
    finally:
        env.close()


def test_without_the_oracle_stop_the_robot_may_drive_through_the_goal_and_is_judged_where_it_ends(
    home,
):
    record = load_episodes("ignav_self_stop")[0]
    _, _, done = home.reset("ignav_self_stop", record.id)
    assert not done
    goal = home._open.goal
    for pose, near in ((record.goal, True), (record.start, False)):
        assert not goal.reached(pose)
        assert goal.succeeded(pose, "") is near
    assert home.finish(20).status is EpisodeStatus.TRUNCATED


def test_difficulty_of_navigation_is_the_geodesic_distance():
    for record in load_episodes("ignav"):
        low, high = ignav.LEVELS_M[record.difficulty]
        assert low <= record.shortest_m <= high
    assert [ignav.level(m) for m in (1.0, 2.0, 3.0, 4.0)] == ["easy", "medium", "hard", "hard"]


def test_every_level_of_recognition_has_as_many_episodes_from_the_first_dozen_on():
    for split in ("val", "train"):
        levels = Counter(r.difficulty for r in load_episodes("ar") if r.split == split)
        assert set(levels) == set(ar.LEVELS)
        assert max(levels.values()) - min(levels.values()) <= 2
    assert Counter(r.difficulty for r in load_episodes("ar")[:12]) == dict.fromkeys(ar.LEVELS, 4)


def test_difficulty_of_recognition_is_the_share_of_the_object_that_is_seen(eye):
    for record in load_episodes("ar")[:4]:
        target = eye.layout(record.scene).target(record.target)
        share, pixels = eye.share_seen(record.scene, record.start, target)
        low, high = ar.LEVELS[record.difficulty]
        assert low <= share < high
        assert pixels >= ar.MIN_PIXELS


def test_the_aimed_view_counts_what_the_panorama_shows(eye):
    layout = eye.layout(7)
    rows, columns = np.nonzero(layout.grid.free)
    rng, compared = np.random.default_rng(0), 0
    for k in rng.integers(len(rows), size=12):
        pose = Pose2((columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M, rng.uniform(-3, 3))
        for target in layout.targets[::3]:
            pixels = eye.visible_fraction(7, pose, target) * 576 * 1024
            share, estimated = eye.share_seen(7, pose, target)
            assert 0.0 <= share <= 1.0
            assert estimated == pytest.approx(pixels, rel=0.15, abs=12)
            compared += pixels > 50
    assert compared >= 10


def test_taking_the_rest_of_the_home_away_leaves_it_as_it_was(eye):
    layout, pose = eye.layout(7), load_episodes("ar")[7].start
    before = eye.panorama_view(7, pose)
    share, _ = eye.share_seen(7, pose, layout.targets[0])
    after = eye.panorama_view(7, pose)
    assert math.isfinite(share)
    assert all(np.array_equal(a, b) for a, b in zip(before, after))
