"""Model time of one decision of the warp model: both ways of filling, at two sizes.

An apartment is rendered as a robot sees it on a short walk; then the same plans are imagined with
each way of filling in turn, so that both meet the same load. Prints a table of milliseconds per
decision, wall clock and CPU, and writes it to ``results/warp_decision.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from wiw_core.geometry import Pose2
from wiw_core.observation import Observation
from wiw_core.plans import Plan, navigation_plan
from wiw_core.records import provenance
from wiw_core.rollouts import RolloutRequest
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_wm_node.warp.fill import push_pull_fill
from wiw_wm_node.warp.inpaint.features import features
from wiw_wm_node.warp.inpaint.fill import InpaintFill
from wiw_wm_node.warp.memory import Memory, moved
from wiw_wm_node.warp.model import WarpModel
from wiw_wm_node.warp.render import warped
from wiw_wm_node.warp.splat import splat

RESULT = Path(__file__).parent / "results" / "warp_decision.json"
F, L, R = "forward", "turn_left", "turn_right"
PLANS = tuple(navigation_plan(p) for p in ([L, L, F, F, F], [F] * 5, [R, R, F, F, F]))
"""M = 3 plans of L = 5 actions."""
SIZES = {"256x256 pixels as a panorama": (176, 352), "as shipped": (288, 512)}
CONTEXT = 4


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20, help="decisions of each kind")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch and OpenCV")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    seen = walk()
    rows = [row for name, size in SIZES.items() for row in decisions(name, size, seen, options.n)]
    report = {
        "rows": rows,
        "parts_ms": parts(seen, options.n),
        "n": options.n,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "provenance": provenance({"n": options.n, "threads": options.threads}),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    show(report)


def walk() -> tuple[Observation, ...]:
    """Return the last views of a robot that has moved a little."""
    env = MujocoEnvironment(views=("panorama",))
    try:
        task, split = "ignav", "train"
        episode = env.episode_ids(task, split, 1)[0]
        _, first, _ = env.reset(task, episode)
        steps = env.act(navigation_plan([F, L, F]))
        return (first, *(t.observation for t in steps if t.observation is not None))
    finally:
        env.close()


def decisions(
    name: str, size: tuple[int, int], seen: tuple[Observation, ...], n: int
) -> list[dict[str, Any]]:
    """Return p50 and p95 of decisions that imagine last frames or all, filled either way."""
    models = {
        fill: WarpModel(*size, context=CONTEXT, fill=fill) for fill in ("push_pull", "inpaint")
    }
    found = []
    for last in (True, False):
        times: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for k in range(n + 1):
            for fill, model in models.items():
                measured = timed(model, seen, PLANS, last)
                if k:  # the first one warms up
                    times[fill].append(measured)
        for fill, values in times.items():
            wall, cpu = np.percentile(np.array(values) * 1e3, [50, 95], axis=0).T
            found.append(
                {
                    "size": name,
                    "pixels": list(size),
                    "frames": len(PLANS) if last else sum(map(len, PLANS)),
                    "fill": fill,
                    "wall_ms": {"p50": round(wall[0], 1), "p95": round(wall[1], 1)},
                    "cpu_ms": {"p50": round(cpu[0], 1), "p95": round(cpu[1], 1)},
                }
            )
    return found


def timed(
    model: WarpModel, seen: tuple[Observation, ...], plans: tuple[Plan, ...], last: bool
) -> tuple[float, float]:
    """Return the seconds, by the wall and of CPU, that a decision takes."""
    lengths = tuple(map(len, plans))
    request = RolloutRequest(seen, plans, lengths, last_frame_only=last)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in model.rollout(request):
        pass
    return time.perf_counter() - wall, time.process_time() - cpu


def parts(seen: tuple[Observation, ...], n: int) -> dict[str, float]:
    """Return the median CPU milliseconds of the parts of a decision, at the shipped size."""
    size, ahead, inpaint = SIZES["as shipped"], Pose2(0.6, 0.1, 0.0), InpaintFill()
    memory = Memory.of(seen, CONTEXT, size)
    picture = warped(memory, ahead)
    moving = replace(memory.mesh, points=moved(memory.mesh.points, ahead.inverse()))
    jobs: dict[str, Callable[[], object]] = {
        "memory (once a decision)": lambda: Memory.of(seen, CONTEXT, size),
        "splat (a frame)": lambda: splat(moving, memory.now.lens),
        "warp in all (a frame)": lambda: warped(memory, ahead),
        "fill, push_pull (a frame)": lambda: push_pull_fill(picture),
        "fill, inpaint (a frame)": lambda: inpaint(picture),
        "of which features": lambda: features(picture),
    }
    found = {}
    for name, job in jobs.items():
        times = []
        for _ in range(n):
            start = time.process_time()
            job()
            times.append(time.process_time() - start)
        found[name] = round(float(np.median(times)) * 1e3, 1)
    return found


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console()
    table = Table(title=f"One decision of warp, M = {len(PLANS)}, L = {len(PLANS[0])}, ms")
    for column in ("frames of", "frames", "fill"):
        table.add_column(column)
    for column in ("wall p50", "p95", "CPU p50", "p95"):
        table.add_column(column, justify="right")
    for row in report["rows"]:
        times = (row[kind][p] for kind in ("wall_ms", "cpu_ms") for p in ("p50", "p95"))
        size = "{} x {} ({})".format(*row["pixels"], row["size"])
        table.add_row(size, str(row["frames"]), row["fill"], *(f"{t:.0f}" for t in times))
    console.print(table)
    for name, value in report["parts_ms"].items():
        console.print(f"{name}: {value:.1f} ms of CPU")
    console.print(f"load average {report['load_average']:.1f}; written to {RESULT.name}")


if __name__ == "__main__":
    main()
