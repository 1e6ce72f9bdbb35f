"""The simulated base over the wire: its commands, its behaviour server and its referee."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from action_msgs.srv import CancelGoal
from nav2_msgs.action import DriveOnHeading, Spin
from rclpy.action import get_action_names_and_types
from simulated_base_rig import EPISODE, SimulatedBaseRig
from simulated_robot_rig import ABORTED, CANCELED, SUCCEEDED
from tf2_msgs.msg import TFMessage

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.geometry import wrap
from wiw_env_bridge.episodes import load_episodes
from wiw_msgs.srv import ListEpisodes
from wiw_ros.action import SafeActionClient
from wiw_ros.qos import LATCHED
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
DRIVE, SPIN = DriveOnHeading.Result, Spin.Result


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBaseRig]:
    with own_domain() as domain, Probe(domain) as probe:
        robot = SimulatedBaseRig(probe, tmp_path_factory.mktemp("base"))
        try:
            robot.until_ready()
            yield robot
        finally:
            robot.close()


@pytest.fixture(autouse=True)
def sound(robot: SimulatedBaseRig) -> Iterator[None]:
    """Each test leaves the robot without faults and standing."""
    yield
    assert robot.inject("").code == ErrorCode.OK
    robot.until_still()


def test_it_drives_and_turns_to_a_centimetre_and_a_degree_and_tells_how_far(
    robot: SimulatedBaseRig,
) -> None:
    robot.reset()
    robot.turn_to_room()
    told: list[float] = []
    before = robot.until_still()
    status, result = robot.drive(0.2, feedback=lambda m: told.append(m.distance_traveled))
    driven = before.inverse() * robot.until_still()
    assert (status, result.error_code) == (SUCCEEDED, DRIVE.NONE)
    assert result.total_elapsed_time.sec + result.total_elapsed_time.nanosec > 0
    # the machine that runs the tests may be busy: a centimetre of its own is granted
    assert driven.x_m == pytest.approx(0.2, abs=0.02)
    assert abs(driven.y_m) < 0.01 and abs(driven.yaw_rad) < math.radians(1.0)
    assert len(told) > 5 and max(told) == pytest.approx(driven.x_m, abs=0.02)

    before = robot.until_still()
    status, result = robot.spin(-22.5, feedback=lambda m: told.append(m.angular_distance_traveled))
    turned = before.inverse() * robot.until_still()
    assert (status, result.error_code) == (SUCCEEDED, SPIN.NONE)
    assert math.degrees(turned.yaw_rad) == pytest.approx(-22.5, abs=2.0)
    assert math.hypot(turned.x_m, turned.y_m) < 0.005
    assert min(told) == pytest.approx(turned.yaw_rad, abs=math.radians(2.0))


def test_every_motion_is_on_the_command_topic_and_ends_with_zero(robot: SimulatedBaseRig) -> None:
    robot.until(lambda: bool(robot.commands), "a command seen")
    seen = len(robot.commands)
    robot.spin(22.5)
    robot.until(
        lambda: len(robot.commands) > seen + 2 and robot.commands[-1][1].twist.angular.z == 0.0,
        "a last zero command",
    )
    sent = [m for _, m in robot.commands[seen:]]
    assert max(m.twist.angular.z for m in sent) > 0.3
    assert {m.header.frame_id for m in sent} == {"base_link"}
    assert all(m.header.stamp.sec for m in sent)


def test_a_wall_ends_a_drive_with_the_code_before_it_is_touched(robot: SimulatedBaseRig) -> None:
    robot.reset()
    robot.turn_to_room()
    status, result = robot.drive(20.0)
    assert (status, result.error_code) == (ABORTED, DRIVE.COLLISION_AHEAD)
    verdict = robot.finish(decisions=1).result
    assert verdict.collisions == 0


def test_pushing_against_a_wall_with_raw_commands_is_a_collision(robot: SimulatedBaseRig) -> None:
    robot.reset()
    seen = len(robot.odom)

    def stopped_by_something() -> bool:
        robot.command(0.3)
        fast = any(m.twist.twist.linear.x > 0.2 for _, m in robot.odom[seen:])
        return fast and robot.twist()[0] < 0.1

    robot.until(stopped_by_something, "contact", 40.0)
    robot.command(0.0)
    robot.until_still()
    verdict = robot.finish(decisions=1).result
    assert verdict.collisions == 1
    assert verdict.path_m > 0.0


def test_the_watchdog_stops_a_base_whose_controller_falls_silent(robot: SimulatedBaseRig) -> None:
    def turning() -> bool:
        robot.command(0.0, 0.8)
        return robot.twist()[1] > 0.5

    robot.until(turning, "turning")
    robot.until_still()  # without another command


def test_a_command_that_is_too_old_or_no_number_is_ignored_and_said(
    robot: SimulatedBaseRig,
) -> None:
    for speed, age_s, says in ((0.3, 5.0, "s old is ignored"), (math.nan, 0.0, "not finite")):
        assert robot.inject("").code == ErrorCode.OK
        before = robot.until_still()

        def refused(speed: float = speed, age_s: float = age_s, says: str = says) -> bool:
            robot.command(speed, age_s=age_s)
            return says in robot.process.output

        robot.until(refused, says)
        assert robot.until_still() == before


@pytest.mark.parametrize(
    ("target", "speed"), [((0.2, 0.0), -0.2), ((0.2, 0.1), 0.2), ((0.2, 0.0), 0.0)]
)
def test_a_goal_that_nav2_would_not_take_is_invalid_input(
    robot: SimulatedBaseRig, target: tuple[float, float], speed: float
) -> None:
    goal = DriveOnHeading.Goal(speed=speed)
    goal.target.x, goal.target.y = target
    answer = robot.probe.result(robot.probe.send(DriveOnHeading, "drive_on_heading", goal))
    assert (answer.status, answer.result.error_code) == (ABORTED, DRIVE.INVALID_INPUT)
    assert answer.result.error_msg


def test_the_time_allowance_ends_a_motion(robot: SimulatedBaseRig) -> None:
    robot.reset()
    robot.turn_to_room()
    status, result = robot.drive(0.5, speed=0.02, allowance_s=1)
    assert (status, result.error_code) == (ABORTED, DRIVE.TIMEOUT)
    assert result.total_elapsed_time.sec == 1


def test_a_cancelled_motion_stops_on_the_way(robot: SimulatedBaseRig) -> None:
    before = robot.until_still()
    handle = robot.send_spin(720.0)
    robot.until(lambda: robot.twist()[1] > 0.5, "turning")
    robot.probe.cancel(handle)
    assert robot.probe.result(handle).status == CANCELED
    assert abs(wrap(robot.until_still().yaw_rad - before.yaw_rad)) > 0.0


def test_a_new_goal_ends_the_one_in_progress(robot: SimulatedBaseRig) -> None:
    first = robot.send_spin(720.0)
    robot.until(lambda: robot.twist()[1] > 0.5, "turning")
    second = robot.send_spin(-22.5)
    assert robot.probe.result(first).status == ABORTED
    assert robot.probe.result(second).status == SUCCEEDED


def test_the_referee_lists_places_and_judges(robot: SimulatedBaseRig) -> None:
    records = [r for r in load_episodes("ignav") if r.split == "val"]
    request = ListEpisodes.Request(task="ignav", limit=3)
    listed = robot.probe.call(ListEpisodes, "simulated_robot/referee/list_episodes", request)
    assert list(listed.episode_ids) == [r.id for r in records[:3]]

    odom = robot.until_still()
    reply = robot.reset(episode_id=records[1].id)
    assert (reply.code, reply.done) == (ErrorCode.OK, False)
    assert reply.episode.goal_view.image.height == 64
    assert reply.observation.views == []
    assert robot.until_still() == odom  # carried: no wheel has turned
    decided = robot.decided()
    assert (decided.success, decided.message) == (False, "not decided")

    judged = robot.finish(decisions=3).result
    assert (judged.episode_id, judged.decisions, judged.actions) == (records[1].id, 3, 0)
    assert judged.status == EpisodeStatus.FAILURE
    assert judged.path_m == 0.0
    assert judged.final_distance_m == pytest.approx(records[1].shortest_m, abs=1e-3)


def test_the_task_is_decided_within_the_success_radius(robot: SimulatedBaseRig) -> None:
    nearest = min(
        (r for r in load_episodes("ignav") if r.split == "val"), key=lambda r: r.shortest_m
    )
    robot.reset(episode_id=nearest.id)
    goal = nearest.goal
    assert goal is not None
    there = nearest.start.inverse() * goal
    bearing = math.degrees(math.atan2(there.y_m, there.x_m))
    robot.spin(bearing)
    status, _ = robot.drive(nearest.shortest_m - 0.3)
    robot.until_still()
    assert status == SUCCEEDED
    assert robot.decided().success
    judged = robot.finish(decisions=1).result
    assert (judged.status, judged.success) == (EpisodeStatus.SUCCESS, True)
    assert judged.path_m == pytest.approx(nearest.shortest_m - 0.3, abs=0.03)


@pytest.mark.parametrize(
    ("task", "episode", "code"),
    [("ar", EPISODE, ErrorCode.UNKNOWN_TASK), ("ignav", "x", ErrorCode.UNKNOWN_EPISODE)],
)
def test_what_the_referee_does_not_know_is_refused(
    robot: SimulatedBaseRig, task: str, episode: str, code: ErrorCode
) -> None:
    assert robot.reset(task, episode).code == code
    assert robot.finish(decisions=0).code == ErrorCode.NO_EPISODE
    assert not robot.decided().success


# Faults of its servers ----------------------------------------------------------------------------


def test_servers_that_reject_take_no_goal(robot: SimulatedBaseRig) -> None:
    robot.inject("reject_goals")
    with pytest.raises(AssertionError, match="rejected"):
        robot.send_spin(22.5)
    robot.inject("")
    assert robot.spin(22.5)[0] == SUCCEEDED


def test_servers_that_abort_move_nothing(robot: SimulatedBaseRig) -> None:
    before = robot.until_still()
    robot.inject("abort_goals")
    status, result = robot.spin(22.5)
    assert (status, result.error_code) == (ABORTED, SPIN.UNKNOWN)
    assert robot.until_still() == before


def test_a_goal_that_hangs_moves_nothing_and_can_be_cancelled(robot: SimulatedBaseRig) -> None:
    before = robot.until_still()
    robot.inject("hang_goals")
    handle = robot.send_spin(22.5)
    result = handle.get_result_async()
    assert robot.until_still() == before
    assert not result.done()
    robot.probe.cancel(handle)
    assert robot.probe.wait(result).status == CANCELED


def test_a_slow_server_waits_before_it_moves(robot: SimulatedBaseRig) -> None:
    robot.inject("slow", 0.8)
    status, result = robot.spin(22.5)
    assert status == SUCCEEDED
    took = result.total_elapsed_time
    assert took.sec + took.nanosec * 1e-9 > 0.8


def test_an_ignored_cancel_is_accepted_and_changes_nothing(robot: SimulatedBaseRig) -> None:
    robot.inject("ignore_cancel")
    handle = robot.send_spin(90.0)
    reply = robot.probe.wait(handle.cancel_goal_async())
    assert reply.return_code == CancelGoal.Response.ERROR_NONE
    assert robot.probe.result(handle).status == SUCCEEDED


@pytest.mark.parametrize("crash", [0.0, 1.0])
def test_servers_that_vanish_leave_a_goal_without_answer_and_the_robot_still(
    robot: SimulatedBaseRig, crash: float
) -> None:
    handle = robot.send_spin(720.0)
    result = handle.get_result_async()
    robot.until(lambda: robot.twist()[1] > 0.5, "turning")
    robot.inject("vanish_servers", crash)
    robot.until_still()

    def last() -> float:
        return robot.commands[-1][1].twist.angular.z

    if crash:
        assert last() != 0.0  # the watchdog alone has stopped it
    else:
        robot.until(lambda: last() == 0.0, "a last zero command")
    assert not result.done()

    client = SafeActionClient(robot.probe.node, Spin, "spin")
    robot.until(lambda: not client.server_is_ready(), "no server")
    robot.inject("")
    robot.until(client.server_is_ready, "servers again")
    client.destroy()
    assert robot.spin(22.5)[0] == SUCCEEDED


def test_an_unknown_fault_is_refused_with_the_nearest_name(robot: SimulatedBaseRig) -> None:
    reply = robot.inject("camera_of")
    assert reply.code == ErrorCode.BAD_PARAMETER
    assert "camera_off" in reply.message


# The process --------------------------------------------------------------------------------------


def test_two_robots_live_in_two_namespaces_and_end_standing_on_a_signal(
    robot: SimulatedBaseRig, tmp_path: Path
) -> None:
    other = SimulatedBaseRig(robot.probe, tmp_path, "second")
    try:
        other.until_ready()
        before = robot.until_still()
        result = other.send_spin(720.0).get_result_async()
        other.until(lambda: other.twist()[1] > 0.5, "the second turns")
        assert robot.pose() == before
        assert other.process.stop() == 0
        other.until(lambda: other.twist() == (0.0, 0.0), "standing at the end")
        other.until(lambda: other.commands[-1][1].twist.angular.z == 0.0, "zero commanded")
        assert robot.probe.wait(result, 5.0).status == ABORTED
    finally:
        other.close()


def test_a_driver_may_want_plain_twists_and_have_no_behaviours_and_faults_from_the_start(
    robot: SimulatedBaseRig, tmp_path: Path
) -> None:
    plain = SimulatedBaseRig(
        robot.probe,
        tmp_path,
        "plain",
        stamped=False,
        behaviours=False,
        faults=["tf_off", "slip=0.5"],
    )
    try:
        static = robot.probe.record(TFMessage, "plain/tf_static", LATCHED)
        plain.until_ready()

        def turned() -> bool:
            plain.command(0.0, 0.8)
            return plain.pose().yaw_rad > 0.2

        plain.until(turned, "turning on plain twists")
        plain.until_still()
        assert not any("plain/spin" in name for name, _ in _actions(robot.probe))
        assert not static
        plain.inject("")
        plain.until(lambda: bool(static), "tf_static at last")
    finally:
        plain.close()


def _actions(probe: Probe) -> list[tuple[str, list[str]]]:
    return list(get_action_names_and_types(probe.node))


def test_bad_parameters_are_all_named_at_once(tmp_path: Path) -> None:
    with own_domain():
        bad = {"camera_hz": -1.0, "front_sze": 64, "odom_hz": 1e9}
        with NodeProcess("wiw_env_bridge.simulated_robot.node", tmp_path, bad) as node:
            assert node.process.wait(30.0) == 1
            assert "4001 BAD_PARAMETER" in node.output
            for name in ("camera_hz", "front_size", "odom_hz"):
                assert f"'{name}'" in node.output
            assert "Traceback" not in node.output
