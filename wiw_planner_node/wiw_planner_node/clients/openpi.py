"""Tool poses from an OpenPI policy server: a vision-language-action model as the proposer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Observation
from wiw_core.plans import Plan
from wiw_core.tasks.manipulation import NAMES
from wiw_planner_node.clients.chunks import (
    Waypoint,
    absolute,
    integrated,
    numbers,
    plan_of,
    tool_now,
)
from wiw_planner_node.clients.seen import (
    Floats,
    axis_angle_state,
    padded,
    pose_state,
    require_tool_poses,
    view_named,
)
from wiw_planner_node.clients.server import Link, PolicyServer

MAX_SIDE = 2048


@dataclass(frozen=True)
class _Form:
    """What a policy is told of the arm, and what its actions are: ``numbers`` each."""

    numbers: int
    state: Callable[[Observation], Floats]


_FORMS = {"delta": _Form(7, axis_angle_state), "absolute": _Form(8, pose_state)}
_SEEDS = 2**31


class OpenPiProposer:
    """Asks an OpenPI websocket server once per candidate and goes where its actions lead.

    The paper's code runs such a policy as a proposer (arXiv 2510.18135, released code). Each
    question holds pictures, the arm's state and the goal in words; the reply's ``actions`` (T, N)
    are a chunk of control steps. Their way is cut to the poses of a plan: where the gripper
    changes, and evenly between. The server draws its own noise, so asking again gives another
    sample; it is repeatable only if the server takes a seed.

    An answer that has another shape, holds a number that is not finite, or leaves the workspace is
    refused as a whole: nothing moves.

    Parameters
    ----------
    endpoint, key_env, send_images, connect_s, request_s, deadline_s
        See :class:`wiw_planner_node.clients.server.Link`.
    actions : {"delta", "absolute"}
        ``delta``: steps of motion, turn and gripper as a LIBERO policy gives them (7 numbers, see
        :func:`~wiw_planner_node.clients.chunks.integrated`; its state is position, rotation vector
        and two fingers). ``absolute``: tool poses in ``base_link`` (8 numbers, see
        :func:`~wiw_planner_node.clients.chunks.absolute`; the state is one such row).
    metres_per_unit, radians_per_unit : float
        Length of a step of 1, of ``delta``.
    use : int
        First steps of a chunk that are taken; 0: all.
    image_key, wrist_key, state_key, prompt_key : str
        Names in the question; an empty ``wrist_key`` sends no second picture.
    image_view, wrist_view : str
        Which views those are; an empty one is the first.
    image_size : int
        Pixels of the square pictures that are sent.
    seed_key : str
        Name under which a seed is sent, for a server that takes one; empty: none is sent.

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
        request_s: float = 20.0,
        deadline_s: float = 60.0,
        actions: str = "delta",
        metres_per_unit: float = 0.05,
        radians_per_unit: float = 0.5,
        use: int = 0,
        image_key: str = "observation/image",
        wrist_key: str = "",
        state_key: str = "observation/state",
        prompt_key: str = "prompt",
        image_view: str = "",
        wrist_view: str = "wrist",
        image_size: int = 224,
        seed_key: str = "",
    ) -> None:
        if actions not in _FORMS:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "form of actions", actions, _FORMS)
        for good, name, value, wanted in (
            (
                0.0 < metres_per_unit <= 1.0,
                "metres_per_unit",
                metres_per_unit,
                "above 0, at most 1",
            ),
            (
                0.0 < radians_per_unit <= 4,
                "radians_per_unit",
                radians_per_unit,
                "above 0, at most 4",
            ),
            (use >= 0, "use", use, "at least 0"),
            (16 <= image_size <= MAX_SIDE, "image_size", image_size, f"16 to {MAX_SIDE}"),
        ):
            if not good:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}; it must be {wanted}.")
        self.actions, self.use = actions, use
        self.metres_per_unit, self.radians_per_unit = metres_per_unit, radians_per_unit
        self.state_key, self.prompt_key, self.seed_key = state_key, prompt_key, seed_key
        self.image_size = image_size
        self._pictures = {image_key: image_view, **({wrist_key: wrist_view} if wrist_key else {})}
        self._server = PolicyServer(
            Link(endpoint, key_env, send_images, connect_s, request_s, deadline_s)
        )

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of at most ``limits.horizon`` tool poses.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment takes no tool poses, or for a reply of another
            shape or with a number that is not finite; ``ACTION_OUT_OF_LIMITS`` if it leaves the
            workspace; ``BAD_IMAGE`` without a view that is to be sent; else as
            :meth:`~wiw_planner_node.clients.server.PolicyServer.ask`.
        """
        require_tool_poses(context)
        question, opened = self._question(context), context.now.gripper > 0.5
        deadline_s, pictures = self._server.deadline(), len(self._pictures)
        plans: list[Plan] = []
        for sample in range(count):
            if self.seed_key:
                question[self.seed_key] = int(context.rng.integers(_SEEDS))
            reply = self._server.ask(question, context, deadline_s, pictures)
            way = self._way(reply, context)
            plan = plan_of(way, opened, context.limits.horizon, f"sample {sample + 1}")
            if all(plan.actions != other.actions for other in plans):
                plans.append(plan)
        return plans

    def _question(self, context: DecisionContext) -> dict[str, Any]:
        now = context.now
        pictures = {
            key: padded(view_named(now, name).rgb, self.image_size)
            for key, name in self._pictures.items()
        }
        state = _FORMS[self.actions].state(now)
        return {
            **pictures,
            self.state_key: state,
            self.prompt_key: context.episode.goal_text,
        }

    def _way(self, reply: dict[str, Any], context: DecisionContext) -> list[Waypoint]:
        rows = numbers(reply.get("actions"), "actions", 2, _FORMS[self.actions].numbers)
        rows = rows[: self.use or None]
        if self.actions == "absolute":
            return absolute(rows)
        start = tool_now(context.now.tool_pose)
        return integrated(rows, start, self.metres_per_unit, self.radians_per_unit)
