"""``wiw_run``: a node that runs the first episodes of a task on a running graph, then ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.signals import SignalHandlerOptions
from rich.console import Console

from wiw.description import BRIDGE, PLANNER, RUNNER
from wiw.loop_client import LoopClient
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.metrics import is_fault
from wiw_core.statistics import wilson
from wiw_ros.clients.liveness import DEFAULT_PATIENCE, Liveness, Watch
from wiw_ros.parameters import Param, Parameters

PARAMETERS = (
    Param("task", "ignav", "Task whose episodes are run."),
    Param("episodes", 1, "How many, from the first on.", low=1),
    Param("seed", 0, "Seed of the run.", low=0),
    Param("split", "val", "Which episodes.", choices=("val", "train")),
    Param("bridge", BRIDGE, "Name of the environment bridge."),
    Param("planner", PLANNER, "Name of the planner."),
    Param("also", [], "Other nodes that must be active before the first episode."),
)
LOST = 3
"""So many episodes in a row without a result, and no more are begun."""


def main() -> None:
    """Run the node; exit code 0 if every episode got a verdict."""
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    node = rclpy.create_node(RUNNER, automatically_declare_parameters_from_overrides=True)
    try:
        code = _run(node)
    except WiwError as error:
        node.get_logger().error(f"{describe(error.code)}: {error}")
        code = 1
    except KeyboardInterrupt:
        code = 130
    node.destroy_node()
    rclpy.try_shutdown()
    raise SystemExit(code)


def _run(node: rclpy.node.Node) -> int:
    values = Parameters(node, PARAMETERS).read()
    planner = _Pulse(node, values["planner"])
    client = LoopClient(node, values["bridge"], values["planner"], planner.require)
    console, outcomes, lost = Console(highlight=False), [], 0
    try:
        for name in (values["bridge"], values["planner"], *values["also"]):
            client.wait_active(name)
        ids = client.episode_ids(values["task"], values["split"], values["episodes"])
        for number, episode_id in enumerate(ids, 1):
            try:
                with planner.watched():
                    result = client.run_episode(values["task"], episode_id, values["seed"])
            except WiwError as error:
                lost += 1
                sentence = f"{number}/{len(ids)} {episode_id}: no result ({error})"
                console.print(sentence, soft_wrap=True)
                if lost == LOST:
                    raise
                client.wait_active(values["planner"])  # it is started again
                continue
            outcomes.append(result)
            console.print(f"{number}/{len(ids)} {say(result)}")
    finally:
        client.close()
        planner.close()
    verdicts = [result for result in outcomes if not is_fault(result)]
    successes = sum(result.success for result in verdicts)
    rate = wilson(successes, len(verdicts))
    faults = len(outcomes) - len(verdicts) + lost
    console.print(
        f"{values['task']}: success {successes}/{len(verdicts)}"
        f" (95 % interval {rate.low:.2f} to {rate.high:.2f}), {faults} faults"
    )
    return 1 if faults else 0


class _Pulse:
    """Notices that the planner has died: the result of its goal would never come."""

    def __init__(self, node: rclpy.node.Node, name: str) -> None:
        self._liveness = Liveness(node)
        service = node.resolve_service_name(f"{name}/get_state")
        self._name = service.rpartition("/")[0]
        self._watch: Watch | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have :meth:`require` look meanwhile."""
        self._watch = self._liveness.watch(self._name)
        try:
            yield
        finally:
            self._watch = None

    def require(self) -> None:
        """Raise ``ACTION_SERVER_LOST`` if the planner has ended, or begun anew."""
        if self._watch is not None:
            gone = ErrorCode.ACTION_SERVER_LOST
            self._watch.require(DEFAULT_PATIENCE, gone, gone, "an episode")

    def close(self) -> None:
        """Stop listening."""
        self._liveness.close()


def say(result: EpisodeResult) -> str:
    """Return one line about an episode."""
    text = f"{result.episode_id}: {result.status.name.lower().replace('_', ' ')}"
    text += f", {result.decisions} decisions, {result.actions} actions"
    if result.answer:
        text += f", answer '{result.answer}'"
    return text + (f" ({describe(result.code)}: {result.message})" if is_fault(result) else "")


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
