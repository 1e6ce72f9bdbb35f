"""Tool poses for the table tasks, from what a hand must do and a guess which object is meant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from wiw_core.arm import TOOL_POSE, TOOL_VOXEL, WORKSPACE_M, tool_pose, tool_voxel
from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Action, Plan
from wiw_core.tasks.manipulation import OBJECT_CENTROIDS
from wiw_planner_node.perception.tabletop.goal import read_goal
from wiw_planner_node.perception.tabletop.objects import objects_seen
from wiw_planner_node.proposers.skeletons import SKELETONS, Binding, Step

SOURCES = ("auto", "centroids", "depth")
_FEWEST = {"push": 2, "slide": 3, "peg": 3, "cups": 2}
"""Fewest objects with which a family's skeleton means anything."""
_GRASPS = ("peg", "cups")
_CLOSED, _OPEN = 0.015, 0.9
"""A gripper that is open between these holds something."""
_HELD_M = 0.1
"""The object in hand is nearer to the tool than this."""
_RETURN = Step((0.0, 0.0, 1.2), True)
"""Where the hand goes when nothing else can be done."""
_DRAWS_PER_PLAN = 30


class ArmProposer:
    """Knows how each task is done and where things are, but not which one the words mean.

    A stand-in for the paper's VLM (arXiv 2510.18135, appendix B.4) without its eyes for colour: it
    reads the family of the goal from the words, and has one worked example per family
    (:mod:`~wiw_planner_node.proposers.skeletons`). The named colour tells it nothing: each plan
    takes another object for the one that is meant, in an order drawn from ``context.rng``. Where
    the block or the ring is already comes last: had it been meant, the episode would be over; cups
    that are stacked already are built upon first. Places are misread by
    ``sigma_m``, once per object and plan, and headings by ``sigma_deg``. Without a world
    model its first plan is a guess; imagination tells right from wrong, for objects and for
    misreadings.

    Parameters
    ----------
    objects_from : {"auto", "centroids", "depth"}
        ``centroids`` takes the anonymous objects of the observation (privilege
        ``object_centroids``); ``depth`` finds what stands out in the first view with depth;
        ``auto`` is ``centroids`` in an episode that names the privilege, else ``depth``.
    discretise : bool
        Voxels and 3-degree bins, as the paper's VLM; off: continuous poses.
    sigma_m, sigma_deg : float
        Standard deviation of each misread coordinate in metres and of a heading in degrees.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range.
    """

    def __init__(
        self,
        objects_from: str = "auto",
        discretise: bool = True,
        sigma_m: float = 0.005,
        sigma_deg: float = 2.0,
    ) -> None:
        if objects_from not in SOURCES:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "source of objects", objects_from, SOURCES)
        for name, value, most in (("sigma_m", sigma_m, 0.1), ("sigma_deg", sigma_deg, 45.0)):
            if not 0.0 <= value <= most:  # also refuses NaN
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}; it is 0 to {most}.")
        self.objects_from = objects_from
        self.discretise = discretise
        self.sigma_m = sigma_m
        self.sigma_rad = math.radians(sigma_deg)

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of at most ``limits.horizon`` tool poses.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment takes no tool poses, or tells of no objects;
            ``UNPARSABLE`` for a goal of another kind; ``DEPTH_REQUIRED`` if objects are to be seen
            and no view has depth.
        """
        name = (TOOL_VOXEL if self.discretise else TOOL_POSE).name
        if name not in context.actions:
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID,
                f"The environment does not accept '{name}'.",
                "Use a proposer made for its actions.",
            )
        goal = read_goal(context.episode.goal_text)
        source = self._source(context.episode)
        places = _places(source, context.now)
        if not places and source == "centroids":
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID,
                "The observation tells of no objects.",
                "Use an environment that grants centroids, or objects_from=depth.",
            )
        groups = []
        if len(places) >= _FEWEST[goal.family]:
            held = _in_hand(context.now, places) if goal.family in _GRASPS else -1
            groups = SKELETONS[goal.family](places, held)
        plans: list[Plan] = []
        for binding in itertools.islice(
            _in_turn(groups, context.rng), _DRAWS_PER_PLAN * max(1, count)
        ):
            plan = self._plan(binding, context.rng, context.limits.horizon)
            if plan is not None and plan.actions not in [p.actions for p in plans]:
                plans.append(plan)
            if len(plans) >= count:
                break
        # With nothing to do, or too little in sight, the hand at least stops hiding things.
        return plans or [Plan((self._action(_RETURN, np.zeros(3), 0.0),), "take the hand away")]

    def _source(self, episode: Episode) -> str:
        if self.objects_from != "auto":
            return self.objects_from
        return "centroids" if OBJECT_CENTROIDS in episode.privileges else "depth"

    def _plan(self, binding: Binding, rng: np.random.Generator, horizon: int) -> Plan | None:
        """Return the plan of a binding, its places misread; None if it leaves the workspace."""
        anchors = sorted({step.anchor for step in binding.steps})
        misread = {anchor: rng.normal(0.0, self.sigma_m, 3) for anchor in anchors}
        turned = float(rng.normal(0.0, self.sigma_rad))
        steps = binding.steps[:horizon]
        if not all(_inside(step, misread[step.anchor]) for step in steps):
            return None
        actions = (self._action(step, misread[step.anchor], turned) for step in steps)
        return Plan(tuple(actions), binding.text)

    def _action(self, step: Step, misread: Array, turned_rad: float) -> Action:
        half = (step.yaw_rad + turned_rad) / 2.0
        x, y, z = (float(v) for v in np.array(step.place) + misread)
        # The tool looks down: half a turn about x, then the heading about z.
        pose = Pose3(x, y, z, math.cos(half), math.sin(half), 0.0, 0.0)
        return (tool_voxel if self.discretise else tool_pose)(pose, step.opened)


def _places(source: str, now: Observation) -> list[Array]:
    if source == "depth":
        return objects_seen(now)
    return [np.array([thing.x_m, thing.y_m, thing.z_m]) for thing in now.objects]


def _in_turn(groups: list[list[Binding]], rng: np.random.Generator) -> Iterator[Binding]:
    """Yield the readings again and again, the likelier first, else in an order drawn once."""
    order = [group[k] for group in groups for k in rng.permutation(len(group))]
    return itertools.cycle(order) if order else iter(())


def _in_hand(now: Observation, places: list[Array]) -> int:
    """Return the index of the object that the closed gripper holds; -1 if there is none."""
    if now.tool_pose is None or not places or not _CLOSED < now.gripper < _OPEN:
        return -1
    gaps = [float(np.linalg.norm(place - now.tool_pose.position)) for place in places]
    nearest = int(np.argmin(gaps))
    return nearest if gaps[nearest] < _HELD_M else -1


def _inside(step: Step, misread: Array) -> bool:
    low, high = np.array(WORKSPACE_M).T
    place = np.array(step.place) + misread
    return bool(((place >= low) & (place <= high)).all())
