"""The table as an environment: views that fit the geometry, plans, failures, and the end."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from tabletop_blocks import TOP_M, blocks_episodes

from wiw_core.arm import TOOL_POSE, tool_pose, tool_voxel
from wiw_core.cameras import pinhole
from wiw_core.conformance.promise import check_observation
from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, Plan
from wiw_env_bridge.tabletop import episodes
from wiw_env_bridge.tabletop.cameras import CAMERAS
from wiw_env_bridge.tabletop.environment import TabletopEnvironment

TASK = "push_buttons"
SMALL = (0.2, 0.1, TOP_M + 0.02)


@pytest.fixture(scope="module")
def tables():
    """One environment per set of parameters: a GL context each is enough."""
    made: dict[tuple, TabletopEnvironment] = {}
    yield lambda **given: made.setdefault(
        tuple(sorted(given.items())), TabletopEnvironment(image_size=96, **given)
    )
    for env in made.values():
        env.close()


@pytest.fixture(autouse=True)
def blocks(monkeypatch):
    monkeypatch.setattr(episodes, "load", blocks_episodes)


@pytest.fixture
def env(tables):
    return tables()


def reach(x, y, z, opened=True):
    return tool_pose(Pose3(x, y, z, 1.0, 0.0, 0.0, 0.0), opened)


LIFT = Plan(
    (
        reach(0.2, 0.1, 0.9),
        reach(*SMALL),
        reach(*SMALL, opened=False),
        reach(0.2, 0.1, 0.9, opened=False),
        reach(0.3, 0.1, 0.9, opened=False),
    )
)
IMPOSSIBLE = reach(0.69, 0.49, 0.8)


def begin(env, index=0):
    return env.reset(TASK, env.episode_ids(TASK)[index])


def points(view):
    """Where each pixel is in the table's frame, (H, W, 3) metres."""
    local = pinhole.unproject(view.depth, view.intrinsics)
    return local @ view.T_base_camera[:3, :3].T + view.T_base_camera[:3, 3]


