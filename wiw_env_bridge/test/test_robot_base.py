"""Promises of the robot environment, on a simulated base that shows standard interfaces only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import TwistStamped
from robot_peers import (
    PATIENT,
    RobotUnderTest,
    code_of,
    environment_of,
    robot_process,
    written_profile,
)

from wiw_core.conformance import check_environment
from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import FORWARD_M, TURN_RAD, navigation_plan
from wiw_env_bridge.robot.environment import RobotEnvironment

pytestmark = pytest.mark.system
TASK, EPISODE = "ignav", "ignav-val-001"


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RobotUnderTest]:
    folder = tmp_path_factory.mktemp("robot")
    with robot_process(folder, image_noise=0.0, depth_noise=0.0, odom_noise=0.0) as robot:
        yield robot


@pytest.fixture(scope="module")
def env(robot: RobotUnderTest) -> Iterator[RobotEnvironment]:
    with environment_of(written_profile(robot.folder)) as env:
        assert env.tasks()
        yield env


@pytest.fixture(autouse=True)
def mended(robot: RobotUnderTest) -> Iterator[None]:
    yield
    robot.inject("")


def act(env: RobotEnvironment, *names: str, observe: bool = False) -> list[Any]:
    return list(env.act(navigation_plan(names), observe=observe))


def begun(env: RobotEnvironment) -> RobotEnvironment:
    env.reset(TASK, EPISODE)
    return env


def test_the_robot_environment_keeps_the_contract(robot: RobotUnderTest) -> None:
    tasks = {"kind": "simulated", "tasks": [TASK]}
    check_environment(RobotEnvironment(written_profile(robot.folder, referee=tasks)))


def test_a_plan_moves_the_robot_as_it_says_and_odometry_begins_with_the_episode(
    env: RobotEnvironment,
) -> None:
    episode, first, decided = env.reset(TASK, EPISODE)
    assert (episode.id, decided, first.step) == (EPISODE, False, 0)
    assert episode.goal_view is not None and [v.name for v in first.views] == ["front", "panorama"]
    *_, last = act(env, "turn_left", "turn_left", "turn_left", "turn_left", "forward", "forward")
    assert last.observation is not None and last.observation.step == 6
    pose = last.observation.base_pose
    assert pose.yaw_rad == pytest.approx(4 * TURN_RAD, abs=0.12)  # errors do not add up
    assert np.hypot(pose.x_m, pose.y_m) == pytest.approx(2 * FORWARD_M, abs=0.06)
    assert last.path_m == pytest.approx(FORWARD_M, abs=0.03)
    result = env.finish(1)
    assert result.actions == 6 and result.path_m == pytest.approx(2 * FORWARD_M, abs=0.06)
    assert env.motion()[1:] == (0.0, 0.0)


def test_pictures_are_of_after_the_motion(env: RobotEnvironment) -> None:
    begun(env)
    seen = [t.observation for t in act(env, "turn_left", "turn_left", observe=True)]
    assert all(o is not None for o in seen)
    columns = seen[0].views[1].rgb.shape[1] // 16
    turned = np.roll(seen[0].views[1].rgb.astype(int), columns, axis=1)
    same = np.abs(turned - seen[1].views[1].rgb).mean()
    old = np.abs(seen[0].views[1].rgb.astype(int) - seen[1].views[1].rgb).mean()
    assert same < 0.5 * old


def test_a_compressed_camera_with_a_fixed_place_shows_what_the_raw_one_with_tf_does(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    _, raw, _ = env.reset(TASK, EPISODE)
    half = 0.5
    cameras = {
        "front": {
            "image": "camera/image_raw/compressed",
            "compressed": True,
            "info": "camera/camera_info",
            "depth": "camera/depth/image_raw",
            "extrinsic": [0.0, 0.0, 1.0, -half, half, -half, half],
        }
    }
    text = yaml.safe_load(Path(written_profile(robot.folder)).read_text())
    path = robot.folder / "compressed.yaml"
    path.write_text(yaml.safe_dump({**text, "cameras": cameras}))
    with environment_of(str(path)) as other:
        _, seen, _ = other.reset(TASK, EPISODE)
    a, b = raw.views[0], seen.views[0]
    assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 6.0
    assert a.depth is not None and b.depth is not None and np.array_equal(a.depth, b.depth)
    assert np.allclose(a.T_base_camera, b.T_base_camera, atol=1e-6)
    assert np.allclose(a.intrinsics, b.intrinsics)


def test_an_interrupted_action_yields_what_it_came_to_and_the_robot_is_still(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    commands = robot.probe.record(TwistStamped, "/cmd_vel", 50)
    threading.Timer(0.3, env.hold).start()
    transitions = act(env, *["turn_left"] * 8)
    assert len(transitions) < 8
    assert transitions[-1].observation is not None
    assert transitions[-1].observation.step == len(transitions)
    robot.probe.until(
        lambda: bool(commands) and commands[-1][1].twist.angular.z == 0.0, 10.0, "zero velocity"
    )
    assert env.motion()[1:] == (0.0, 0.0)
    assert len(act(env, "turn_right")) == 1  # and it goes on when it is told to


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("reject_goals", "GOAL_REJECTED"),
        ("vanish_servers", "ACTION_SERVER_LOST"),
        ("odom_off", "STALE_OBSERVATION"),
        ("odom_degrees", "DISPLACEMENT_MISMATCH"),
        ("camera_off", "STALE_OBSERVATION"),
        ("bad_encoding", "BAD_IMAGE"),
        ("wrong_frame", "BAD_IMAGE"),
    ],
)
def test_a_fault_of_the_robot_ends_the_plan_with_its_code_and_the_next_episode_runs(
    fault: str, code: str, env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    with robot.faulty(fault):
        assert code_of(lambda: act(env, "turn_left", "turn_left", "turn_left")) == code
    result = env.finish(0, fault=ErrorCode[code], message="a fault")
    assert result.status is EpisodeStatus.ABORTED_FAULT and result.code.name == code
    assert len(act(begun(env), "turn_left")) == 1
    env.finish(0)


def test_a_picture_that_cannot_be_stops_the_motion_and_not_only_the_next_look(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    done = []
    plan = env.act(navigation_plan(["turn_left"] * 8), observe=False)
    with pytest.raises(WiwError) as caught:
        for transition in plan:
            done.append(transition)
            if len(done) == 1:
                robot.inject("bad_encoding")
    assert caught.value.code is ErrorCode.BAD_IMAGE
    assert len(done) <= 3


def test_a_reset_ends_when_the_robot_is_told_to_hold(env: RobotEnvironment) -> None:
    ended = threading.Event()

    def hold_until_it_ends() -> None:
        while not ended.wait(0.02):
            env.hold()

    holder = threading.Thread(target=hold_until_it_ends)
    holder.start()
    try:
        assert code_of(lambda: env.reset(TASK, EPISODE)) == "CANCELLED"
    finally:
        ended.set()
        holder.join()
    assert code_of(lambda: act(env, "forward")) == "NO_EPISODE"


def test_three_failures_in_a_row_are_a_fault_after_the_last_was_told(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    robot.inject("abort_goals")
    codes = [act(env, "turn_left", "turn_left")[-1].code for _ in range(2)]
    assert codes == [ErrorCode.ACTION_FAILED] * 2
    plan = env.act(navigation_plan(["turn_left", "turn_left"]))
    assert next(plan).code is ErrorCode.ACTION_FAILED
    with pytest.raises(WiwError) as caught:
        next(plan)
    assert caught.value.code is ErrorCode.ACTION_FAILED
    result = env.finish(3)
    assert (result.actions, result.failures) == (3, 3)


def test_a_camera_that_repeats_one_picture_while_the_robot_turns_is_found_out(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    robot.inject("frozen_camera")
    assert code_of(lambda: act(env, *["turn_left"] * 4, observe=True)) == "FROZEN_CAMERA"


def test_a_check_moves_nothing_and_refuses_what_act_would(
    env: RobotEnvironment, robot: RobotUnderTest
) -> None:
    begun(env)
    before = env.motion()[0]
    env.check(navigation_plan(["forward", "turn_left"]))
    assert env.motion()[0] == before
    robot.inject("odom_off")
    stream = env.parts.body.odometry.stream  # type: ignore[attr-defined]
    assert stream.wait(lambda _: stream.age_s() > 1.1, 20.0)
    assert code_of(lambda: env.check(navigation_plan(["forward"]))) == "STALE_OBSERVATION"


def test_a_panorama_by_turning_shows_what_the_360_degree_camera_does(
    robot: RobotUnderTest,
) -> None:
    turning = {"turning": "front", "turns": 8, "height": 64, "width": 128}
    around = written_profile(robot.folder, panorama=turning)
    text = Path(around).read_text().replace("  panorama:\n", "  all_around:\n", 1)
    Path(around).write_text(text)
    with environment_of(around) as env:
        _, seen, _ = env.reset(TASK, EPISODE)
        made, real = seen.view("panorama"), seen.view("all_around")

        assert made is not None and real is not None
        rows = slice(20, 44)  # a camera of 90 degrees sees so high all around
        assert made.rgb[rows].any(axis=2).mean() > 0.99
        off = np.abs(made.rgb[rows].astype(int) - real.rgb[rows]).mean()
        other = np.abs(np.roll(made.rgb[rows], 16, axis=1).astype(int) - real.rgb[rows]).mean()
        assert off < 0.4 * other
        assert made.depth is not None and real.depth is not None
        near = np.abs(made.depth[rows] - real.depth[rows]) < 0.15 * real.depth[rows]
        assert near.mean() > 0.8
        env.still_only = True
        assert code_of(lambda: env.reset(TASK, EPISODE)) == "DRY_RUN"


def test_image_goals_of_ones_own_are_judged_by_the_robots_pose(robot: RobotUnderTest) -> None:
    import cv2

    with environment_of(written_profile(robot.folder)) as env:
        _, seen, _ = env.reset(TASK, EPISODE)
        here = env.parts.where("odom")
        cv2.imwrite(str(robot.folder / "goal.png"), seen.views[0].rgb)
    (robot.folder / "mine.yaml").write_text(
        f"""
