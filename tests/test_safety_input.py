"""Bad input, strangers and late comers at a robot: refused in a sentence, and nothing moves."""

from __future__ import annotations

import array
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from robot_graph import EPISODES, RobotGraph
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from wiw_core.errors import ErrorCode
from wiw_msgs.action import ExecutePlan, Rollout
from wiw_msgs.msg import Action, Decision, Observation, Plan
from wiw_msgs.srv import ResetEpisode
from wiw_ros.ears import Ears
from wiw_ros.qos import LATCHED, SENSOR
from wiw_ros.testing import NodeProcess

pytestmark = pytest.mark.system

MIB = 1 << 20
FORWARD = Action(name="forward")
MANY = 20_000


def memory_mib(node: NodeProcess) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / MIB


@pytest.fixture(scope="module")
def observation(robots: RobotGraph) -> Iterator[Observation]:
    """What the robot sees at the start of an episode that is open in the bridge."""
    request = ResetEpisode.Request(task="ignav", episode_id=EPISODES[0], generation=1)
    reply = robots.probe.call(ResetEpisode, "/env_bridge/reset_episode", request)
    assert reply.code == ErrorCode.OK, reply.message
    yield reply.observation


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan(actions=[FORWARD] * MANY), ErrorCode.TOO_LARGE),  # 21
        (Plan(actions=[Action(name="fly")]), ErrorCode.UNKNOWN_ACTION),  # 23
        (
            Plan(actions=[Action(name="forward", values=array.array("d", [500.0]))]),
            ErrorCode.ACTION_OUT_OF_LIMITS,
        ),
        (
            Plan(actions=[Action(name="turn_left", values=array.array("d", [math.nan]))]),
            ErrorCode.ACTION_OUT_OF_LIMITS,
        ),
    ],
    ids=["20000 actions", "unknown verb", "forward 500", "turn nan"],
)
def test_a_wild_plan_is_refused_and_never_moves_the_robot(
    robot: RobotGraph, observation: Observation, plan: Plan, code: ErrorCode
) -> None:
    before = memory_mib(robot.nodes["env_bridge"])
    goal = ExecutePlan.Goal(
        episode_id=EPISODES[0], plan=plan, prefix_length=len(plan.actions), generation=1
    )
    commands = len(robot.watcher.trace.commands)
    handle = robot.probe.send(ExecutePlan, "/env_bridge/execute_plan", goal)
    result = robot.probe.result(handle).result
    assert result.code == code and result.message, f"{result.code}: {result.message}"
    assert not result.executed.actions
    assert not any(c.moves for c in robot.watcher.trace.commands[commands:])
    assert memory_mib(robot.nodes["env_bridge"]) - before < 64


@pytest.mark.parametrize(
    ("plans", "frames", "code"),
    [(1000, 1, ErrorCode.TOO_LARGE), (1, 65535, ErrorCode.BAD_FRAME_COUNT)],
    ids=["1000 plans", "65535 frames"],
)
def test_a_rollout_that_is_too_large_is_refused(
    robot: RobotGraph, observation: Observation, plans: int, frames: int, code: ErrorCode
) -> None:
    """21."""
    before = memory_mib(robot.nodes["wm_node"])
    goal = Rollout.Goal(
        observations=[observation],
        plans=[Plan(actions=[FORWARD])] * plans,
        frames=array.array("H", [frames] * plans),
        deadline_s=5.0,
    )
    handle = robot.probe.send(Rollout, "/wm_node/rollout", goal)
    result = robot.probe.result(handle).result
    assert result.code == code and result.message, result.message
    assert memory_mib(robot.nodes["wm_node"]) - before < 64


def test_an_image_that_claims_a_giant_size_is_refused_before_it_is_made(robot: RobotGraph) -> None:
    """21."""
    before = memory_mib(robot.nodes["env_bridge"])
    probe, topics = robot.probe, {"camera_info": CameraInfo, "depth/image_raw": Image}
    real = {t: probe.record(kind, f"camera/{t}", SENSOR) for t, kind in topics.items()}
    probe.until(lambda: all(real.values()), 20.0, "a camera")
    messages = {topic: seen[-1][1] for topic, seen in real.items()}
    giant = Image(height=60_000, width=60_000, encoding="rgb8", step=180_000)
    giant.header.frame_id = "camera_optical_frame"
    messages["image_raw"] = giant
    stranger = Ears(probe.node)
    publishers = {
        topic: stranger.node.create_publisher(type(message), f"camera/{topic}", SENSOR)
        for topic, message in messages.items()
    }

    def publish() -> None:
        stamp = stranger.node.get_clock().now().to_msg()
        for topic, message in messages.items():
            message.header.stamp = stamp
            publishers[topic].publish(message)

    with robot.injected("camera_off"):
        stranger.node.create_timer(0.05, publish)
        try:
            ended = robot.begin().end()
        finally:
            stranger.close()
    assert ended.code == ErrorCode.BAD_IMAGE and "60000" in ended.message, ended.message
    assert memory_mib(robot.nodes["env_bridge"]) - before < 64
    assert robot.works()


def test_every_bad_setting_is_named_at_once_and_the_old_ones_stay(robot: RobotGraph) -> None:
    """22."""
    name = "env_bridge"
    (why,) = robot.probe.set(f"/{name}", command_ttl_s=math.nan)
    assert why
    good = Path(robot.defaults[name]["environment_parameters"][0].partition("=")[2])
    bad = good.with_name("bad.yaml")
    bad.write_text(
        good.read_text().replace("settle_s: 0.15", "settle_s: .nan\n  setle_s: 1.0\n  accept_s: -1")
    )
    said = len(robot.nodes[name].output)
    with pytest.raises(AssertionError):
        robot.reconfigure(name, environment_parameters=[f"profile={bad}"])
    message = robot.nodes[name].output[said:]
    assert all(word in message for word in ("4001", "settle_s", "setle_s", "accept_s")), message
    robot.reconfigure(name, environment_parameters=[f"profile={good}"])
    assert robot.works()


def test_a_second_bridge_on_the_robot_does_not_start_and_disturbs_nobody(
    robot: RobotGraph,
) -> None:
    """28."""
    episode = robot.driving()
    parameters = {**robot.defaults["env_bridge"], "exit_on_failure": True}
    with NodeProcess("wiw_env_bridge.node", robot.folder, parameters, name="second") as second:
        assert episode.end().code == ErrorCode.OK
        assert second.process.wait(30.0) == 1
        assert "1035 DUPLICATE_BRIDGE" in second.output, second.output
    assert robot.works()


def test_who_comes_late_gets_the_newest_and_who_does_not_fit_is_named(robot: RobotGraph) -> None:
    """29."""
    assert robot.works()
    for kind, topic in (
        (Observation, "env_bridge/observation"),
        (Decision, "planner_node/decision"),
    ):
        seen = robot.probe.record(kind, topic, LATCHED)
        robot.probe.until(lambda seen=seen: bool(seen), 10.0, topic)
    # A listener to latched transforms can hear no publisher that keeps none.
    bridge, said = robot.nodes["env_bridge"], len(robot.nodes["env_bridge"].output)
    stranger = Ears(robot.probe.node)
    stranger.node.create_publisher(TFMessage, "tf_static", 1)
    try:
        robot.probe.until(lambda: "tf_static" in bridge.output[said:], 15.0, "a warning")
        assert "durability" in bridge.output[said:].lower()
    finally:
        stranger.close()
    assert robot.works()
