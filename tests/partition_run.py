"""Cut a planner's network in motion, and its model's in mid-rollout; say what happened as JSON.

    python partition_run.py FOLDER OWNER

``test_safety_partition.py`` runs it on the host "probe", which hears the robot also while the
planner cannot.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from partition import Network, transport
from robot_graph import TTL_S, RobotGraph

from wiw_core.errors import ErrorCode
from wiw_ros.testing import own_domain

HOSTS = ("probe", "robot", "model", "planner")
PLACES = {
    "simulated_robot": "robot",
    "env_bridge": "robot",
    "wm_node": "model",
    "planner_node": "planner",
}


def main() -> None:
    """Build the graph over the hosts that the test has made, and run both cuts."""
    folder, network = Path(sys.argv[1]), Network(HOSTS, int(sys.argv[2]))
    with own_domain() as domain:
        os.environ.update(transport(folder))
        graph = RobotGraph(domain, folder)
        graph.prefixes = {node: network.on(host) for node, host in PLACES.items()}
        try:
            graph.start_all()
            told = {
                "planner": without_planner(graph, network),
                "model": without_model(graph, network),
            }
        finally:
            graph.close()
    (folder / "told.json").write_text(json.dumps(told))


def without_planner(graph: RobotGraph, network: Network) -> dict[str, Any]:
    """Cut the planner off while the robot drives."""
    planner = graph.nodes["planner_node"]
    episode = graph.driving()
    said, lost = len(planner.output), f"{int(ErrorCode.ACTION_SERVER_LOST)} "
    network.cut("planner")
    fault = graph.watcher.fault("network cut: planner", TTL_S)  # by now it surely is
    try:
        held = episode.abandoned(fault)
        graph.probe.until(lambda: lost in planner.output[said:], 20.0, "the planner finds out")
        noticed_s = time.monotonic() - fault.t
    finally:
        network.join("planner")
    ended = episode.end()
    works = graph.works()
    return {
        "held_s": held.hold_s,
        "bridge": held.code,
        "noticed_s": noticed_s,
        "planner": ended.code,
        "message": ended.message,
        "works": works,
    }


def without_model(graph: RobotGraph, network: Network) -> dict[str, Any]:
    """Cut the world model off in mid-rollout; the robot stands all the while."""
    with graph.changed("wm_node", model_parameters=["seconds=30"]):
        episode = graph.begin()
        graph.until_imagining()
        fault = graph.watcher.fault("network cut: model", 0.0)
        network.cut("model")
        try:
            ended = episode.end(fault)
            noticed_s = time.monotonic() - fault.t
        finally:
            network.join("model")
    works = graph.works()
    return {
        "held_s": ended.hold_s,
        "noticed_s": noticed_s,
        "planner": ended.code,
        "message": ended.message,
        "works": works,
    }


if __name__ == "__main__":
    main()