task: ignav_self_stop
frame: odom
success_m: 0.2
episodes:
  here: {{image: goal.png, goal: [{here.x_m}, {here.y_m}]}}
  there: {{image: goal.png, goal: [{here.x_m + 5.0}, {here.y_m}]}}
"""
    )
    pose = {"kind": "pose", "episodes": "mine.yaml"}
    with environment_of(written_profile(robot.folder, referee=pose)) as env:
        assert env.episode_ids("ignav_self_stop") == ("here", "there")
        episode, _, decided = env.reset("ignav_self_stop", "here")
        assert episode.goal_view is not None and not decided
        act(env, "turn_left")
        result = env.finish(1)
        assert result.success and result.final_distance_m < 0.1 and result.actions == 1
        env.reset("ignav_self_stop", "there")
        assert not env.finish(1).success


def test_a_robot_is_refused_without_its_transforms_and_driven_by_velocity_without_nav2(
    tmp_path: Path,
) -> None:
    with robot_process(tmp_path, behaviours=False, stamped=False, faults=["tf_off"]) as robot:
        timing = {**PATIENT["timing"], "server_wait_s": 4.0}  # half of it is for Nav2
        profile = written_profile(tmp_path, timing=timing)
        with environment_of(profile) as env:
            with pytest.raises(WiwError, match="camera_optical_frame") as caught:
                env.tasks()
            assert caught.value.code is ErrorCode.TF_UNAVAILABLE
            robot.inject("")
            begun(env)
            last = act(env, "turn_left", "turn_left", "turn_left", "turn_left", "forward")[-1]
            assert last.path_m == pytest.approx(FORWARD_M, abs=0.04)
            assert any("by velocity" in w for w in env.parts.link.warnings)
