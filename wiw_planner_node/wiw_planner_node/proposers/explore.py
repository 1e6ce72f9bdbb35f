"""The exploring proposer: frontiers of the map and things worth a closer look, as routes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wiw_core.contracts import DecisionContext
from wiw_core.geometry import Pose2
from wiw_core.plans import Plan, camera_path, navigation_plan
from wiw_planner_node.perception.mapping.grid import Cell
from wiw_planner_node.perception.mapping.routes import distances, nearest, route
from wiw_planner_node.perception.questions.answers import find_answer
from wiw_planner_node.perception.questions.objects import Thing
from wiw_planner_node.perception.questions.question import Question, understand
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.proposers.walks import require_navigation

_APART_M = 1.5
_STAND_BY_M = 1.2
_ENDS_APART_M = 0.5
_MOST_TRIED = 8


@dataclass(frozen=True)
class _Goal:
    cell: Cell
    x_m: float
    y_m: float
    text: str
    prior: float


class ExploreProposer:
    """High-level plans of a two-level policy (arXiv 2510.18135, appendix B.3), each as a route.

    First the things that the question is about and that were not seen well enough, then frontiers
    of the robot's own map, the best first by how much there is to discover per way. A plan is the
    first ``limits.horizon`` primitives of the route. Once the question can be answered the only
    plan is to look again, since an answer has to hold twice.

    The map is drawn from each decision's panorama and odometry; the paper routes on the
    simulator's own floor mesh instead. It is kept per episode, and begun anew at index 0.

    Parameters
    ----------
    use_question : bool
        Prefer what the question is about; False explores for its own sake.
    detect : {"granted", "own"}
        Take the detections that the protocol grants, or find things in the panorama itself.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``detect`` is neither.
    """

    def __init__(self, use_question: bool = True, detect: str = "granted") -> None:
        self.use_question = use_question
        self._seen = Surroundings(Recogniser.shipped(), detect)

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans to different places, best first.

        Nothing is left to chance: the same observations give the same plans.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
            ``PANORAMA_REQUIRED`` or ``DEPTH_REQUIRED`` without a panorama with depth.
        """
        require_navigation(context)
        seen = self._seen
        seen.update(context)
        question = understand(context.episode.goal_text) if self.use_question else Question("")
        finding = find_answer(question, seen)
        if finding.sure:
            return [navigation_plan(["turn_left"], f"look again: is it '{finding.answer}'?")]
        goals = [*self._landmarks(finding.landmarks), *self._frontiers()]
        plans = self._plans(_spread(goals), context.limits.horizon, count)
        return plans or [navigation_plan(["turn_left"], "look again: nothing is left to explore")]

    def _plans(self, goals: list[_Goal], horizon: int, count: int) -> list[Plan]:
        """Return plans that end in different places; where there are too few, any that differ."""
        plans: list[Plan] = []
        alike: list[Plan] = []
        ends: list[Pose2] = []
        for goal in goals[:_MOST_TRIED]:
            to_goal = distances(self._seen.floor, goal.cell)
            names = route(self._seen.floor, self._seen.pose, to_goal)[:horizon]
            if not names:
                continue
            plan = navigation_plan(names, goal.text, goal.prior)
            end = camera_path(plan)[-1]
            if all(end.distance_m(other) >= _ENDS_APART_M for other in ends):
                plans.append(plan)
                ends.append(end)
            elif all(plan.actions != other.actions for other in (*plans, *alike)):
                alike.append(plan)
            if len(plans) == count:
                break
        return (plans + alike)[:count]

    def _landmarks(self, things: tuple[Thing, ...]) -> list[_Goal]:
        goals = []
        reachable = self._seen.ways.metres < math.inf
        for thing in things:
            floor = self._seen.floor
            cell = nearest(reachable, floor.cell(thing.x_m, thing.y_m), _STAND_BY_M)
            if cell is not None:
                text = f"go near the {thing.noun} to see it well"
                goals.append(_Goal(cell, thing.x_m, thing.y_m, text, 1.0))
        return goals

    def _frontiers(self) -> list[_Goal]:
        """Return the frontiers, those with most to discover per metre of way first."""
        worth = [(f.gain_m2 / (1.0 + f.distance_m), f) for f in self._seen.frontiers]
        worth.sort(key=lambda item: -item[0])
        return [
            _Goal(f.cell, f.x_m, f.y_m, f"explore {f.distance_m:.1f} m away", w / (1.0 + w))
            for w, f in worth
        ]


def _spread(goals: list[_Goal]) -> list[_Goal]:
    """Put goals that are near to a better one last: plans should lead to different places."""
    first: list[_Goal] = []
    rest: list[_Goal] = []
    for goal in goals:
        apart = all(math.hypot(goal.x_m - g.x_m, goal.y_m - g.y_m) >= _APART_M for g in first)
        (first if apart else rest).append(goal)
    return first + rest
