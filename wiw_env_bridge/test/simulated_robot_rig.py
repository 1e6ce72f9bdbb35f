"""A simulated robot of any kind in a process of its own, and what every test asks of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from std_srvs.srv import Trigger

from wiw_core.errors import WiwError
from wiw_msgs.srv import FinishEpisode, InjectFault, ResetEpisode
from wiw_ros.testing import ASK_S, READY_S, NodeProcess, Probe

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


class SimulatedRobotRig:
    """The process, its faults and its referee.

    Parameters
    ----------
    parameters : dict
        Of the node.
    """

    def __init__(self, probe: Probe, folder: Path, namespace: str = "", **parameters: Any) -> None:
        self.probe, self._ns = probe, f"{namespace}/" if namespace else ""
        label = f"robot{namespace.replace('/', '_')}"
        folder = folder / label
        folder.mkdir(exist_ok=True)
        self.process = NodeProcess(
            "wiw_env_bridge.simulated_robot.node",
            folder,
            parameters,
            namespace=f"/{namespace}" if namespace else "",
        )
        probe.greetings[self._ns] = self.decided

    def name(self, relative: str) -> str:
        """Return a name in the robot's namespace."""
        return f"{self._ns}{relative}"

    def decided(self) -> Any:
        """Ask whether the task is decided; asks again where an answer was lost."""
        end = time.monotonic() + READY_S
        while True:
            try:
                service = self.name("simulated_robot/referee/decided")
                return self.probe.call(Trigger, service, Trigger.Request(), ASK_S)
            except (WiwError, AssertionError):
                assert time.monotonic() < end, self.process.output
                assert self.process.process.poll() is None, self.process.output

    def until(self, holds: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        """Wait until something holds, asked whenever a message arrives."""
        self.probe.until(holds, timeout_s, what)

    def inject(self, fault: str, value: float = 0.0, duration_s: float = 0.0) -> Any:
        """Begin a fault, or mend all with an empty name."""
        request = InjectFault.Request(fault=fault, value=value, duration_s=duration_s)
        return self._call(InjectFault, "simulated_robot/inject", request)

    def reset(self, task: str, episode_id: str) -> Any:
        """Have the robot placed where an episode begins."""
        request = ResetEpisode.Request(task=task, episode_id=episode_id)
        return self._call(ResetEpisode, "simulated_robot/referee/reset_episode", request)

    def finish(self, **fields: Any) -> Any:
        """Have the open episode judged."""
        request = FinishEpisode.Request(fault=1, confidence=math.nan, **fields)
        return self._call(FinishEpisode, "simulated_robot/referee/finish_episode", request)

    def close(self) -> None:
        """End the process."""
        del self.probe.greetings[self._ns]
        self.process.__exit__()
        assert "Traceback" not in self.process.output, self.process.output

    def _end(self, handle: Any) -> tuple[int, Any]:
        answer = self.probe.result(handle, 40.0)
        return answer.status, answer.result

    def _call(self, service_type: Any, name: str, request: Any) -> Any:
        return self.probe.call(service_type, self.name(name), request)

    def _send(self, action_type: Any, name: str, goal: Any, feedback: Any) -> Any:
        return self.probe.send(action_type, self.name(name), goal, feedback)
