"""A simulator in a worker dies, hangs or is left behind; the graph of nodes goes on (fault 31)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graph import Graph

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode

pytestmark = pytest.mark.system
ROOM = "environment=wiw_core.fakes.environment:FakeEnvironment"


@pytest.fixture(scope="module")
def remote_room(graph: Graph) -> Iterator[Graph]:
    """The graph, with the fake room in a worker; its actions take a third of a second."""
    values = [ROOM, "arguments=action_seconds=0.3", "act_s=6"]
    remote = graph.changed("env_bridge", environment="remote", environment_parameters=values)
    with graph.changed("planner_node", rollout_deadline_s=30.0), remote:
        yield graph


def worker_of(graph: Graph) -> int:
    """Return the process of the bridge's worker."""
    tasks = Path(f"/proc/{graph.nodes['env_bridge'].process.pid}/task")
    found = [
        int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()
    ]
    (worker,) = found
    return worker


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def strike(graph: Graph, number: int) -> Any:
    """Run an episode, signal the worker while the robot moves; return the action's result."""
    handle = graph.send()
    graph.probe.until(graph.moving, 30.0, "motion")
    os.kill(worker_of(graph), number)
    return graph.probe.result(handle, 60.0).result


def test_an_episode_runs_through_a_worker(remote_room: Graph) -> None:
    result, decisions = remote_room.run()
    assert result.code == ErrorCode.OK, result.message
    assert decisions and remote_room.judged(result).actions > 0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, ErrorCode.ENVIRONMENT_FAILED),
        (signal.SIGSTOP, ErrorCode.ENVIRONMENT_UNRESPONSIVE),
    ],
)
def test_a_worker_that_dies_or_hangs_costs_its_episode_alone(
    remote_room: Graph, number: int, code: ErrorCode
) -> None:
    before = worker_of(remote_room)
    result = strike(remote_room, number)
    assert result.code == code, f"{result.code}: {result.message}"
    episode = remote_room.judged(result)
    assert (episode.status, episode.code) == (EpisodeStatus.ABORTED_FAULT, code)
    remote_room.probe.until(lambda: not remote_room.moving(), 10.0, "stillness")
    assert remote_room.works(), "the same episode, with another worker"
    assert worker_of(remote_room) != before
    remote_room.probe.until(lambda: is_gone(before), 10.0, "the end of the old worker")
    output = remote_room.nodes["env_bridge"].output
    assert f"[fake worker {before}]" in output, "what befell it is in the node's log"
    assert "attempt 2" in output


def test_a_worker_does_not_outlive_its_bridge(remote_room: Graph) -> None:
    worker = worker_of(remote_room)
    remote_room.nodes["env_bridge"].kill()
    remote_room.probe.until(lambda: is_gone(worker), 20.0, "the end of the worker")
