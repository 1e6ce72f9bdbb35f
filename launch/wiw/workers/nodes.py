"""Jobs over ROS 2: three node processes in a domain of their own, reconfigured between arms."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from wiw import description
from wiw.arms import Arm
from wiw.study import Job, Settings
from wiw.workers.orphans import end_with_parent
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.domains import claim

PATIENCE_S = 3.0
"""Silence of the planner after which the bridge holds. Nothing real moves in an evaluation, and
workers on every core may starve one another: a robot's value would call that a fault."""
STOP_S = 8.0
"""Seconds the nodes have to end after SIGINT before they are killed."""


class NodesRunner:
    """Runs jobs through a bridge, a world-model node and a planner.

    The nodes stay up; between arms and environments they are cleaned up, given other parameters and
    configured again. A node that has died is started again before the next job.

    Parameters
    ----------
    at_work : file
        Held open by every node: see :func:`wiw.files.join_workers`.
    """

    def __init__(self, folder: Path, settings: Settings, index: int, at_work: IO[bytes]) -> None:
        self._folder, self._settings, self._index = folder, settings, index
        self._at_work = at_work
        self._domain, self._lock = claim()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._configured: dict[str, dict[str, Any]] = {}
        self._closing = threading.Lock()
        self._client = self._connect()

    def episode_ids(self, task: str, limit: int) -> list[str]:
        """Return the first episodes of a task, in evaluation order."""
        self._ensure(description.BRIDGE, self._bridge_parameters(task))
        return list(self._client.episode_ids(task, self._settings.split, limit))

    def run(self, job: Job) -> EpisodeResult:
        """Run an episode; the planner leaves its record."""
        arm = self._settings.arm_of(job.arm)
        self._ensure(description.BRIDGE, self._bridge_parameters(job.task))
        if arm.model not in description.BUILT_IN_MODELS:
            told = [f"{key}={value}" for key, value in arm.model_parameters.items()]
            self._ensure(description.WM_NODE, {"model": arm.model, "model_parameters": told})
        self._ensure(description.PLANNER, self._planner_parameters(job, arm))
        result: EpisodeResult = self._client.run_episode(
            job.task, job.episode_id, self._settings.seed
        )
        return result

    def close(self) -> None:
        """End the nodes; callable from any thread."""
        with self._closing:
            for process in self._processes.values():
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
            for process in self._processes.values():
                try:
                    process.wait(timeout=STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _bridge_parameters(self, task: str) -> dict[str, Any]:
        return {
            "environment": self._settings.environment_of(task),
            "environment_parameters": list(self._settings.environment_parameters),
        }

    def _planner_parameters(self, job: Job, arm: Arm) -> dict[str, Any]:
        servers = {"none": [], "oracle": [description.ORACLE_SERVER]}
        choice = self._settings.policy_of(job.arm)
        revised = {**choice.reviser_parameters, **arm.reviser_parameters}
        return {
            "rollout_servers": servers.get(arm.model, [description.WM_SERVER]),
            "proposer": choice.proposer,
            "reviser": choice.reviser,
            "proposer_parameters": [f"{k}={v}" for k, v in choice.proposer_parameters.items()],
            "reviser_parameters": [f"{k}={v}" for k, v in revised.items()],
            **choice.numbers,
            "record_dir": str((self._folder / job.task / job.arm).resolve()),
            "record_frames": self._settings.film if job.film else 0,
        }

    def _ensure(self, name: str, parameters: dict[str, Any]) -> None:
        """Have the node running and active with these parameters."""
        if name == description.BRIDGE and self._settings.simulate:
            self._keep_robot()
        process = self._processes.get(name)
        if process is None or process.poll() is not None:
            self._configured.pop(name, None)
            self._start(name)
        if self._configured.get(name) != parameters:
            self._configured.pop(name, None)
            if name == description.BRIDGE:  # whoever knew the old environment is told of the new
                self._configured.pop(description.PLANNER, None)
            try:
                self._client.configure(name, parameters)
            except WiwError as error:
                raise WiwError(error.code, error.message, self._last_error(name)) from error
            self._configured[name] = parameters

    def _keep_robot(self) -> None:
        """Have the simulated robot running; one that has died stands anew where it began."""
        process = self._processes.get(description.SIMULATED_ROBOT)
        if process is None or process.poll() is not None:
            spec = description.simulated_robot(self._settings.simulate)
            self._launch(spec.name, description.command(spec, {}))

    def _start(self, name: str) -> None:
        values = {"wm": "copy"}  # a graph with all three nodes; what they load is configured
        spec = next(node for node in description.graph(values) if node.name == name)
        more = ["-p", "autostart:=false"]
        if name == description.BRIDGE and not self._settings.simulate:
            more += ["-p", f"command_ttl_s:={PATIENCE_S}"]
        self._launch(name, [*description.command(spec, values), *more])

    def _launch(self, name: str, command: Sequence[str]) -> None:
        with self._closing, self._log(name) as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._at_work.fileno(),),  # the folder is not free while a node lives
                preexec_fn=end_with_parent,
            )

    def _last_error(self, name: str) -> str:
        """Return the newest error that a node has logged, or where its log is."""
        path = self._log_path(name)
        errors = [line for line in path.read_text(errors="replace").splitlines() if "ERROR" in line]
        return errors[-1].rpartition(f"[{name}]: ")[2] if errors else f"See '{path}'."

    def _log_path(self, name: str) -> Path:
        return self._folder / "logs" / f"worker{self._index}_{name}.log"

    def _log(self, name: str) -> IO[bytes]:
        path = self._log_path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("ab")
        except OSError as error:
            raise WiwError(
                ErrorCode.RECORDING_FAILED, f"Cannot write the log '{path}': {error}."
            ) from error

    def _connect(self) -> Any:
        # The variables must be there before DDS starts, here and in the nodes.
        from wiw_ros.transport import environment

        os.environ.update(environment(), ROS_DOMAIN_ID=str(self._domain))
        import rclpy
        from rclpy.signals import SignalHandlerOptions

        from wiw.loop_client import LoopClient

        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        node = rclpy.create_node(f"wiw_worker_{self._index}")
        return LoopClient(node, description.BRIDGE, description.PLANNER, self._check)

    def _check(self) -> None:
        """Give up waiting as soon as a node that is needed has died."""
        for name in (description.BRIDGE, description.PLANNER):
            process = self._processes.get(name)
            if process is not None and process.poll() is not None:
                raise WiwError(
                    ErrorCode.INTERNAL,
                    f"'{name}' died with exit code {process.returncode}.",
                    self._last_error(name),
                )
