"""What a question still needs to be shown, and how much of it a picture seems to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from wiw_planner_node.perception.questions.answers import find_answer
from wiw_planner_node.perception.questions.glimpse import Glimpse
from wiw_planner_node.perception.questions.question import Question
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.words import COLOURS, ROOM_SIGNS, SMALL

_DIGITS = 2
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Wanted:
    """Weights of what would help, by noun, and by noun and colour; the same for every plan.

    Because they do not depend on the plan, pictures that are equal score equally, and a model that
    tells plans apart in nothing leaves the choice to the proposer.
    """

    furniture: dict[str, float]
    objects: dict[tuple[str, str], float]

    def score(self, glimpse: Glimpse) -> float:
        """Return how much of it a picture seems to show, 0 to 2."""
        total = _most(self.furniture, glimpse.furniture) + _most(self.objects, glimpse.objects)
        return round(total, _DIGITS)


def wanted(question: Question, seen: Surroundings) -> Wanted:
    """Return what a question still needs; what was seen and did not answer it is not wanted."""
    known = {thing.noun for thing in seen.memory.things}
    furniture: dict[str, float] = {}
    if question.room and question.room not in seen.room_names().values():
        furniture.update(ROOM_SIGNS[question.room])
    for noun in (question.on, question.noun):
        if noun and noun not in SMALL and noun not in known:
            furniture[noun] = 1.0
    objects: dict[tuple[str, str], float] = {}
    if question.asks and not find_answer(question, seen).answer:
        looks = {(thing.noun, thing.colour) for thing in seen.memory.things}
        for noun in question.nouns():
            for colour in (question.colour,) if question.colour else COLOURS:
                if noun in SMALL and (noun, colour) not in looks:
                    objects[noun, colour] = 1.0
    return Wanted(furniture, objects)


def _most(weights: Mapping[_Key, float], shown: Mapping[_Key, float]) -> float:
    """Return the highest weighted probability, 0 if nothing is wanted."""
    return max((weight * shown.get(key, 0.0) for key, weight in weights.items()), default=0.0)
