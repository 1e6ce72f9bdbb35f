"""What a question still needs to be shown, and how much of it a picture seems to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from wiw_planner_node.perception.questions.answers import find_answer
from wiw_planner_node.perception.questions.question import Question
from wiw_planner_node.perception.questions.sight import Sight
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.words import COLOURS, ROOM_SIGNS, SMALL

_SAME_ROOM = 0.4
"""Weight of furniture that stands in the room where the furniture in question is expected."""
_DIGITS = 2
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Wanted:
    """Weights of what would help, by noun, and by noun and colour; the same for every plan.

    Because they do not depend on the plan, pictures that are equal score equally, and a model that
    tells plans apart in nothing leaves the choice to the proposer.

    Attributes
    ----------
    furniture : dict
        What tells the place in question.
    objects : dict
        Small objects that may be the one in question.
    only_there : bool
        Objects count as far as the place is shown too: small objects are everywhere, and the
        question is about those of one place.
    """

    furniture: dict[str, float]
    objects: dict[tuple[str, str], float]
    only_there: bool = False

    def score(self, sight: Sight) -> float:
        """Return how much of it a picture seems to show, 0 to 2."""
        place, thing = _most(self.furniture, sight.furniture), _most(self.objects, sight.objects)
        return round(place + (place * thing if self.only_there else thing), _DIGITS)


def wanted(question: Question, seen: Surroundings) -> Wanted:
    """Return what a question still needs: nothing once the answer is sure.

    Small objects that were seen and did not answer it are not wanted; the room and the furniture
    are, as long as the answer is not sure: the place may not have been seen well.
    """
    if not question.asks or find_answer(question, seen).sure:
        return Wanted({}, {})
    furniture = dict(ROOM_SIGNS.get(question.room, {}))
    known = {thing.noun for thing in seen.memory.things}
    for noun in (question.on, question.noun):
        if noun and noun not in SMALL:
            if noun not in known:
                _add(furniture, dict.fromkeys(_room_mates(noun), _SAME_ROOM))
            furniture[noun] = 1.0
    looks = {(thing.noun, thing.colour) for thing in seen.memory.things}
    colours = (question.colour,) if question.colour else COLOURS
    nouns = [noun for noun in question.nouns() if noun in SMALL]
    objects = {(n, c): 1.0 for n in nouns for c in colours if (n, c) not in looks}
    only_there = question.asks in ("number", "neighbour") or bool(question.on)
    return Wanted(furniture, objects, only_there)


def _room_mates(noun: str) -> set[str]:
    return {mate for signs in ROOM_SIGNS.values() if noun in signs for mate in signs}


def _add(weights: dict[str, float], more: Mapping[str, float]) -> None:
    for key, weight in more.items():
        weights[key] = max(weight, weights.get(key, 0.0))


def _most(weights: Mapping[_Key, float], shown: Mapping[_Key, float]) -> float:
    """Return the highest weighted probability, 0 if nothing is wanted."""
    return max((weight * shown.get(key, 0.0) for key, weight in weights.items()), default=0.0)
