"""Whole trajectories from a policy server, such as a 3D Diffuser Actor: diverse ones are kept."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_core.plans import Plan
from wiw_core.tasks.manipulation import NAMES
from wiw_planner_node.clients.chunks import absolute, diverse, numbers, plan_of
from wiw_planner_node.clients.openpi import MAX_SIDE
from wiw_planner_node.clients.seen import calibrated, pose_state, require_tool_poses
from wiw_planner_node.clients.server import Link, PolicyServer

MOST_SAMPLES = 256
_SEEDS = 2**31


class TrajectoryProposer:
    """Asks a server for several trajectories at once and takes those whose ends are far apart.

    The paper's second proposer for the table is a 3D Diffuser Actor, which draws trajectories of 50
    tool poses from calibrated views with depth; of its samples those are weighed whose end points
    are far from one another, chosen greedily (arXiv 2510.18135, appendix B.4). The first sample
    always comes first. A plan goes through ``limits.horizon`` poses of its trajectory: those where
    the gripper changes, and evenly between; with ``horizon=13`` that is the paper's 14 frames, the
    given one among them.

    The message is ours, for no such server has one of its own; ``docs/policies.md`` has it. It
    travels as OpenPI's does. A reply of another shape, with a number that is not finite, or that
    leaves the workspace is refused as a whole: nothing moves.

    Parameters
    ----------
    endpoint, key_env, send_images, connect_s, request_s, deadline_s
        See :class:`wiw_planner_node.clients.server.Link`.
    samples : int
        Trajectories asked for, however many are weighed.
    image_size : int
        Pixels of the square views that are sent.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range; as
        :class:`~wiw_planner_node.clients.server.PolicyServer`.
    """

    serves: ClassVar[tuple[str, ...]] = NAMES

    def __init__(
        self,
        endpoint: str = "",
        key_env: str = "",
        send_images: bool = False,
        connect_s: float = 5.0,
        request_s: float = 60.0,
        deadline_s: float = 60.0,
        samples: int = 16,
        image_size: int = 256,
    ) -> None:
        for good, name, value, wanted in (
            (1 <= samples <= MOST_SAMPLES, "samples", samples, f"1 to {MOST_SAMPLES}"),
            (16 <= image_size <= MAX_SIDE, "image_size", image_size, f"16 to {MAX_SIDE}"),
        ):
            if not good:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}; it must be {wanted}.")
        self.samples, self.image_size = samples, image_size
        self._server = PolicyServer(
            Link(endpoint, key_env, send_images, connect_s, request_s, deadline_s)
        )

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of at most ``limits.horizon`` tool poses.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment takes no tool poses, or for a reply of another
            shape, with too many samples, or with a number that is not finite;
            ``ACTION_OUT_OF_LIMITS`` if a trajectory leaves the workspace; ``BAD_IMAGE`` without a
            perspective view; else as :meth:`~wiw_planner_node.clients.server.PolicyServer.ask`.
        """
        require_tool_poses(context)
        now = context.now
        views = {
            view.name: calibrated(view, self.image_size)
            for view in now.views
            if view.projection is Projection.PERSPECTIVE
        }
        if not views:
            raise WiwError(ErrorCode.BAD_IMAGE, "There is no perspective view to send.")
        question = {
            "prompt": context.episode.goal_text,
            "state": pose_state(now),
            "views": views,
            "samples": self.samples,
            "seed": int(context.rng.integers(_SEEDS)),
        }
        reply = self._server.ask(question, context, self._server.deadline(), len(views))
        told = numbers(reply.get("trajectories"), "trajectories", 3, 8)
        if len(told) > self.samples:
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID,
                f"{len(told)} trajectories came; {self.samples} were asked for.",
            )
        ways = [absolute(rows) for rows in told]
        opened, horizon = now.gripper > 0.5, context.limits.horizon
        plans: list[Plan] = []
        order = diverse(np.stack([way[-1][0].position for way in ways]), len(ways))
        for k in order:
            plan = plan_of(ways[k], opened, horizon, f"sample {k + 1}")
            if len(plans) < count and all(plan.actions != other.actions for other in plans):
                plans.append(plan)
        return plans
