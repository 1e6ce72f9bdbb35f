"""The environment stops when told, judges truly, and its state can be restored."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from wiw_core.conformance.environment import check_environment
from wiw_core.contracts import Cloneable, Environment
from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection
from wiw_core.plans import FORWARD_M, navigation_plan
from wiw_core.registry import ENVIRONMENTS, Registry
from wiw_env_bridge.episodes import load_episodes
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.mujoco.navigation import CELL_M

SMALL = {"panorama_height": 96, "panorama_width": 192, "front_size": 64}


@pytest.fixture(scope="module")
def env():
    env = MujocoEnvironment(**SMALL)
    yield env
    env.close()


@pytest.fixture
def slow():
    """An environment in which one primitive takes a minute."""
    env = MujocoEnvironment(**SMALL, action_seconds=60.0)
    yield env
    env.close()


def first(env, task="ignav"):
    return env.reset(task, env.episode_ids(task)[0])


def until(condition, timeout_s=10.0):
    """Wait, bounded, until the condition holds."""
    idle = threading.Event()
    for _ in range(int(timeout_s / 0.005)):
        if condition():
            return True
        idle.wait(0.005)
    return False


def refused(code, call):
    with pytest.raises(WiwError) as caught:
        call()
    assert caught.value.code is code
    return str(caught.value)


def test_it_conforms():
    check_environment(MujocoEnvironment(**SMALL))


def test_it_is_registered_and_is_what_the_contracts_ask():
    env = Registry(ENVIRONMENTS).create("mujoco", **SMALL)
    try:
        assert isinstance(env, Environment)
        assert isinstance(env, Cloneable)
        assert {"aeqa", "ar", "ignav"} <= set(env.tasks())
    finally:
        env.close()


def test_same_episode_gives_the_same_pixels_in_another_environment(env):
    _, here, _ = first(env)
    other = MujocoEnvironment(**SMALL)
    try:
        _, there, _ = first(other)
    finally:
        other.close()
    for a, b in zip(here.views, there.views):
        assert np.array_equal(a.rgb, b.rgb)
        assert np.array_equal(a.depth, b.depth)


def test_default_views_have_the_protocols_sizes():
    env = MujocoEnvironment()
    try:
        episode, observation, _ = first(env)
    finally:
        env.close()
    front, panorama = observation.view("front"), observation.view("panorama")
    assert (front.size, panorama.size) == ((512, 512), (576, 1024))
    assert front.projection is Projection.PERSPECTIVE
    assert panorama.projection is Projection.EQUIRECTANGULAR
    assert front.intrinsics[0, 0] == pytest.approx(256.0)  # 90 degrees
    assert front.T_base_camera[2, 3] == panorama.T_base_camera[2, 3] == 1.0
    assert episode.goal_view is not None
    assert episode.goal_view.size == (512, 512)


def test_only_the_views_that_are_asked_for_are_drawn():
    env = MujocoEnvironment(**SMALL, views=("panorama",))
    try:
        assert [v.name for v in first(env)[1].views] == ["panorama"]
    finally:
        env.close()


def test_sixteen_left_turns_come_back_to_the_same_view(env):
    _, before, _ = first(env)
    *_, last = env.act(navigation_plan(["turn_left"] * 16), observe=False)
    after = last.observation
    assert after.base_pose.distance_m(before.base_pose) < 1e-9
    assert abs(after.base_pose.yaw_rad) < 1e-9
    assert last.path_m == 0.0
    difference = np.abs(
        after.view("panorama").rgb.astype(int) - before.view("panorama").rgb.astype(int)
    )
    assert difference.mean() < 0.1


def test_contact_is_told_and_ends_the_forward_short(env):
    first(env)
    transitions = list(env.act(navigation_plan(["forward"] * 80), observe=False))
    blocked = [t for t in transitions if t.collided]
    assert blocked
    assert all(t.path_m < FORWARD_M for t in blocked)
    assert all(t.path_m == pytest.approx(FORWARD_M) for t in transitions if not t.collided)
    result = env.finish(1)
    assert result.collisions == len(blocked)
    assert result.path_m == pytest.approx(sum(t.path_m for t in transitions))


def test_snapshot_and_restore_are_bit_exact(env):
    first(env)
    list(env.act(navigation_plan(["forward", "turn_left", "forward"]), observe=False))
    before, state, motion = env.observe(), env.snapshot(), env.motion()
    list(env.act(navigation_plan(["turn_right"] * 3 + ["forward"] * 4), observe=False))
    env.restore(state)
    after = env.observe()
    assert (after.step, after.base_pose) == (before.step, before.base_pose)
    assert env.snapshot() == state
    assert env.motion() == motion
    for a, b in zip(before.views, after.views):
        assert np.array_equal(a.rgb, b.rgb)
        assert np.array_equal(a.depth, b.depth)


def test_a_snapshot_of_another_episode_is_refused(env):
    first(env)
    state = env.snapshot()
    env.reset("ignav", env.episode_ids("ignav")[1])
    assert env.episode_ids("ignav")[0] in refused(
        ErrorCode.ENVIRONMENT_MISMATCH, lambda: env.restore(state)
    )


def test_hold_stops_the_robot_in_mid_motion(slow):
    first(slow)
    taken = []
    plan = navigation_plan(["turn_left", "forward"])
    worker = threading.Thread(target=lambda: taken.extend(slow.act(plan)), daemon=True)
    worker.start()
    assert until(lambda: slow.motion()[2] > 0.0)
    slow.hold()
    worker.join(timeout=10.0)
    assert not worker.is_alive()
    (transition,) = taken
    pose, speed, rate = slow.motion()
    assert (speed, rate) == (0.0, 0.0)
    assert transition.observation.base_pose == pose
    assert 0.0 < pose.yaw_rad < math.radians(22.5) / 2
    assert transition.observation.step == 1


def test_hold_between_actions_ends_the_motion_there(env):
    first(env)
    motion = env.act(navigation_plan(["turn_left"] * 3))
    assert next(motion).observation.step == 1
    env.hold()
    assert list(motion) == []
    assert env.observe().step == 1
    assert len(list(env.act(navigation_plan(["turn_left"])))) == 1  # a new plan moves again


def test_a_plan_of_an_abandoned_episode_moves_nothing_in_the_next(env):
    first(env)
    motion = env.act(navigation_plan(["turn_left"] * 3))
    next(motion)
    first(env, "ar")
    assert list(motion) == []
    assert env.observe().step == 0


def test_motion_in_real_time_ends_where_instant_motion_does():
    plan = navigation_plan(["forward", "turn_left", "forward"])
    ends = []
    for seconds in (0.0, 0.03):
        env = MujocoEnvironment(**SMALL, action_seconds=seconds)
        try:
            first(env)
            *_, last = env.act(plan, observe=False)
            ends.append((last.observation.base_pose, last.path_m))
        finally:
            env.close()
    assert ends[0] == ends[1]


def test_oracle_stop_ends_image_goal_navigation_within_the_radius(env):
    record = load_episodes("ignav")[0]
    _, _, done = env.reset("ignav", record.id)
    assert not done
    layout = env._open.layout
    field = layout.grid.distances_to(record.goal.x_m, record.goal.y_m)
    transitions = drive_to(env, field)
    assert transitions[-1].done
    assert not any(t.done for t in transitions[:-1])
    refused(ErrorCode.NO_EPISODE, lambda: list(env.act(navigation_plan(["forward"]))))
    result = env.finish(len(transitions))
    assert result.success
    assert result.status is EpisodeStatus.SUCCESS
    assert result.final_distance_m <= 0.5
    assert result.actions == len(transitions) >= result.shortest_actions
    assert result.shortest_m == record.shortest_m


def drive_to(env, field):
    """Go down the distance field: turn to the best heading, then forward."""
    taken = []
    for _ in range(200):
        pose = env.snapshot().state.pose
        gains = []
        for k in range(16):
            yaw = pose.yaw_rad + k * math.pi / 8
            x, y = pose.x_m + 0.2 * math.cos(yaw), pose.y_m + 0.2 * math.sin(yaw)
            gains.append(field.metres(x, y))
        best = int(np.argmin(gains))
        turns = ["turn_left"] * best if best <= 8 else ["turn_right"] * (16 - best)
        taken += env.act(navigation_plan([*turns, "forward"]), observe=False)
        if taken[-1].done:
            break
    return taken


@pytest.mark.parametrize(
    ("task", "decisions", "fault", "status"),
    [
        ("ignav", 20, ErrorCode.OK, EpisodeStatus.TRUNCATED),
        ("ignav", 3, ErrorCode.OK, EpisodeStatus.FAILURE),
        ("ar", 10, ErrorCode.OK, EpisodeStatus.FAILURE),
        ("ignav", 3, ErrorCode.WM_DIED, EpisodeStatus.ABORTED_FAULT),
        ("ar", 3, ErrorCode.ABORTED_BY_USER, EpisodeStatus.ABORTED_USER),
    ],
)
def test_an_episode_that_was_not_solved_ends_as_what_it_is(env, task, decisions, fault, status):
    first(env, task)
    result = env.finish(decisions, "no such label", 0.5, fault, "why")
    assert (result.status, result.code, result.success) == (status, fault, False)
    assert (result.answer, result.confidence, result.message) == ("no such label", 0.5, "why")
    refused(ErrorCode.NO_EPISODE, lambda: env.finish(1))


def test_the_right_answer_succeeds_and_a_fault_never_does(env):
    record = load_episodes("ar")[0]
    episode, _, _ = env.reset("ar", record.id)
    assert record.label in episode.labels
    assert episode.privileges == ("target_box",)
    assert math.isnan(env.finish(1).final_distance_m)
    env.reset("ar", record.id)
    assert env.finish(1, record.label).status is EpisodeStatus.SUCCESS
    env.reset("ar", record.id)
    assert not env.finish(1, record.label, fault=ErrorCode.WM_DIED).success


def test_the_target_is_boxed_in_the_panorama_at_every_start():
    env = MujocoEnvironment(views=("panorama",))
    try:
        for name in env.episode_ids("ar")[:4]:
            _, observation, _ = env.reset("ar", name)
            x0, y0, x1, y1 = observation.view("panorama").target_box
            assert 0 <= x0 < 1024 and x0 < x1 <= x0 + 1024
            assert 0 <= y0 < y1 <= 576
    finally:
        env.close()


def test_a_policy_is_not_told_where_the_goal_is(env):
    episode, observation, _ = first(env)
    assert episode.privileges == ("oracle_stop",)
    assert episode.goal_view.depth is None
    assert not episode.labels
    assert observation.base_pose.distance_m(Pose2()) < 1e-9


def test_bad_input_is_refused_in_one_sentence(env):
    assert "ignav" in refused(ErrorCode.UNKNOWN_TASK, lambda: env.reset("ignaw", "x"))
    assert "ignav-val-" in refused(
        ErrorCode.UNKNOWN_EPISODE, lambda: env.reset("ignav", "ignav-val-00")
    )
    for wrong in (
        {"panorama_width": 1000},
        {"panorama_height": 0},
        {"front_size": 0},
        {"action_seconds": math.nan},
        {"action_seconds": -1.0},
        {"views": ("panoram",)},
    ):
        refused(ErrorCode.BAD_PARAMETER, lambda wrong=wrong: MujocoEnvironment(**wrong))


def test_any_thread_may_ask_for_pictures(env):
    first(env)
    seen = []
    worker = threading.Thread(target=lambda: seen.append(env.observe()), daemon=True)
    worker.start()
    worker.join(timeout=30.0)
    assert np.array_equal(seen[0].view("front").rgb, env.observe().view("front").rgb)


def test_the_robot_starts_on_free_floor_inside_the_grid(env):
    first(env)
    state, grid = env.snapshot().state, env._open.layout.grid
    assert grid.free[math.floor(state.pose.y_m / CELL_M), math.floor(state.pose.x_m / CELL_M)]
