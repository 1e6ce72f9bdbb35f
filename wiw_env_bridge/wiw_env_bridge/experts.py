"""Runs the experts, which know the true state: ``python -m wiw_env_bridge.experts``.

They prove that every episode can be solved within its protocol's budget, and are the upper bounds
that planners are compared with. Each gives plans no longer than its task's protocol executes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol

from wiw_core.contracts import Environment, Task
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.metrics import summarise
from wiw_core.plans import Plan, navigation_plan
from wiw_core.statistics import Interval
from wiw_core.tasks.ignav import SUCCESS_RADIUS_M, ImageGoalNavigation
from wiw_env_bridge.episodes import load_episodes
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.mujoco.shortest import shortest_route
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.experts import next_plan
from wiw_env_bridge.tabletop.judging import TASKS as TABLE_TASKS

_SMALL = 32
"""Pixels of the images nobody looks at."""

TASKS: dict[str, Task] = {"ignav": ImageGoalNavigation(), **TABLE_TASKS}
"""The tasks that experts are written for."""


class Expert(Protocol):
    """Solves the episodes of one environment."""

    def reset(self, task: str, episode_id: str) -> None:
        """Prepare for the episode that was just opened."""
        ...

    def plan(self) -> Plan:
        """Return what to do next."""
        ...


class TableExpert:
    """Looks at the true state of the table before each plan."""

    def __init__(self, environment: TabletopEnvironment) -> None:
        self._environment = environment

    def reset(self, task: str, episode_id: str) -> None:
        """Nothing to prepare: all it needs is the present state."""

    def plan(self) -> Plan:
        """Return the next tool poses, at most five."""
        table = self._environment.table
        return next_plan(table.scene, table.model, table.data)


class RouteExpert:
    """Knows the floor: follows a shortest route to the goal's success radius."""

    def __init__(self) -> None:
        self._left: tuple[str, ...] = ()

    def reset(self, task: str, episode_id: str) -> None:
        """Find the route; raises ``ENVIRONMENT_FAILED`` if there is none."""
        record = next(r for r in load_episodes(task) if r.id == episode_id)
        grid, goal = lay_out(record.scene).grid, record.goal
        route = None
        if goal is not None:
            to_goal = grid.distances_to(goal.x_m, goal.y_m)
            route = shortest_route(grid, to_goal, record.start, SUCCESS_RADIUS_M)
        if route is None:
            raise WiwError(
                ErrorCode.ENVIRONMENT_FAILED, f"'{episode_id}' has no route to its goal."
            )
        self._left = route

    def plan(self) -> Plan:
        """Return the next primitives, as many as a decision executes."""
        count = TASKS["ignav"].limits.execute
        now, self._left = self._left[:count], self._left[count:]
        return navigation_plan(now)


def solve(environment: Environment, expert: Expert, task: str, episode_id: str) -> EpisodeResult:
    """Run an episode until it is decided or the task's budget is spent; return its result."""
    _, _, done = environment.reset(task, episode_id)
    expert.reset(task, episode_id)
    decisions = 0
    while not done and decisions < TASKS[task].budget:
        for transition in environment.act(expert.plan(), observe=False):
            done = transition.done
        decisions += 1
    return environment.finish(decisions)


def make(task: str) -> tuple[Environment, Expert]:
    """Return a new environment for a task of :data:`TASKS`, and an expert in it."""
    if task in TABLE_TASKS:
        table = TabletopEnvironment(image_size=_SMALL)
        return table, TableExpert(table)
    return MujocoEnvironment(_SMALL, 2 * _SMALL, _SMALL), RouteExpert()


def run(
    task: str, episodes: int = 0, split: str = "val", tell: Callable[[str], None] = print
) -> list[EpisodeResult]:
    """Solve the first ``episodes`` of a split, all if 0; tell a line of the outcome."""
    environment, expert = make(task)
    try:
        ids = environment.episode_ids(task, split, episodes)
        results = [solve(environment, expert, task, episode_id) for episode_id in ids]
    finally:
        environment.close()
    tell(_line(task, results))
    failed = [r.episode_id for r in results if not r.success]
    if failed:
        tell(f"  not solved: {', '.join(failed)}")
    return results


HEADER = f"{'task':<28} {'n':>4} {'success [95 %]':>22} {'SPL':>6} {'decisions':>10} {'actions':>8}"


def _line(task: str, results: Sequence[EpisodeResult]) -> str:
    summary = summarise(results, ())
    spl = f"{100 * summary.spl_actions.estimate:.1f}" if task not in TABLE_TASKS else "-"
    return (
        f"{task:<28} {summary.n:>4} {_percent(summary.success):>22} {spl:>6}"
        f" {summary.decisions.estimate:>10.2f} {summary.actions.estimate:>8.2f}"
    )


def _percent(value: Interval) -> str:
    return f"{100 * value.estimate:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def main() -> None:
    """Run the experts and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(TASKS), action="append")
    parser.add_argument("--episodes", type=int, default=0, help="of each task; all if 0")
    parser.add_argument("--split", choices=("val", "train"), default="val")
    arguments = parser.parse_args()
    print(HEADER)
    for task in arguments.task or TASKS:
        run(task, arguments.episodes, arguments.split)


if __name__ == "__main__":
    main()
