"""The same promises on an arm: what breaks while it moves ends in joints that stand still.

Its joint states are what is watched: the controller, not the bridge, commands the joints. Motion is
commanded by hand here, kept alive by the heartbeat of a fake planner.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invariants import Limits
from watcher import Watcher, tell

from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose3
from wiw_core.plans import Plan
from wiw_env_bridge.robot.profile import FOLDER
from wiw_msgs.action import ExecutePlan
from wiw_msgs.msg import Heartbeat
from wiw_msgs.srv import FinishEpisode, InjectFault, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import HEARTBEAT
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system

TTL_S = 0.5
BRAKE_S = 0.3
"""From a cancelled trajectory to joints that stand still, in joint states 20 ms apart."""
STREAM_S = 0.3
"""Joint states that are older are stale in motion."""
TASK, FAR = "push_buttons", Pose3(0.3, 0.25, 0.9, 1.0, 0.0, 0.0, 0.0)
PLANS, FOLLOW = "env_bridge/execute_plan", "panda_arm_controller/follow_joint_trajectory"


class Arm:
    """The simulated arm, its bridge, and who keeps a motion alive."""

    def __init__(self, domain: int, folder: Path) -> None:
        given = yaml.safe_load((FOLDER / "simulated_arm.yaml").read_text())
        given["arm"]["speed_m_s"] = 0.1  # the way takes some four seconds
        given["timing"].update(joint_age_s=STREAM_S, silence_s=1.0)
        profile = folder / "arm.yaml"
        profile.write_text(yaml.safe_dump(given))
        bridge = {
            "environment": "robot",
            "environment_parameters": [f"profile={profile}"],
            "command_ttl_s": TTL_S,
        }
        self.folder, self.probe = folder, Probe(domain)
        self.robot = NodeProcess(
            "wiw_env_bridge.simulated_robot.node", folder, {"kind": "arm", "image_size": 64}
        )
        self.bridge = NodeProcess("wiw_env_bridge.node", folder, bridge)
        self.holder = self.new_holder()
        limits = Limits(0.0, 3.0, goals=((PLANS,), (FOLLOW,)), plans=PLANS, grace_s=BRAKE_S)
        self.watcher = Watcher(self.probe, limits, (FOLLOW,), joints=True)
        self._generation = itertools.count(1)
        self.probe.until_state("env_bridge", "active")
        ids = self.probe.call(
            ListEpisodes, "env_bridge/list_episodes", ListEpisodes.Request(task=TASK)
        )
        self.episode_id = ids.episode_ids[0]

    def new_holder(self) -> NodeProcess:
        """Start the one whose heartbeat keeps a motion alive, and wait for it."""
        beats = self.probe.record(Heartbeat, "heartbeat", HEARTBEAT)
        holder = NodeProcess("wiw_ros.fake_node", self.folder, name="holder")
        self.probe.until(lambda: any(m.node == "/holder" for _, m in beats), 30.0, "a heartbeat")
        return holder

    def inject(self, fault: str, value: float = 0.0) -> None:
        """Make the robot misbehave; ``""`` mends it."""
        request = InjectFault.Request(fault=fault, value=value)
        reply = self.probe.call(InjectFault, "simulated_robot/inject", request)
        assert reply.code == ErrorCode.OK, reply.message

    def moving(self) -> tuple[int, Any]:
        """Begin an episode and a motion; return generation and handle once the joints move."""
        self.watcher.forget()
        generation = next(self._generation)
        request = ResetEpisode.Request(task=TASK, episode_id=self.episode_id, generation=generation)
        reply = self.probe.call(ResetEpisode, "env_bridge/reset_episode", request)
        assert reply.code == ErrorCode.OK, reply.message
        self.watcher.begun(str(generation))
        goal = ExecutePlan.Goal(
            episode_id=self.episode_id,
            plan=convert.plan_to_msg(Plan((tool_pose(FAR, True),))),
            prefix_length=1,
            generation=generation,
            holder="/holder",
        )
        handle = self.probe.send(ExecutePlan, PLANS, goal)
        over = handle.get_result_async()
        self.probe.until(lambda: self.watcher.moving or over.done(), 30.0, "the arm moves")
        assert self.watcher.moving, over.result()
        return generation, over

    def finished(self, generation: int, fault: ErrorCode) -> Any:
        """Close the episode, as a planner would, and return its result."""
        request = FinishEpisode.Request(
            episode_id=self.episode_id,
            generation=generation,
            fault=int(fault),
            fault_message="The motion failed.",
            confidence=float("nan"),
        )
        reply = self.probe.call(FinishEpisode, "env_bridge/finish_episode", request)
        assert reply.code == ErrorCode.OK, reply.message
        ended = reply.result
        self.watcher.closed(str(generation), "planner", ended.status, ended.code, ended.message)
        return ended

    def close(self) -> None:
        """End everything, the bridge before the robot."""
        for process in (self.bridge, self.robot, self.holder):
            process.__exit__()
        self.watcher.close()
        self.probe.close()


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    with own_domain() as domain:
        arm = Arm(domain, tmp_path_factory.mktemp("arm"))
        try:
            yield arm
        finally:
            arm.close()


def kill_planner(arm: Arm) -> None:
    arm.holder.kill()


def lose_joint_states(arm: Arm) -> None:
    arm.inject("joint_states_off")


def spoil_joint_states(arm: Arm) -> None:
    arm.inject("nan_joint_states")


def lose_controller(arm: Arm) -> None:
    arm.inject("vanish_servers")


def lose_camera(arm: Arm) -> None:
    arm.inject("camera_off")


BREAKS = {
    kill_planner: (TTL_S, ErrorCode.COMMAND_LOST),  # 17
    lose_joint_states: (STREAM_S + TTL_S, ErrorCode.STALE_OBSERVATION),  # 10
    spoil_joint_states: (TTL_S, ErrorCode.STALE_OBSERVATION),  # 30
    lose_controller: (TTL_S, ErrorCode.ACTION_SERVER_LOST),  # 15
    lose_camera: (1.5 + TTL_S, ErrorCode.STALE_OBSERVATION),  # 12
}


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__)
def test_the_arm_stands_still_whatever_breaks(arm: Arm, broken: Any) -> None:
    within_s, code = BREAKS[broken]
    generation, over = arm.moving()
    fault = arm.watcher.fault(f"arm: {broken.__name__}", None)
    broken(arm)
    result = arm.probe.wait(over, 30.0, "the motion's end").result
    assert result.code == code and result.message, f"{result.code}: {result.message}"
    arm.inject("")
    ended = arm.finished(generation, code)
    assert ended.code == code and ended.message
    arm.probe.until(lambda: not arm.watcher.moving, 5.0, "joints that stand still")
    if broken in (kill_planner, lose_controller, lose_camera):  # they can still be seen
        held = arm.watcher.hold_s(fault)
        tell(fault, int(code), held)
        assert held <= within_s + BRAKE_S, f"still moving after {held:.2f} s"
    assert not arm.watcher.violations(), arm.watcher.violations()
    if broken is kill_planner:
        arm.holder = arm.new_holder()

    generation, over = arm.moving()  # the next episode runs
    assert arm.probe.wait(over, 60.0, "the motion's end").result.code == ErrorCode.OK
    assert arm.finished(generation, ErrorCode.OK).code == ErrorCode.OK
    assert not arm.watcher.violations(), arm.watcher.violations()
