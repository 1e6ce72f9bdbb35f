"""The fakes are real enough to test with."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes import room
from wiw_core.fakes.environment import FAULTS, FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.geometry import Pose2
from wiw_core.plans import navigation_plan


def test_walls_stand_where_the_room_says():
    view = room.panorama(Pose2(), 33, 64)
    assert view.depth is not None
    row = 16  # level
    ahead, left, back, right = (view.depth[row, c] for c in (32, 16, 0, 48))
    assert np.allclose([ahead, left, back, right], room.HALF_M, rtol=2e-3)
    colours = [view.rgb[row, c].argmax() for c in (32, 16, 0)]
    assert colours == [0, 1, 2]  # red ahead, green to the left, blue behind


def test_front_depth_is_along_the_optical_axis():
    view = room.front(Pose2(), 33)
    assert view.depth is not None
    assert np.allclose(view.depth[16, 5:28], room.HALF_M, atol=1e-5)


def test_a_wall_behind_the_robot_has_a_box_that_crosses_the_edge():
    view = room.panorama(Pose2(), 32, 64, target="blue")
    assert view.target_box is not None
    x0, y0, x1, y1 = view.target_box
    assert (x0, x1) == (56, 72) and 0 <= y0 < y1 <= 32
    assert room.front(Pose2(), 32, target="blue").target_box is None


def test_robot_stops_at_the_wall_and_says_so():
    env = FakeEnvironment()
    env.reset("ignav", "val_001")
    transitions = list(env.act(navigation_plan(["forward"] * 30)))
    assert transitions[-1].collided and transitions[-1].path_m == 0.0
    result = env.finish(1)
    assert result.collisions > 0 and result.path_m == pytest.approx(
        sum(t.path_m for t in transitions)
    )


def test_hold_interrupts_a_motion_and_the_iterator_ends_with_what_happened():
    env = FakeEnvironment(action_seconds=30.0)
    env.reset("ignav", "val_001")
    found: list = []
    thread = threading.Thread(
        target=lambda: found.extend(env.act(navigation_plan(["forward"] * 3)))
    )
    thread.start()
    moving = threading.Event()
    for _ in range(2000):
        if env.motion()[1] > 0:
            moving.set()
            break
        thread.join(0.005)
    assert moving.is_set()
    env.hold()
    thread.join(5.0)
    assert not thread.is_alive()
    assert len(found) == 1 and found[0].path_m < 0.2
    assert found[0].observation is not None
    assert env.motion()[1:] == (0.0, 0.0)


def test_hold_in_a_hang_frees_the_environment():
    env = FakeEnvironment(fault="hang")
    env.reset("ignav", "val_001")
    motion = env.act(navigation_plan(["forward"]))
    timer = threading.Timer(0.05, env.hold)
    timer.start()
    assert next(motion).path_m == 0.0
    timer.join()


def test_slow_motion_ends_exactly_where_instant_motion_does():
    ends = []
    for seconds in (0.0, 0.05):
        env = FakeEnvironment(action_seconds=seconds)
        env.reset("ignav", "val_001")
        last = list(env.act(navigation_plan(["turn_left", "forward"])))[-1].observation
        ends.append(last)
    assert ends[0].base_pose == ends[1].base_pose
    assert np.array_equal(ends[0].views[1].rgb, ends[1].views[1].rgb)


def test_an_ignav_result_knows_the_way_it_had_to_go():
    env = FakeEnvironment()
    for name in env.episode_ids("ignav"):
        env.reset("ignav", name)
        result = env.finish(0)
        assert result.shortest_m > 0.79 and result.final_distance_m == result.shortest_m
        assert 2 <= result.shortest_actions <= 20
        assert result.status is EpisodeStatus.FAILURE
    env.reset("ar", "val_000")
    assert math.isnan(env.finish(0).shortest_m)


def test_an_unknown_fault_is_refused_with_the_nearest_name():
    with pytest.raises(WiwError, match="Did you mean 'crash'") as caught:
        FakeEnvironment(fault="crsh")
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    with pytest.raises(WiwError):
        FakeWorldModel("nope")
    assert "none" in FAULTS


def test_a_no_op_model_gives_frames_of_any_size_without_work():
    from wiw_core.rollouts import RolloutRequest

    env = FakeEnvironment()
    _, observation, _ = env.reset("ignav", "val_001")
    plans = tuple(navigation_plan([n] * 14) for n in ("forward", "turn_left", "turn_right"))
    model = FakeWorldModel(no_op=True, height=256, width=256)
    rollouts = list(model.rollout(RolloutRequest((observation,), plans, (14, 14, 14))))
    assert [r.frames.shape for r in rollouts] == [(14, 256, 256, 3)] * 3
    assert rollouts[0].frames.base is not None  # a view of one prepared array