def red(view):
    r, g, b = (view.rgb[..., k].astype(int) for k in range(3))
    return (r > 90) & (g < r // 3) & (b < r // 3)


@pytest.mark.parametrize("name", CAMERAS)
def test_each_cameras_pixels_lie_where_the_world_is(tables, name):
    env = tables(views=tuple(CAMERAS))
    begin(env)
    (moved,) = env.act(Plan((reach(0.14, 0.1, 0.93),)))
    view = moved.observation.view(name)
    check_observation(moved.observation)
    seen = points(view)
    block = seen[red(view)]
    assert len(block) > 5, f"the red block is not in the picture of {name}"
    assert np.all(np.abs(block - SMALL) < 0.026)  # 40 x 30 x 40 mm, and a pixel's blur
    brown = (np.abs(seen[..., 2] - TOP_M) < 0.004).mean()
    assert brown > 0.15, "a good part of the picture must lie in the table's plane"


def test_the_wrist_camera_moves_with_the_tool(tables):
    env = tables(views=tuple(CAMERAS))
    _, first, _ = begin(env)
    (moved,) = env.act(Plan((reach(0.3, -0.1, 0.9),)))
    now = moved.observation
    for name in CAMERAS:
        before, after = (o.view(name).T_base_camera for o in (first, now))
        assert np.array_equal(before, after) == (name != "wrist")
    shift = now.view("wrist").T_base_camera[:3, 3] - first.view("wrist").T_base_camera[:3, 3]
    assert np.allclose(shift, now.tool_pose.position - first.tool_pose.position, atol=2e-3)


def test_a_policy_feels_the_arm_and_is_told_anonymous_centroids_in_order_of_y(env):
    episode, first, done = begin(env)
    assert not done and episode.budget == 3
    assert episode.goal_text == "lift the small block" and episode.difficulty == "easy"
    assert episode.privileges == ("object_centroids", "oracle_stop")
    assert [name for name, _ in first.joints] == [
        *(f"panda_joint{k}" for k in range(1, 8)),
        "panda_finger_joint1",
        "panda_finger_joint2",
    ]
    assert first.gripper == pytest.approx(1.0, abs=0.01)
    assert first.tool_pose.z_m == pytest.approx(1.237, abs=0.002)
    assert [o.name for o in first.objects] == ["object 1", "object 2"]
    assert [round(o.y_m, 2) for o in first.objects] == [-0.2, 0.1]


def test_centroids_can_be_withheld_and_then_are_no_privilege(tables):
    episode, first, _ = begin(tables(centroids=False))
    assert first.objects == () and episode.privileges == ("oracle_stop",)


def test_reaching_the_goal_ends_the_plan_and_the_episode(env):
    begin(env)
    steps = list(env.act(LIFT, observe=False))
    assert [s.done for s in steps] == [False, False, False, True]
    assert steps[-1].observation.step == 4 and steps[0].observation is None
    with pytest.raises(WiwError) as caught:
        env.act(LIFT)
    assert caught.value.code is ErrorCode.NO_EPISODE
    result = env.finish(1)
    assert (result.status, result.success, result.actions) == (EpisodeStatus.SUCCESS, True, 4)
    assert result.path_m == pytest.approx(sum(s.path_m for s in steps))
    assert 0.5 < result.path_m < 1.0
    assert (result.collisions, result.failures) == (0, 0)
    assert math.isnan(result.shortest_m) and math.isnan(result.final_distance_m)


@pytest.mark.parametrize("decisions", [2, 3])
def test_an_episode_without_its_goal_is_a_failure_or_was_cut_off_by_its_budget(env, decisions):
    begin(env)
    list(env.act(LIFT.prefix(2), observe=False))
    expected = {2: EpisodeStatus.FAILURE, 3: EpisodeStatus.TRUNCATED}[decisions]
    assert env.finish(decisions).status is expected


def test_an_action_that_cannot_be_done_ends_the_plan_and_the_next_plan_goes_on(env):
    begin(env)
    steps = list(env.act(Plan((LIFT.actions[0], IMPOSSIBLE, LIFT.actions[1]))))
    assert [s.code for s in steps] == [ErrorCode.OK, ErrorCode.IK_FAILED]
    still, tried = (s.observation for s in steps)
    assert (tried.step, tried.joints) == (2, still.joints)
    assert steps[1].path_m == 0.0
    (after,) = env.act(LIFT.prefix(1))
    assert after.code is ErrorCode.OK
    assert env.finish(2).failures == 1


def test_pressing_on_the_table_counts_as_a_collision(env):
    begin(env)
    (step,) = env.act(Plan((reach(0.1, 0.0, 0.7),)))
    assert step.collided and step.code is ErrorCode.OK
    assert env.finish(1).collisions == 1


def test_voxels_move_it_as_poses_do(env):
    begin(env)
    voxel = tool_voxel(Pose3(0.205, 0.105, 0.905, 1.0, 0.0, 0.0, 0.0), True)
    (step,) = env.act(Plan((voxel,)))
    pose = step.observation.tool_pose
    assert np.allclose(pose.position, (0.205, 0.105, 0.905), atol=2e-3)


@pytest.mark.parametrize("values", [(0.2, 0.1, 0.9, 0, 0, 0, 0, 1), (0.2, 0.1, 1.7, 1, 0, 0, 0, 1)])
def test_a_pose_that_is_none_is_refused_before_anything_moves(env, values):
    _, first, _ = begin(env)
    bad = Action(TOOL_POSE.name, tuple(map(float, values)))
    with pytest.raises(WiwError) as caught:
        list(env.act(Plan((LIFT.actions[0], bad))))
    assert caught.value.code is ErrorCode.ACTION_OUT_OF_LIMITS
    assert env.observe().joints == first.joints


def test_hold_from_another_thread_stops_the_arm_in_the_middle_of_a_slow_motion(tables):
    env = tables(speed=0.02)  # undisturbed, the first action would take more than a minute
    begin(env)
    ended: list[list] = []
    drive = threading.Thread(target=lambda: ended.append(list(env.act(LIFT))))
    drive.start()
    timer = threading.Timer(0.5, env.hold)
    timer.start()
    drive.join(30.0)
    assert not drive.is_alive()
    (steps,) = ended
    assert len(steps) == 1
    assert 0.0 <= steps[0].path_m < 0.2
    assert steps[0].observation.step == 1
    assert steps[0].observation.tool_pose.z_m > 1.1


def test_hold_before_a_plan_does_not_stop_the_next_one(env):
    begin(env)
    env.hold()
    assert len(list(env.act(LIFT.prefix(2)))) == 2


def test_a_snapshot_of_another_episode_is_refused(env):
    begin(env)
    state = env.snapshot()
    begin(env, 1)
    with pytest.raises(WiwError) as caught:
        env.restore(state)
    assert caught.value.code is ErrorCode.ENVIRONMENT_MISMATCH


@pytest.mark.parametrize(
    "given", [{"image_size": 5}, {"views": ("nose",)}, {"speed": -1.0}, {"speed": math.nan}]
)
def test_a_bad_parameter_is_refused(given):
    with pytest.raises(WiwError) as caught:
        TabletopEnvironment(**given)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
