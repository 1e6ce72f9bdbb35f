"""The language model as proposer of the navigation tasks (arXiv 2510.18135, appendix B.1, B.2)."""

from __future__ import annotations

import math
from typing import Any, Union

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, View
from wiw_core.plans import FORWARD_M, NAVIGATION, TURN_RAD, Plan, check_plan, navigation_plan
from wiw_planner_node.proposers.walks import require_navigation
from wiw_planner_node.vlm import schema
from wiw_planner_node.vlm.chat import Chat, Picture, Question
from wiw_planner_node.vlm.pictures import boxed
from wiw_planner_node.vlm.prompts import prompt
from wiw_planner_node.vlm.sampling import distinct_plans
from wiw_planner_node.vlm.target import Target

_MAX_REASONING = 4000
_TURN_DEG = math.degrees(TURN_RAD)
_WORDS = {
    "forward": f"drive {FORWARD_M:g} m ahead",
    "turn_left": f"turn {_TURN_DEG:g} degrees to the left on the spot",
    "turn_right": f"turn {_TURN_DEG:g} degrees to the right on the spot",
}
_CAPTIONS = {
    Projection.PERSPECTIVE: "What the robot sees ahead:",
    Projection.EQUIRECTANGULAR: "What it sees all around:",
}

Parts = tuple[Union[str, Picture], ...]


class GoalProposer:
    """Asks for ways to where the goal photo was taken; sees the photo and what the robot sees now.

    Parameters
    ----------
    chat : Chat
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return 1 to ``count`` distinct plans of 1 to ``limits.horizon`` primitives.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
            ``BAD_IMAGE`` without a goal photo; ``UNPARSABLE`` if the first sample stays unusable;
            else what the chat raises.
        """
        parts = (goal_photo(context), *seen_now(context.now))
        return proposed(self._chat, context, count, "goal_propose", parts)


class RecognitionProposer:
    """Asks for moves that show the object in the red rectangle better.

    Where the task does not give the box any more, the object is followed from where it was seen
    (:class:`wiw_planner_node.vlm.target.Target`).

    Parameters
    ----------
    chat : Chat
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._target = Target()

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return 1 to ``count`` distinct plans of 1 to ``limits.horizon`` primitives.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
            ``BAD_IMAGE`` for a box outside its view; ``DEPTH_REQUIRED``, ``PANORAMA_REQUIRED`` if
            the object has no box and cannot be followed; ``UNPARSABLE`` if the first sample stays
            unusable; else what the chat raises.
        """
        if context.index == 0:
            self._target = Target()
        self._target.update(context)
        parts = (*seen_now(context.now), *self._target.parts(context.now))
        return proposed(self._chat, context, count, "recognition_propose", parts)


def proposed(
    chat: Chat, context: DecisionContext, count: int, name: str, parts: Parts
) -> list[Plan]:
    """Return what the prompt of that name proposes, shown these parts."""
    horizon = context.limits.horizon
    system = prompt(name, rules=rules(context), horizon=horizon)
    return distinct_plans(
        chat.decision(context),
        Question("propose", system, parts),
        plan_schema(horizon),
        lambda reply: read_plan(reply, context),
        count,
    )


def rules(context: DecisionContext) -> str:
    """Return what every prompt of these tasks begins with.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives.
    """
    require_navigation(context)
    actions = "\n".join(f"- {name}: {words}" for name, words in _WORDS.items())
    return prompt("navigation_rules", actions=actions)


def plan_schema(horizon: int) -> schema.Json:
    """Return the schema of a reply that is a plan of at most ``horizon`` primitives."""
    return schema.obj(
        {
            "reasoning": schema.text(_MAX_REASONING),
            "actions": schema.items(schema.enum(list(NAVIGATION)), 1, horizon),
        }
    )


def read_plan(reply: Any, context: DecisionContext) -> Plan:
    """Return the plan of a reply that fits the schema; its reasoning stays in the transcript."""
    plan = navigation_plan(reply["actions"])
    check_plan(plan, context.actions, context.limits.horizon)
    return plan


def goal_photo(context: DecisionContext) -> Picture:
    """Return the goal photo.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the episode has none.
    """
    view = context.episode.goal_view
    if view is None:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"Episode '{context.episode.id}' has no goal photo to look for.",
            "Use a task with an image goal.",
        )
    return Picture(view.rgb, "The goal photo:")


def seen_now(now: Observation) -> list[Picture]:
    """Return every view of now under a caption; the object's red rectangle where it is given."""
    return [_captioned(view) for view in now.views]


def words(plan: Plan) -> str:
    """Return the actions of a plan as a prompt names them."""
    return ", ".join(plan.names)


def _captioned(view: View) -> Picture:
    return Picture(boxed(view.rgb, view.target_box), _CAPTIONS[view.projection])
