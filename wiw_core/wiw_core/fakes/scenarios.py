"""The episodes of the fake environment, with what only it may know."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wiw_core.fakes import room
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode
from wiw_core.plans import NAVIGATION_DELTA, TURN_RAD
from wiw_core.tasks import ar, ignav

SPLITS = ("train", "val")
BUDGETS = {"ignav": ignav.BUDGET, "ar": ar.BUDGET}
_PRIVILEGES = {"ignav": ("oracle_stop",), "ar": ("target_box",)}


@dataclass(frozen=True)
class Scenario:
    """The private side of an episode; ``goal`` is a place (ignav), ``target`` a wall (ar)."""

    public: Episode
    start: Pose2
    goal: Pose2 | None
    target: str


def make_scenario(task: str, episode_id: str, goal_pixels: int) -> Scenario:
    """Return the episode of that id: it depends on nothing else."""
    split, number = episode_id.split("_")
    seed = SPLITS.index(split) * 1000 + int(number)
    rng = np.random.default_rng(seed)
    start = Pose2(*(float(v) for v in rng.uniform([-1, -1, -math.pi], [1, 1, math.pi])))
    target = room.WALLS[int(rng.integers(4))] if task == "ar" else ""
    goal = _goal(start, rng, straight=int(number) % 2 == 0) if task == "ignav" else None
    public = Episode(
        task=task,
        id=episode_id,
        seed=seed,
        scene="square room",
        split=split,
        budget=BUDGETS[task],
        goal_view=None if goal is None else room.front(goal, goal_pixels),
        labels=room.WALLS if task == "ar" else (),
        privileges=_PRIVILEGES[task],
    )
    return Scenario(public, start, goal, target)


def _goal(start: Pose2, rng: np.random.Generator, straight: bool) -> Pose2:
    """Return a pose within reach: straight ahead, or anywhere at least 0.8 m away."""
    if straight:
        return start * Pose2(0.8, 0.0, 0.0)
    while True:
        place = rng.uniform([-1.5, -1.5, -math.pi], [1.5, 1.5, math.pi])
        goal = Pose2(*(float(v) for v in place))
        if start.distance_m(goal) >= 0.8:
            return goal


def shortest_actions(start: Pose2, goal: Pose2) -> int:
    """Return the fewest actions that turn on the spot, then go straight, to the goal."""
    best = 10_000
    for turns in range(-8, 9):
        pose = start * Pose2(0.0, 0.0, turns * TURN_RAD)
        for forwards in range(25):
            if pose.distance_m(goal) <= ignav.SUCCESS_RADIUS_M:
                best = min(best, abs(turns) + forwards)
                break
            pose = pose * NAVIGATION_DELTA["forward"]
    return best
