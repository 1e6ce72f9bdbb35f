"""Three real nodes in three real processes, for the system tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_action_status_default

from wiw_core.decisions import Decision, EpisodeResult
from wiw_core.errors import ErrorCode
from wiw_msgs.action import RunEpisode
from wiw_ros import convert
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import NodeProcess, Probe

MODULES = {
    "env_bridge": "wiw_env_bridge.node",
    "wm_node": "wiw_wm_node.node",
    "planner_node": "wiw_planner_node.node",
}
FAKES: dict[str, dict[str, Any]] = {
    "env_bridge": {
        "environment": "fake",
        "command_ttl_s": 5.0,  # tests share their cores: a starved planner is not a dead one
        "oracle_height": 72,
        "oracle_width": 128,
    },
    "wm_node": {"model": "fake"},
    "planner_node": {
        "rollout_servers": ["wm_node/rollout"],
        "proposer": "fake",
        "reviser": "fake",
        "candidates": 0,
        "horizon": 0,
        "execute": 0,
        "rollout_deadline_s": 3.0,
        "record_dir": "",
        "record_frames": 0,
    },
}


class Graph:
    """The bridge, the world-model node and the planner, each a process of its own."""

    modules: Mapping[str, str] = MODULES
    defaults: Mapping[str, Mapping[str, Any]] = FAKES

    def __init__(self, domain: int, folder: Path) -> None:
        self.probe = Probe(domain)
        self.folder = folder
        self.nodes: dict[str, NodeProcess] = {}
        self.prefixes: dict[str, tuple[str, ...]] = {}
        self._odom: list[tuple[float, Any]] | None = None

    def start(self, name: str, **parameters: Any) -> NodeProcess:
        """Start one node with the default parameters, some of them overridden."""
        values = {**self.defaults[name], **parameters}
        prefix = self.prefixes.get(name, ())
        node = NodeProcess(self.modules[name], self.folder, values, name=name, prefix=prefix)
        self.nodes[name] = node
        return node

    def start_all(self, **parameters: Mapping[str, Any]) -> None:
        """Start all nodes and wait until they are active."""
        for name in self.modules:
            self.start(name, **parameters.get(name, {}))
        for name in self.modules:
            self.until_active(name)

    def until_active(self, name: str) -> None:
        """Wait until the node works, or fail with what it has printed."""
        try:
            self.probe.until_state(f"/{name}", "active")
        except Exception as error:
            raise AssertionError(f"{name}: {error}\n{self.nodes[name].output}") from error

    def reconfigure(self, name: str, **parameters: Any) -> None:
        """Change parameters as the evaluator does: clean up, set, configure, activate."""
        node = f"/{name}"
        if self.probe.state(node) == "active":
            assert self.probe.change(node, "deactivate"), self.nodes[name].output
        if self.probe.state(node) == "inactive":
            assert self.probe.change(node, "cleanup"), self.nodes[name].output
        assert self.probe.set(node, **parameters) == [""] * len(parameters)
        assert self.probe.change(node, "configure"), self.nodes[name].output
        assert self.probe.change(node, "activate"), self.nodes[name].output

    @contextmanager
    def changed(self, name: str, **parameters: Any) -> Iterator[None]:
        """Run with other parameters; then restore the node, or replace it if it has died."""
        self.reconfigure(name, **parameters)
        try:
            yield
        finally:
            if self.nodes[name].process.poll() is None:
                before = {key: self.defaults[name].get(key, []) for key in parameters}
                self.reconfigure(name, **before)
            else:
                self.replace(name)

    def replace(self, name: str) -> None:
        """Start a node that has died anew, and wait until it works."""
        self.start(name)
        self.until_active(name)

    def send(
        self,
        task: str = "ignav",
        episode_id: str = "val_001",
        seed: int = 0,
        feedback: Callable[[Any], None] = lambda message: None,
    ) -> Any:
        """Send an episode goal and return its handle."""
        goal = RunEpisode.Goal(task=task, episode_id=episode_id, seed=seed)
        return self.probe.send(RunEpisode, "/planner_node/run_episode", goal, feedback)

    def run(
        self, task: str = "ignav", episode_id: str = "val_001", seed: int = 0
    ) -> tuple[Any, list[Decision]]:
        """Run an episode; return the action's result and the decisions it told."""
        decisions: list[Decision] = []

        def take(message: Any) -> None:
            decisions.append(convert.decision_from_msg(message.decision))

        result = self.probe.result(self.send(task, episode_id, seed, take), 60.0).result
        if result.code == ErrorCode.OK:
            count = result.result.decisions
            self.probe.until(lambda: len(decisions) == count, 5.0, "every decision told")
        return result, decisions

    def judged(self, result: Any) -> EpisodeResult:
        """Return how the episode ended."""
        return convert.result_from_msg(result.result)

    def works(self) -> bool:
        """Run one more episode; True if it ends without a fault."""
        result, _ = self.run()
        assert result.code == ErrorCode.OK, f"{result.code}: {result.message}"
        return True

    def until_imagining(self) -> None:
        """Wait until the world model works on a goal."""
        seen = self.probe.record(
            GoalStatusArray,
            "/wm_node/rollout/_action/status",
            qos_profile_action_status_default,
        )
        executing = GoalStatus.STATUS_EXECUTING
        self.probe.until(
            lambda: any(s.status == executing for _, m in seen[-1:] for s in m.status_list),
            20.0,
            "a rollout goal under way",
        )

    def odom(self) -> list[tuple[float, Any]]:
        """Return the growing list of odometry messages."""
        if self._odom is None:
            self._odom = self.probe.record(Odometry, "/odom", ODOMETRY)
        return self._odom

    def moving(self) -> bool:
        """Whether the newest odometry says that the robot moves."""
        seen = self.odom()
        if not seen:
            return False
        twist = seen[-1][1].twist.twist
        return bool(twist.linear.x or twist.angular.z)

    def close(self) -> None:
        """End every process."""
        for node in self.nodes.values():
            node.__exit__()
        self.probe.close()
