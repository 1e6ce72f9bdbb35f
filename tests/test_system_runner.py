"""``wiw_run``, which runs the episodes of ``wiw up`` and ``ros2 launch``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from graph import Graph

pytestmark = pytest.mark.system


@contextmanager
def running(*parameters: str) -> Iterator[subprocess.Popen[str]]:
    """Start the runner on the graph of this test."""
    words = [word for parameter in parameters for word in ("-p", parameter)]
    command = [sys.executable, "-m", "wiw.runner", "--ros-args", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_episode_whose_planner_dies_is_told_and_the_next_one_runs(graph: Graph) -> None:
    with (
        graph.changed("wm_node", model_parameters=["seconds=30"]),
        running("task:=ignav", "episodes:=2", "also:=[wm_node]") as runner,
    ):
        graph.until_imagining()
        graph.nodes["planner_node"].kill()
        assert runner.stdout is not None
        assert "no result" in runner.stdout.readline()
        graph.reconfigure("wm_node", model_parameters=[])
        graph.replace("planner_node")
        assert runner.stdout.readline().startswith("2/2")
        assert runner.stdout.readline().endswith("1 faults\n")
        assert runner.wait(20.0) == 1
