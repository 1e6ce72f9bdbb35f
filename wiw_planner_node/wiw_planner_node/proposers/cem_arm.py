"""The cross-entropy method over tool poses, begun with the plans of the `arm` proposer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from wiw_core.arm import WORKSPACE_M, target_of, tool_pose, tool_voxel
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import Plan
from wiw_core.tasks.manipulation import NAMES as MANIPULATION
from wiw_planner_node.proposers.arm import ArmProposer
from wiw_planner_node.proposers.ranking import check_rounds, default_elites, elite, new_plans

_TOGETHER_M = 0.03
"""Poses following one another, and this near as seen from above, belong to one thing."""
_LEAST_M = 0.001
"""The spread never falls below this."""


class CemArmProposer:
    """Has the plans of `arm` imagined and scored, then draws poses about the best of them.

    What a plan is about (its words, its number of poses, when the gripper opens and closes) is
    chosen by the scores of the first round; the later rounds are the cross-entropy method with a
    normal distribution over the positions and the heading: mean of the elites that are about the
    same as the best plan, one offset for all poses above one thing. If no score differs from
    another there is nothing to draw about, and the search ends.

    A search that begins with draws alone fails at such tasks; one that begins with proposals does
    not, so there is no such start here.

    Parameters
    ----------
    rounds : int
        Rounds of imagination per decision, the first included.
    elites : int
        Best plans so far that a round learns from; 0: a quarter of a round's plans, at least 2.
    smoothing : float
        Share, 0 to below 1, of the spread before that is kept in each round.
    spread_m, spread_deg : float
        Standard deviation of the second round's positions and headings.
    discretise : bool
        Voxels and 3-degree bins; off: continuous poses.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range.
    """

    serves: ClassVar[tuple[str, ...]] = MANIPULATION

    def __init__(
        self,
        rounds: int = 3,
        elites: int = 0,
        smoothing: float = 0.3,
        spread_m: float = 0.004,
        spread_deg: float = 2.0,
        discretise: bool = False,
    ) -> None:
        check_rounds(rounds, elites, smoothing)
        for name, value, most in (("spread_m", spread_m, 0.1), ("spread_deg", spread_deg, 45.0)):
            if not 0.0 < value <= most:  # also refuses NaN
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"{name} is {value}; it is above 0, at most {most}."
                )
        self.rounds, self.elites, self.smoothing = rounds, elites, smoothing
        self.spread_m, self.spread_rad = spread_m, math.radians(spread_deg)
        self.discretise = discretise
        self._start = ArmProposer(discretise=discretise)
        self._spread_m, self._round = spread_m, 0

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return the plans of the `arm` proposer; raises as it does."""
        self._spread_m, self._round = self.spread_m, 1
        return self._start.propose(context, count)

    def refine(
        self, context: DecisionContext, candidates: Sequence[Candidate], count: int
    ) -> list[Plan]:
        """Return up to ``count`` plans about the best so far that are not weighed yet.

        Raises
        ------
        WiwError
            ``UNKNOWN_ACTION`` if a plan holds anything but tool poses.
        """
        best = elite(candidates, self.elites or default_elites(count))
        if self._round >= self.rounds or not best:
            return []
        self._round += 1
        leader = best[0].plan
        alike = np.stack([_positions(c.plan) for c in best if _about(c.plan) == _about(leader)])
        if len(alike) > 1:
            own = float(np.sqrt(alike.var(axis=0).mean()))
            mixed = self.smoothing * self._spread_m + (1.0 - self.smoothing) * own
            self._spread_m = max(_LEAST_M, mixed)
        middle = alike.mean(axis=0)
        return new_plans(lambda: self._draw(context.rng, leader, middle), candidates, count)

    def _draw(self, rng: np.random.Generator, leader: Plan, middle: Array) -> Plan | None:
        """Return a plan about the leader's; None if it leaves the workspace."""
        things = _things(middle)
        offsets = rng.normal(0.0, self._spread_m, (things[-1] + 1, 3))
        turn_rad = float(rng.normal(0.0, self.spread_rad))
        places = middle + offsets[things]
        low, high = np.array(WORKSPACE_M).T
        if not ((places >= low) & (places <= high)).all():
            return None
        make = tool_voxel if self.discretise else tool_pose
        actions = []
        for action, place in zip(leader.actions, places):
            pose, opened = target_of(action)
            actions.append(make(_turned(pose, place, turn_rad), opened))
        return Plan(tuple(actions), leader.text)


def _about(plan: Plan) -> tuple[str, tuple[bool, ...]]:
    """Return what plans must share to be mixed: their words, and when the gripper is open."""
    return plan.text, tuple(target_of(action)[1] for action in plan.actions)


def _positions(plan: Plan) -> Array:
    """Return (N, 3) metres."""
    return np.stack([target_of(action)[0].position for action in plan.actions])


def _things(places: Array) -> list[int]:
    """Number the things that (N, 3) places following one another are above of, from 0."""
    numbers = [0]
    for before, place in zip(places, places[1:]):
        apart = float(np.hypot(*(place - before)[:2])) > _TOGETHER_M
        numbers.append(numbers[-1] + int(apart))
    return numbers


def _turned(pose: Pose3, place: Array, turn_rad: float) -> Pose3:
    """Return the pose at another place, turned about the vertical."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_rotvec([0.0, 0.0, turn_rad]) * Rotation.from_quat(pose.quaternion)
    return Pose3(*(float(v) for v in (*place, *turned.as_quat())))
