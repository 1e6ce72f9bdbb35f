"""What can break at the robot, broken while it drives: it holds, with a code, and works again.

Numbers are those of ``docs/safety.md``. The watcher sees only what is on the wire; every test ends
with another episode that drives.
"""

from __future__ import annotations

import pytest
from robot_graph import SILENCE_S, TTL_S, RobotGraph

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode

pytestmark = pytest.mark.system

STREAM_S = SILENCE_S + TTL_S
"""For a stream of the robot's that falls silent or turns bad."""

STREAMS = {
    "camera_off": (0.0, ErrorCode.STALE_OBSERVATION),  # 12
    "stale_camera": (0.0, ErrorCode.STALE_OBSERVATION),  # 10
    "delayed_camera": (2.0, ErrorCode.STALE_OBSERVATION),  # 10
    "bad_encoding": (0.0, ErrorCode.BAD_IMAGE),  # 13
    "bad_size": (0.0, ErrorCode.BAD_IMAGE),  # 13
    "wrong_frame": (0.0, ErrorCode.BAD_IMAGE),  # 13, 30
    "bad_intrinsics": (0.0, ErrorCode.BAD_IMAGE),  # 13
    "odom_off": (0.0, ErrorCode.STALE_OBSERVATION),  # 10
    "nan_odom": (0.0, ErrorCode.STALE_OBSERVATION),  # 30
    "odom_scale": (1000.0, ErrorCode.DISPLACEMENT_MISMATCH),  # 30: millimetres for metres
}
SERVERS = {
    "reject_goals": (0.0, ErrorCode.GOAL_REJECTED),  # 14
    "vanish_servers": (0.0, ErrorCode.ACTION_SERVER_LOST),  # 15
    "crash_servers": (1.0, ErrorCode.ACTION_SERVER_LOST),  # 15
}


def is_held_and_closed(
    graph: RobotGraph, fault: str, value: float, code: ErrorCode, within_s: float
) -> bool:
    """Break it while the robot drives; then check code, sentence, verdict and hold; mend it."""
    episode = graph.driving()
    told = graph.watcher.fault(fault, within_s)
    with graph.injected(fault, value):
        ended = episode.end(told)
    assert ended.code == code, f"{ended.code}: {ended.message}"
    assert ended.status == EpisodeStatus.ABORTED_FAULT and ended.message
    assert ended.hold_s <= within_s, f"{fault}: still moving after {ended.hold_s:.2f} s"
    return graph.works()


@pytest.mark.parametrize("fault", STREAMS)
def test_robot_holds_when_a_stream_of_its_own_breaks(robot: RobotGraph, fault: str) -> None:
    value, code = STREAMS[fault]
    assert is_held_and_closed(robot, fault, value, code, STREAM_S)


@pytest.mark.parametrize("fault", SERVERS)
def test_robot_holds_when_its_action_servers_fail(robot: RobotGraph, fault: str) -> None:
    value, code = SERVERS[fault]
    name = "vanish_servers" if fault == "crash_servers" else fault
    assert is_held_and_closed(robot, name, value, code, STREAM_S)


@pytest.mark.parametrize("fault", ["hang_goals", "abort_goals"])
def test_robot_never_moves_while_its_servers_do_not_work(robot: RobotGraph, fault: str) -> None:
    """14, 15: goals that never end are cancelled; after three that failed there is no fourth."""
    persistent = robot.changed("planner_node", reviser_parameters=["stop_after=4"])
    with persistent, robot.injected(fault):
        episode = robot.begin()
        told = robot.watcher.fault(fault, 0.0)
        ended = episode.end(told)
    assert ended.code == ErrorCode.ACTION_FAILED, f"{ended.code}: {ended.message}"
    assert ended.status == EpisodeStatus.ABORTED_FAULT and ended.hold_s == 0.0
    assert robot.works()


def test_a_camera_that_repeats_itself_while_the_robot_drives_is_found(robot: RobotGraph) -> None:
    """11."""
    one_by_one = robot.changed(
        "planner_node", execute=1, horizon=1, reviser_parameters=["stop_after=8"]
    )
    with one_by_one:
        episode = robot.driving()
        told = robot.watcher.fault("frozen_camera", None)
        with robot.injected("frozen_camera"):
            ended = episode.end(told)
    assert ended.code == ErrorCode.FROZEN_CAMERA and "front" in ended.message, ended.message
    assert ended.status == EpisodeStatus.ABORTED_FAULT
    assert robot.works()


def test_no_robot_is_driven_whose_cameras_tf_does_not_place(robot: RobotGraph) -> None:
    """30: the bridge names the frames, and is not active."""
    said = len(robot.nodes["env_bridge"].output)
    assert robot.nodes["simulated_robot"].stop() == 0
    robot.start("simulated_robot", faults=["tf_off"])
    robot.until_active("simulated_robot")
    with pytest.raises(AssertionError):
        robot.reconfigure("env_bridge")
    message = robot.nodes["env_bridge"].output[said:]
    assert "1060 TF_UNAVAILABLE" in message and "camera_optical_frame" in message, message
    assert robot.probe.state("/env_bridge") == "unconfigured"

    assert robot.nodes["simulated_robot"].stop() == 0
    robot.start("simulated_robot")
    robot.until_active("simulated_robot")
    robot.reconfigure("env_bridge")
    assert robot.works()
