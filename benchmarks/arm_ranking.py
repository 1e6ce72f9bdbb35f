"""Does the arm's model rank plans as the truth does? Measured on train episodes of the table.

At each decision the default proposer's plans are really executed from a saved state (the oracle)
and imagined by each model, and the default reviser's gauge reads the last frames. Two plans whose
true progress differs are a pair; a model is right about it if its gauge has the better one higher.
Then the first plan is executed, so that later states are judged too. Writes
``results/arm_ranking.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from wiw_core.contracts import DecisionContext, WorldModel
from wiw_core.observation import Episode, Observation
from wiw_core.provenance import provenance
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_core.statistics import mean_interval
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.judging import TASKS
from wiw_planner_node.perception.tabletop.gauges import make_gauge
from wiw_planner_node.perception.tabletop.goal import read_goal
from wiw_planner_node.proposers.arm import ArmProposer
from wiw_wm_node.arm.model import ArmModel
from wiw_wm_node.copy import CopyModel

RESULT = Path(__file__).parent / "results" / "arm_ranking.json"
DECISIONS, SEED = 2, 7
APART = 0.05
"""Two plans differ if their true progress, 0 to 1, differs by more than this."""


@dataclass
class Tally:
    """What one model did on one task; each list has an entry per episode or decision."""

    pairs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    picked: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        """Return the figures; intervals are over episodes."""
        ordered = mean_interval([float(np.mean(values)) for values in self.pairs.values()])
        picked = mean_interval(self.picked)
        return {
            "pairs": sum(map(len, self.pairs.values())),
            "pairs_right": [ordered.estimate, ordered.low, ordered.high],
            "progress_of_the_chosen": [picked.estimate, picked.low, picked.high],
            "seconds_per_decision_p50": float(np.median(self.seconds)),
        }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20, help="train episodes of each task")
    parser.add_argument("--weights", default="", help="instead of those that ship")
    options = parser.parse_args()
    env = TabletopEnvironment()
    models = {
        "copy": CopyModel(),
        "arm": ArmModel(weights=options.weights),
        "oracle": OracleWorldModel(env),
    }
    report = {task: measured(env, task, options.n, models) for task in TASKS}
    env.close()
    show(report)
    RESULT.parent.mkdir(exist_ok=True)
    text = json.dumps(
        {"tasks": report, "provenance": provenance({"n": options.n, "weights": options.weights})},
        indent=1,
        sort_keys=True,
    )
    RESULT.write_text(text + "\n", encoding="utf-8")


def measured(
    env: TabletopEnvironment, task: str, episodes: int, models: dict[str, WorldModel]
) -> dict[str, dict[str, object]]:
    """Return the figures of each model on one task."""
    tallies = {name: Tally() for name in models}
    for name in env.episode_ids(task, "train", episodes):
        for episode, first, request in decisions(env, task, name):
            truth = rolled(models["oracle"], request)[0]
            true = np.array([rollout.value[-1] for rollout in truth if rollout.value is not None])
            gauge = make_gauge(read_goal(episode.goal_text), first.views[0])
            for model, tally in zip(models.values(), tallies.values()):
                ends, seconds = rolled(model, request)
                scores = np.nan_to_num([gauge(end.frames[-1]) for end in ends], nan=-1e3)
                tally.seconds.append(seconds)
                tally.picked.append(float(true[int(np.argmax(scores))]))
                for i, j in zip(*np.triu_indices(len(true), 1)):
                    if abs(true[i] - true[j]) > APART:
                        right = (scores[i] - scores[j]) * (true[i] - true[j]) > 0
                        tally.pairs[name].append(float(right))
    return {name: tally.row() for name, tally in tallies.items()}


def decisions(
    env: TabletopEnvironment, task: str, name: str
) -> Iterator[tuple[Episode, Observation, RolloutRequest]]:
    """Yield the episode, its first look, and the request of each decision."""
    episode, now, done = env.reset(task, name)
    first, proposer = now, ArmProposer()
    for index in range(DECISIONS):
        if done:
            return
        rng = np.random.default_rng([SEED, episode.seed, index])
        limits = TASKS[task].limits
        context = DecisionContext(episode, (now,), index, limits, env.actions, rng)
        plans = tuple(proposer.propose(context, limits.candidates))
        frames = tuple(len(plan) for plan in plans)
        yield episode, first, RolloutRequest((now,), plans, frames, last_frame_only=True)
        for transition in env.act(plans[0], observe=False):
            done = transition.done
        now = env.observe()


def rolled(model: WorldModel, request: RolloutRequest) -> tuple[list[Rollout], float]:
    """Return the rollouts in the plans' order, and the seconds of CPU that they took."""
    start = time.process_time()
    rollouts = sorted(model.rollout(request), key=lambda rollout: rollout.plan_index)
    return rollouts, time.process_time() - start


def show(report: dict[str, dict[str, dict[str, object]]]) -> None:
    """Print the table."""
    table = Table("task", "model", "pairs", "right", "progress of the chosen", "CPU s a decision")
    for task, rows in report.items():
        for model, row in rows.items():
            table.add_row(
                task,
                model,
                str(row["pairs"]),
                _span(row["pairs_right"]),
                _span(row["progress_of_the_chosen"]),
                f"{row['seconds_per_decision_p50']:.2f}",
            )
    Console(width=120).print(table)


def _span(value: object) -> str:
    estimate, low, high = np.asarray(value)
    return f"{estimate:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
