"""A shortest action sequence to a goal: its length for SPL in actions, itself for experts."""

from __future__ import annotations

import heapq
import itertools
import math

from wiw_core.geometry import Pose2, wrap
from wiw_core.plans import FORWARD_M, TURN_RAD, Action
from wiw_env_bridge.mujoco.agent import plan_motion
from wiw_env_bridge.mujoco.navigation import CELL_M, DistanceField, FloorGrid

_HEADINGS = round(2 * math.pi / TURN_RAD)
_FORWARD = Action("forward")
_Key = tuple[int, int, int]
_Step = tuple[str, _Key]
"""A primitive, and the pose it was done at."""


def shortest_actions(
    grid: FloorGrid, to_goal: DistanceField, start: Pose2, radius_m: float, limit: int = 200_000
) -> int | None:
    """Return how many primitives :func:`shortest_route` has."""
    route = shortest_route(grid, to_goal, start, radius_m, limit)
    return None if route is None else len(route)


def shortest_route(
    grid: FloorGrid, to_goal: DistanceField, start: Pose2, radius_m: float, limit: int = 200_000
) -> tuple[str, ...] | None:
    """Return the primitives that bring the robot within ``radius_m`` (geodesic) of the goal.

    A* over exact poses without contact; two poses in the same 2.5 cm cell with the same heading
    count as one. None if ``limit`` poses are not enough.
    """
    distance = to_goal.metres(start.x_m, start.y_m)
    # Ordered by bound on the whole, then the deepest, then the oldest.
    todo: list[tuple[int, int, int, _Key, Pose2, float, _Step | None]] = [
        (0, 0, 0, _key(start, 0), start, distance, None)
    ]
    steps: dict[_Key, _Step | None] = {}
    count = itertools.count(1)
    while todo and len(steps) < limit:
        _, minus_used, _, key, pose, distance, step = heapq.heappop(todo)
        if key in steps:
            continue
        steps[key] = step
        if distance <= radius_m:
            return _route(steps, key)
        turns, used = key[2], 1 - minus_used
        following = [
            ("turn_left", turns + 1, _turned(start, pose, turns + 1), distance),
            ("turn_right", turns - 1, _turned(start, pose, turns - 1), distance),
        ]
        forward = plan_motion(grid, pose, _FORWARD)
        if not forward.blocked:
            ahead = forward.at(1.0)
            following.append(("forward", turns, ahead, to_goal.metres(ahead.x_m, ahead.y_m)))
        for name, t, then, left in following:
            if (then_key := _key(then, t)) not in steps:
                bound = used + _fewest(then, to_goal.goal, left, radius_m)
                entry = (bound, -used, next(count), then_key, then, left, (name, key))
                heapq.heappush(todo, entry)
    return None


def _route(steps: dict[_Key, _Step | None], key: _Key) -> tuple[str, ...]:
    names = []
    while (step := steps[key]) is not None:
        name, key = step
        names.append(name)
    return tuple(reversed(names))


def _turned(start: Pose2, pose: Pose2, turns: int) -> Pose2:
    return Pose2(pose.x_m, pose.y_m, start.yaw_rad + turns * TURN_RAD)


def _key(pose: Pose2, turns: int) -> _Key:
    half = CELL_M / 2
    return math.floor(pose.x_m / half), math.floor(pose.y_m / half), turns % _HEADINGS


def _fewest(pose: Pose2, goal: tuple[float, float], distance_m: float, radius_m: float) -> int:
    """Return a lower bound on the primitives still needed.

    Forwards make up the geodesic distance. They also must add up to a step into the circle round
    the goal, and only headings between the first and the last are used: hence the turns.
    """
    if distance_m <= radius_m:
        return 0
    forwards = math.ceil((distance_m - radius_m) / FORWARD_M - 1e-9)
    dx, dy = goal[0] - pose.x_m, goal[1] - pose.y_m
    straight_m = math.hypot(dx, dy)
    if straight_m <= radius_m:
        return forwards
    off = abs(wrap(math.atan2(dy, dx) - pose.yaw_rad)) - math.asin(radius_m / straight_m)
    return forwards + max(0, math.ceil(off / TURN_RAD - 1e-9))
