"""A whole robot under a whole planner: four real nodes in four real processes, and a watcher."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from graph import FAKES, MODULES, Graph
from invariants import Fault, Limits
from std_srvs.srv import Trigger
from watcher import Watcher, closings, tell

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import FORWARD_M
from wiw_env_bridge.robot.profile import FOLDER
from wiw_msgs.srv import InjectFault
from wiw_ros.testing import ASK_S, READY_S, NodeProcess

EPISODES = ("ignav-val-048", "ignav-val-053")
"""They begin with more than 3 m of free floor ahead; two, so that neighbours differ by name."""
SPEED_M_S, TURN_RAD_S = 0.25, 1.0
TTL_S = 0.5
SILENCE_S = 1.5
"""A stream that is silent for so long in motion is lost; a busy machine may skip some pictures."""
PROFILE = "safety_base.yaml"
ROBOT: dict[str, Any] = {
    "kind": "base",
    "front_size": 64,
    "panorama_height": 48,
    "panorama_width": 96,
    "camera_hz": 10.0,
    "max_turn_rad_s": TURN_RAD_S,  # a Spin goal names no speed: it is the behaviour server's own
}


def profile(folder: Path, **sections: Mapping[str, Any]) -> Path:
    """Write the simulated base's profile, slower and less patient, and return where."""
    given = yaml.safe_load((FOLDER / "simulated_base.yaml").read_text())
    quick: dict[str, dict[str, Any]] = {
        "base": {"speed_m_s": SPEED_M_S, "turn_rad_s": TURN_RAD_S},
        "timing": {
            "settle_s": 0.15,
            "reacquire_s": 0.5,
            "image_age_s": SILENCE_S,
            "silence_s": SILENCE_S,
        },
    }
    for section, values in (*quick.items(), *sections.items()):
        given[section] = {**given.get(section, {}), **values}
    for camera in given["cameras"].values():
        camera["rate_hz"] = ROBOT["camera_hz"]  # so that three lost pictures are not much
    path = folder / PROFILE
    path.write_text(yaml.safe_dump(given))
    return path


@dataclass(frozen=True)
class Ended:
    """How an episode ended, and how long the robot went on moving after its fault."""

    code: int
    message: str
    status: int
    hold_s: float


class NeverDrove(AssertionError):
    """An episode ended before the robot moved; ``ended`` says how."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"it never drove: {ended.code}: {ended.message}")
        self.ended = ended


class RobotGraph(Graph):
    """The simulated base, its bridge, a world-model node and a planner that drives straight on.

    An episode is one decision: four times ``forward``, some four seconds of motion.

    Parameters
    ----------
    planner : mapping
        Parameters of the planner other than that.
    sim_time : bool
        Every node follows ``/clock``.
    sections : mapping
        What the robot's profile has other than the shipped one.
    """

    action_s = FORWARD_M / SPEED_M_S * 1.5
    """Seconds that one action takes at most."""
    modules: Mapping[str, str] = {
        "simulated_robot": "wiw_env_bridge.simulated_robot.node",
        **MODULES,
    }

    def __init__(
        self,
        domain: int,
        folder: Path,
        planner: Mapping[str, Any] | None = None,
        sim_time: bool = False,
        **sections: Mapping[str, Any],
    ) -> None:
        super().__init__(domain, folder)
        path = profile(folder, **sections)
        defaults = {
            **FAKES,
            "simulated_robot": ROBOT,
            "env_bridge": {
                "environment": "robot",
                "environment_parameters": [f"profile={path}"],
                "command_ttl_s": TTL_S,
            },
            "planner_node": {
                **FAKES["planner_node"],
                "horizon": 4,
                "execute": 4,
                "reviser_parameters": ["stop_after=1"],
                "rollout_deadline_s": 20.0,  # where cores are shared a slow model is not a dead one
                "server_lost_s": 15.0,
                **(planner or {}),
            },
        }
        clock = {"use_sim_time": True} if sim_time else {}
        self.defaults = {name: {**values, **clock} for name, values in defaults.items()}
        by_velocity = sections.get("base", {}).get("interface") == "cmd_vel"
        self.robot_actions = () if by_velocity else ("drive_on_heading", "spin")
        plans = "env_bridge/execute_plan"
        groups = ((plans,), self.robot_actions) if self.robot_actions else ((plans,),)
        limits = Limits(SPEED_M_S, TURN_RAD_S, goals=groups, plans=plans)
        self.watcher = Watcher(self.probe, limits, self.robot_actions)
        self._next = itertools.count()

    def until_active(self, name: str) -> None:
        """Wait until the node works; a robot's driver is not managed."""
        if name == "simulated_robot":
            self._ask(Trigger, "simulated_robot/referee/decided", Trigger.Request())
        else:
            super().until_active(name)

    def inject(self, fault: str, value: float = 0.0, duration_s: float = 0.0) -> None:
        """Make the robot misbehave; ``""`` mends it."""
        request = InjectFault.Request(fault=fault, value=value, duration_s=duration_s)
        reply = self._ask(InjectFault, "simulated_robot/inject", request)
        assert reply.code == ErrorCode.OK, reply.message

    def _ask(self, kind: Any, service: str, request: Any) -> Any:
        """Ask what may be asked twice: DDS still names a killed server for 20 s, and asks it."""
        end = time.monotonic() + READY_S
        while True:
            try:
                return self.probe.call(kind, service, request, ASK_S)
            except (WiwError, AssertionError) as error:
                process = self.nodes["simulated_robot"].process
                if time.monotonic() > end or process.poll() is not None:
                    output = self.nodes["simulated_robot"].output[-2000:]
                    raise AssertionError(f"{service}: {error}\n{output}") from error

    @contextmanager
    def injected(self, fault: str, value: float = 0.0) -> Iterator[None]:
        """Inject a fault, and mend the robot at the end."""
        self.inject(fault, value)
        try:
            yield
        finally:
            self.inject("")

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Freeze a node's process, and let it go on at the end."""
        process = self.nodes[name].process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)

    def mourn(self, name: str) -> None:
        """Note that a process is no more: goals that it served have ended with it."""
        if name == "env_bridge":
            # What it last asked of the robot is a finite action, and goes on to its end.
            self.watcher.gone("env_bridge/execute_plan", self.action_s)
        if name == "simulated_robot":
            for action in self.robot_actions:
                self.watcher.gone(action)

    def begin(self) -> Episode:
        """Send the next episode and return it."""
        return Episode(self, next(self._next))

    def driving(self) -> Episode:
        """Send the next episode and return it once the robot moves."""
        episode = self.begin()
        episode.until_driving()
        return episode

    def works(self) -> bool:
        """Run one more episode until the robot moves, and cancel it: nothing is stuck."""
        episode = self.driving()
        fault = self.watcher.fault("cancel", TTL_S)
        self.probe.cancel(episode.handle)
        ended = episode.end(fault)
        assert ended.code == ErrorCode.ABORTED_BY_USER, f"{ended.code}: {ended.message}"
        self.keeps_every_promise()
        return True

    def keeps_every_promise(self) -> bool:
        """Whether the watcher has nothing to say; its trace begins anew."""
        found = self.watcher.violations()
        self.watcher.forget()
        assert not found, "\n".join(f"{v.rule}: {v.sentence}" for v in found)
        return True

    def close(self) -> None:
        """End every process, the bridge before the robot."""
        for name in reversed(list(self.nodes)):
            self.nodes[name].__exit__()
        self.watcher.close()
        super().close()


