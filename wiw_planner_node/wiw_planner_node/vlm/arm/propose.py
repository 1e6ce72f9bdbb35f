"""The VLM as the arm's proposer (arXiv 2510.18135, appendix B.4)."""

from __future__ import annotations

from typing import Any

from wiw_core.contracts import DecisionContext
from wiw_core.plans import Plan
from wiw_planner_node.vlm.arm.replies import proposal_schema, read_proposal
from wiw_planner_node.vlm.arm.table import system_prompt, task_parts
from wiw_planner_node.vlm.chat import Chat, Question
from wiw_planner_node.vlm.sampling import distinct_plans


class ArmVlmProposer:
    """Asks M times for a plan of tool poses, in whole numbers of the paper's grid.

    The VLM sees the front view with a numbered dot per object and the axes drawn on it, and is told
    where the objects are (privilege ``object_centroids``) and one worked example of the task.
    See :func:`~wiw_planner_node.vlm.sampling.distinct_plans`.

    Parameters
    ----------
    chat : Chat
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of at most ``limits.horizon`` tool poses.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` or ``BAD_IMAGE`` if there is nothing to tell the VLM of;
            ``UNPARSABLE`` if its first sample stays unreadable; else what the chat raises.
        """

        def read(reply: Any) -> Plan:
            return read_proposal(reply, context.actions)

        horizon = context.limits.horizon
        system = system_prompt("arm_propose", context)
        question = Question("propose", system, task_parts(context))
        talk = self._chat.decision(context)
        return distinct_plans(talk, question, proposal_schema(horizon), read, count)
