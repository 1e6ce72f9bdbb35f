"""What a VLM may reply about where to go and what the answer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wiw_planner_node.vlm import schema
from wiw_planner_node.vlm.questions.four_views import VIEWS

NONE = "none"
"""The landmark of a reply that goes straight on in a view."""
THOUGHT, PLAN_WORDS, ANSWER_WORDS = 2000, 400, 200
"""Most characters of a thought, of a plan in words, and of an answer."""


@dataclass(frozen=True)
class HighLevel:
    """One high-level plan.

    Attributes
    ----------
    plan : str
        What to do and when to stop, in words.
    view : str
        One of ``four_views.VIEWS``.
    landmark : str
        The mark to go to, or empty to go straight on in the view.
    answer : str
        Empty while there is none.
    adopt : int
        The number of a suggested plan that is taken over, from 1; 0 for a plan of its own.
    """

    plan: str
    view: str
    landmark: str
    answer: str
    adopt: int = 0


def plan_schema(marks: Sequence[str]) -> dict[str, Any]:
    """Return the schema of a high-level plan where only these marks can be gone to."""
    return schema.obj({"reasoning": schema.text(THOUGHT), **_where(marks)})


def revision_schema(marks: Sequence[str], plans: int) -> dict[str, Any]:
    """Return the schema of a high-level plan that may take over one of ``plans`` plans."""
    adopt = {"adopt": schema.whole(0, plans)}
    return schema.obj({"reasoning": schema.text(THOUGHT), **adopt, **_where(marks)})


def final_schema() -> dict[str, Any]:
    """Return the schema of an answer that can wait no longer."""
    return schema.obj({"reasoning": schema.text(THOUGHT), "answer": schema.text(ANSWER_WORDS)})


def read_plan(reply: Mapping[str, Any]) -> HighLevel:
    """Return the high-level plan of a reply that has its schema."""
    landmark = reply["landmark"]
    return HighLevel(
        plan=_line(reply["plan"]),
        view=reply["view"],
        landmark="" if landmark == NONE else landmark,
        answer=_line(reply["answer"]),
        adopt=int(reply.get("adopt", 0)),
    )


def read_final(reply: Mapping[str, Any]) -> str:
    """Return the answer; raises ``ValueError`` if it is empty."""
    answer = _line(reply["answer"])
    if not answer:
        raise ValueError("answer is empty; the likeliest answer is wanted.")
    return answer


def _where(marks: Sequence[str]) -> dict[str, Any]:
    return {
        "plan": schema.text(PLAN_WORDS),
        "view": schema.enum(VIEWS),
        "landmark": schema.enum((*marks, NONE)),
        "answer": schema.text(ANSWER_WORDS),
    }


def _line(text: str) -> str:
    return " ".join(text.split())
