"""The VLM as the proposer of question answering: high-level plans (arXiv 2510.18135, B.3)."""

from __future__ import annotations

from typing import Any

from wiw_core.contracts import DecisionContext
from wiw_core.plans import Plan
from wiw_planner_node.vlm.chat import Chat, Question
from wiw_planner_node.vlm.questions.replies import plan_schema, read_plan
from wiw_planner_node.vlm.questions.situation import new_surroundings, rules, situation
from wiw_planner_node.vlm.sampling import distinct_plans


class QuestionsVlmProposer:
    """Asks M times where to go next: to a landmark, or straight on in one of four views.

    The high level of the paper's two-level policy. The low level is ours: the robot follows its own
    map, drawn from panoramas with depth, where the paper asks the simulator's floor mesh or the
    VLM, primitive by primitive. Landmarks are the detections that the task grants (privilege
    ``object_detections``) and openings of the map. Plans that come to the same primitives count
    once; see :func:`~wiw_planner_node.vlm.sampling.distinct_plans`.

    Parameters
    ----------
    chat : Chat
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._seen = new_surroundings()

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans, in the order in which they were sampled.

        Raises
        ------
        WiwError
            As :func:`.situation.situation`; ``UNPARSABLE`` if the first sample stays unreadable;
            else what the chat raises.
        """
        here = situation(self._seen, context)
        question = Question("propose", rules("questions_explore"), here.parts)

        def read(reply: Any) -> Plan:
            return here.plan(read_plan(reply))

        talk = self._chat.decision(context)
        return distinct_plans(talk, question, plan_schema(here.texts), read, count)
