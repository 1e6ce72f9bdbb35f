"""Length of a shortest action sequence to a goal, for SPL in actions."""

from __future__ import annotations

import heapq
import itertools
import math

from wiw_core.geometry import Pose2
from wiw_core.plans import FORWARD_M, TURN_RAD, Action
from wiw_env_bridge.mujoco.agent import plan_motion
from wiw_env_bridge.mujoco.navigation import CELL_M, DistanceField, FloorGrid

_HEADINGS = round(2 * math.pi / TURN_RAD)
_FORWARD = Action("forward")
_Key = tuple[int, int, int]


def shortest_actions(
    grid: FloorGrid, to_goal: DistanceField, start: Pose2, radius_m: float, limit: int = 200_000
) -> int | None:
    """Return how many primitives bring the robot within ``radius_m`` (geodesic) of the goal.

    A* over exact poses without contact; two poses in the same 2.5 cm cell with the same heading
    count as one. None if ``limit`` poses are not enough.
    """
    # Ordered by bound on the whole, then the deepest, then the oldest.
    todo: list[tuple[int, int, int, _Key, Pose2]] = [(0, 0, 0, _key(start, 0), start)]
    seen: set[_Key] = set()
    count = itertools.count(1)
    while todo and len(seen) < limit:
        _, minus_used, _, key, pose = heapq.heappop(todo)
        if key in seen:
            continue
        seen.add(key)
        distance = to_goal.metres(pose.x_m, pose.y_m)
        if distance <= radius_m:
            return -minus_used
        turn = key[2]
        following = [(turn + side, _turned(start, pose, turn + side)) for side in (1, -1)]
        forward = plan_motion(grid, pose, _FORWARD)
        if not forward.blocked:
            following.append((turn, forward.at(1.0)))
        for next_turn, next_pose in following:
            next_key = _key(next_pose, next_turn)
            if next_key not in seen:
                used = 1 - minus_used
                bound = used + _fewest(to_goal, next_pose, radius_m)
                heapq.heappush(todo, (bound, -used, next(count), next_key, next_pose))
    return None


def _turned(start: Pose2, pose: Pose2, turns: int) -> Pose2:
    return Pose2(pose.x_m, pose.y_m, start.yaw_rad + turns * TURN_RAD)


def _key(pose: Pose2, turns: int) -> _Key:
    half = CELL_M / 2
    return math.floor(pose.x_m / half), math.floor(pose.y_m / half), turns % _HEADINGS


def _fewest(to_goal: DistanceField, pose: Pose2, radius_m: float) -> int:
    """Return a lower bound on the primitives still needed: all of them forwards, straight there."""
    left = to_goal.metres(pose.x_m, pose.y_m) - radius_m
    return max(0, math.ceil(left / FORWARD_M - 1e-9))
