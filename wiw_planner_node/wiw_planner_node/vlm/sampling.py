"""M distinct plans from M samples of one question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wiw_core.errors import WiwError
from wiw_core.plans import Plan
from wiw_planner_node.vlm.chat import Question, Talk
from wiw_planner_node.vlm.schema import Json

REFILLS = 2
"""Further rounds of questions where samples were equal or unusable (the released solver: 30)."""


def distinct_plans(
    talk: Talk, question: Question, schema: Json, read: Callable[[Any], Plan], count: int
) -> list[Plan]:
    """Return 1 to ``count`` distinct plans; the first is that of the first sample, always.

    Raises
    ------
    WiwError
        The first sample's ``UNPARSABLE``: it is what a policy without a world model does. Else as
        :meth:`wiw_planner_node.vlm.chat.Talk.ask_each`.
    """
    plans: dict[Any, Plan] = {}
    for turn in range(1 + REFILLS):
        answers = talk.ask_each([question] * (count - len(plans)), schema, read)
        if turn == 0 and isinstance(answers[0], WiwError):
            raise answers[0]
        for answer in answers:
            if not isinstance(answer, WiwError):
                plans.setdefault(answer.actions, answer)
        if len(plans) == count:
            break
    return list(plans.values())