class Episode:
    """One episode under way."""

    def __init__(self, graph: RobotGraph, number: int) -> None:
        self.id = EPISODES[number % len(EPISODES)]
        self.key = f"{number}:{self.id}"
        self._graph = graph
        self._bridge: NodeProcess = graph.nodes["env_bridge"]
        self._said, self._noted = len(self._bridge.output), 0
        graph.watcher.begun(self.key)
        self.handle = graph.send("ignav", self.id, number)
        self._result = self.handle.get_result_async()  # asked for while somebody can answer

    @property
    def has_ended(self) -> bool:
        """Whether the planner has told the result."""
        return bool(self._result.done())

    def until_driving(self) -> None:
        """Wait until motion is commanded; an episode that ends before is an error."""
        watcher, probe = self._graph.watcher, self._graph.probe
        probe.until(lambda: watcher.moving or self._result.done(), 30.0, "the robot drives")
        if not watcher.moving:
            raise NeverDrove(self.end())

    def end(self, fault: Fault | None = None, timeout_s: float = 30.0) -> Ended:
        """Wait for the planner's result; note it, and what the bridge has closed by itself."""
        result = self._graph.probe.wait(self._result, timeout_s, "the episode's result").result
        status = int(result.result.status)
        self._graph.watcher.closed(self.key, "planner", status, result.code, result.message)
        self.closed_by_bridge()
        return self._ended(result.code, result.message, status, fault)

    def abandoned(self, fault: Fault, timeout_s: float = 10.0) -> Ended:
        """Wait until the bridge closes an episode whose planner is no more."""
        self._graph.probe.until(
            lambda: bool(closings(self._bridge, self.id, self._said)),
            timeout_s,
            "the bridge closes the episode",
        )
        status, code, message = self.closed_by_bridge()[-1]
        return self._ended(code, message, status, fault)

    def closed_by_bridge(self) -> list[tuple[int, int, str]]:
        """Return every time that the bridge itself has closed it; the new ones are noted."""
        found = closings(self._bridge, self.id, self._said)
        for status, code, message in found[self._noted :]:
            self._graph.watcher.closed(self.key, "bridge", status, code, message)
        self._noted = len(found)
        return found

    def _ended(self, code: int, message: str, status: int, fault: Fault | None) -> Ended:
        held = self._graph.watcher.hold_s(fault) if fault is not None else 0.0
        if fault is not None:
            tell(fault, int(code), held)
        return Ended(int(code), message, status, held)
