"""Time of one decision outside the models: the same loop in one process and over ROS.

A no-op world model returns ready-made frames and the environment is the fake room, so all that is
left is the loop itself, its conversions and the transport. Prints a table of milliseconds per stage
and writes it to ``results/loop_overhead.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_core.observation import Observation
from wiw_core.records import provenance
from wiw_msgs.action import RunEpisode
from wiw_planner_node.policy import make_policy
from wiw_ros import convert
from wiw_ros.testing import NodeProcess, Probe, own_domain

RESULT = Path(__file__).parent / "results" / "loop_overhead.json"
STAGES = ("glance", "propose", "imagine", "revise", "act")
EPISODE = ("ignav", "val_001")


def main() -> None:
    """Measure both ways in the same run, print and write the result."""
    options = arguments()
    room = {"height": options.view[0], "width": options.view[1]}
    model = {"no_op": True, "height": options.size, "width": options.size, "value": False}
    policy = {
        "proposer": "fake",
        "reviser": "fake",
        "candidates": options.plans,
        "horizon": options.frames,
        "execute": 1,
    }
    local = in_process(options.n, room, model, policy)
    remote = over_ros(options.n, room, model, policy)
    report = {
        "decisions": {"in_process": len(local), "over_ros": len(remote)},
        "plans": options.plans,
        "frames": options.frames,
        "frame_pixels": options.size,
        "payload_mb": payload_mb(options, room),
        "milliseconds": {"in_process": summary(local), "over_ros": summary(remote)},
        "load_average": os.getloadavg()[0],
        "provenance": provenance({"n": options.n}),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    show(report)


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=100, help="decisions to measure, each way")
    parser.add_argument("--plans", type=int, default=3, help="plans per decision")
    parser.add_argument("--frames", type=int, default=14, help="imagined frames per plan")
    parser.add_argument("--size", type=int, default=256, help="pixels of a frame's side")
    parser.add_argument(
        "--view", type=int, nargs=2, default=(288, 576), help="pixels of the panorama", metavar="PX"
    )
    return parser.parse_args()


def in_process(n: int, room: dict, model: dict, policy: dict) -> list[Decision]:
    """Return the decisions of episodes run in this process; the first episode warms up."""
    env = FakeEnvironment(**room)
    made = make_policy(
        EPISODE[0], FakeWorldModel(**model), reviser_parameters={"frames": "all"}, **policy
    )

    def run(keep: Callable[[Decision], None]) -> None:
        run_episode(env, *EPISODE, made, on_decision=keep)

    return collect(n, run)


def over_ros(n: int, room: dict, model: dict, policy: dict) -> list[Decision]:
    """Return the decisions of the same episodes run by three real nodes."""
    parameters: dict[str, dict[str, Any]] = {
        "wiw_env_bridge": {"environment": "fake", "environment_parameters": texts(room)},
        "wiw_wm_node": {"model": "fake", "model_parameters": texts(model)},
        "wiw_planner_node": {
            **policy,
            "rollout_servers": ["wm_node/rollout"],
            "reviser_parameters": ["frames=all"],
        },
    }
    with own_domain() as domain, tempfile.TemporaryDirectory() as folder, Probe(domain) as probe:
        os.environ.pop("ROS_PYTHON_CHECK_FIELDS", None)  # a check for tests, not for use
        nodes = [
            NodeProcess(f"{package}.node", Path(folder), values)
            for package, values in parameters.items()
        ]
        try:
            for name in ("env_bridge", "wm_node", "planner_node"):
                probe.until_state(f"/{name}", "active")

            def run(keep: Callable[[Decision], None]) -> None:
                goal = RunEpisode.Goal(task=EPISODE[0], episode_id=EPISODE[1])
                handle = probe.send(
                    RunEpisode,
                    "/planner_node/run_episode",
                    goal,
                    lambda message: keep(convert.decision_from_msg(message.decision)),
                )
                result = probe.result(handle, 120.0).result
                if result.code != ErrorCode.OK:
                    raise SystemExit(f"{result.code}: {result.message}")

            return collect(n, run)
        finally:
            for node in nodes:
                node.__exit__()


def collect(n: int, run: Callable[[Callable[[Decision], None]], None]) -> list[Decision]:
    """Run episodes until ``n`` decisions are there, after one episode that does not count."""
    run(lambda decision: None)
    decisions: list[Decision] = []
    while len(decisions) < n:
        run(decisions.append)
    return decisions[:n]


def texts(values: dict[str, Any]) -> list[str]:
    """Return ``key=value`` texts, as node parameters want them."""
    return [f"{key}={value}" for key, value in values.items()]


def summary(decisions: list[Decision]) -> dict[str, dict[str, float]]:
    """Return p50 and p95 in milliseconds: per stage, and of a decision without and with motion."""
    series = {stage: [d.seconds.get(stage, 0.0) for d in decisions] for stage in STAGES}
    series["decision"] = [sum(d.seconds.get(s, 0.0) for s in STAGES[:-1]) for d in decisions]
    series["with act"] = [sum(d.seconds.get(s, 0.0) for s in STAGES) for d in decisions]
    return {
        name: {f"p{q}": round(float(np.percentile(values, q)) * 1e3, 3) for q in (50, 95)}
        for name, values in series.items()
    }


def payload_mb(options: argparse.Namespace, room: dict) -> dict[str, float]:
    """Return the megabytes that a decision sends each way."""
    _, seen, _ = FakeEnvironment(**room).reset(*EPISODE)
    frames = options.plans * options.frames * options.size**2 * 3
    return {"rollouts": round(frames / 1e6, 2), "observation": round(size_of(seen) / 1e6, 2)}


def size_of(observation: Observation) -> int:
    """Return the bytes of an observation's images."""
    return sum(
        view.rgb.nbytes + (view.depth.nbytes if view.depth is not None else 0)
        for view in observation.views
    )


def show(report: dict[str, Any]) -> None:
    """Print the table."""
    local, remote = report["milliseconds"]["in_process"], report["milliseconds"]["over_ros"]
    payload = report["payload_mb"]
    table = Table(
        title=f"One decision outside the models, {report['plans']} plans x {report['frames']}"
        f" frames of {report['frame_pixels']} px ({payload['rollouts']} MB), observation of"
        f" {payload['observation']} MB, n = {report['decisions']['over_ros']}"
    )
    table.add_column("ms")
    for column in ("in process", "p95", "over ROS", "p95", "ROS costs"):
        table.add_column(column if column == "p95" else f"{column} p50", justify="right")
    for name in local:
        a, b = local[name], remote[name]
        cells = (a["p50"], a["p95"], b["p50"], b["p95"], b["p50"] - a["p50"])
        table.add_row(name, *(f"{cell:.2f}" for cell in cells))
    console = Console()
    console.print(table)
    console.print(f"load average {report['load_average']:.1f}; written to {RESULT.name}")


if __name__ == "__main__":
    main()
