"""Round the target on either side: the moves that show more of an object than it shows now."""

from __future__ import annotations

import math

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, wrap
from wiw_core.plans import NAVIGATION_DELTA, TURN_RAD, Plan, navigation_plan
from wiw_planner_node.perception.following import Follower
from wiw_planner_node.perception.obstacles import ObstacleMap, obstacle_map
from wiw_planner_node.perception.target import TrackedTarget
from wiw_planner_node.proposers.heuristic import HeuristicProposer

LEFT, RIGHT = 1, -1
_SIDES = {LEFT: "left", RIGHT: "right"}
_WIDEST_RAD = 3 * TURN_RAD
"""Never further off the target than this: four turns would leave a plan of four no way to go."""
_AHEAD = NAVIGATION_DELTA["forward"]


class AroundProposer:
    """Two ways round the object in question, one on each of its sides; imagination may choose.

    A half-hidden object shows more from one side of what hides it, and which one it is cannot be
    read from the view: the paper asks its language model for moves that show the boxed object best
    (arXiv 2510.18135, appendix B.1), this proposer offers both. Each plan heads for a tangent of
    the circle about the object, so that it comes nearer from afar and goes round when near, and
    turns away from what the depth seen now shows in its way.

    The first plan keeps to the side of the plan executed before, at the first decision to one drawn
    from ``context.rng``: without imagination the robot goes round one way and does not dither.
    Where the sides do not give enough plans, or no target has been seen yet, the rest is drawn by
    :class:`~wiw_planner_node.proposers.heuristic.HeuristicProposer`.

    The object's place is followed per episode and begun anew at index 0.

    Parameters
    ----------
    ring_m : float
        Radius in metres of the circle about the object.
    robot_radius_m : float
        Distance that the middle of the robot keeps from obstacles.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range.
    """

    def __init__(self, ring_m: float = 1.2, robot_radius_m: float = 0.2) -> None:
        if not 0.0 < ring_m <= 5.0:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"ring_m is {ring_m}; it must be above 0, at most 5."
            )
        self.ring_m = ring_m
        self.robot_radius_m = robot_radius_m
        self._otherwise = HeuristicProposer(robot_radius_m=robot_radius_m)
        self._follower = Follower()
        self._sides: dict[tuple[str, ...], int] = {}
        self._side = 0

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of ``limits.horizon`` actions.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
            ``DEPTH_REQUIRED`` if no view has depth, ``PANORAMA_REQUIRED`` if a target without a box
            cannot be followed, ``BAD_IMAGE`` for a box outside its view.
        """
        if context.index == 0:
            self._begin()
        self._follower.update(context)
        target = self._follower.target()
        plans = [] if target is None else self._both_ways(context, target)[:count]
        for plan in self._otherwise.propose(context, count):
            if len(plans) < count and all(plan.actions != other.actions for other in plans):
                plans.append(plan)
        return plans

    def _both_ways(self, context: DecisionContext, target: TrackedTarget) -> list[Plan]:
        """Return one plan or two: on the side to keep, and on the other if that is another."""
        there = Pose2(float(target.place[0]), float(target.place[1]))
        here = context.now.base_pose.inverse() * there
        obstacles = obstacle_map(context.now)
        side = self._side_to_keep(context)
        self._sides = {}
        plans: list[Plan] = []
        for s in (side, -side):
            names = self._round(here, s, context.limits.horizon, obstacles)
            if names not in self._sides:
                self._sides[names] = s
                plans.append(navigation_plan(names, f"go round the object on its {_SIDES[s]}"))
        return plans

    def _begin(self) -> None:
        self._follower = Follower()
        self._sides, self._side = {}, 0

    def _side_to_keep(self, context: DecisionContext) -> int:
        """Return the side of the plan executed before; drawn if there is none."""
        if self._side == 0:
            self._side = LEFT if context.rng.random() < 0.5 else RIGHT
        elif context.previous is not None:
            self._side = self._sides.get(context.previous.plan.names, self._side)
        return self._side

    def _round(
        self, target: Pose2, side: int, horizon: int, obstacles: ObstacleMap
    ) -> tuple[str, ...]:
        """Return the primitives that pass a target at a place in ``base_link`` on that side."""
        pose = Pose2()
        names: list[str] = []
        for _ in range(horizon):
            there = pose.inverse() * target
            distance_m = math.hypot(there.x_m, there.y_m)
            tangent_rad = math.asin(min(1.0, self.ring_m / max(distance_m, 1e-6)))
            off = min(tangent_rad, _WIDEST_RAD)
            name = self._steer(pose, math.atan2(there.y_m, there.x_m) + side * off, obstacles)
            names.append(name)
            pose = pose * NAVIGATION_DELTA[name]
        return tuple(names)

    def _steer(self, pose: Pose2, heading_rad: float, obstacles: ObstacleMap) -> str:
        """Return the primitive that turns to the free heading nearest to the wanted, or follows it.

        Of headings equally near the one with fewer turns is taken; boxed in, it turns on.
        """

        def cost(turns: int) -> tuple[float, int]:
            return abs(wrap(turns * TURN_RAD - heading_rad)), abs(turns)

        for turns in sorted(range(-7, 9), key=cost):
            ahead = pose * Pose2(yaw_rad=turns * TURN_RAD)
            if not obstacles.blocks(ahead, _AHEAD, self.robot_radius_m):
                break
        if turns == 0:
            return "forward"
        return "turn_left" if turns > 0 else "turn_right"
