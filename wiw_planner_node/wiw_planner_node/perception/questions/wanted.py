"""What a question still needs to be shown, and how much of it a picture seems to show."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_planner_node.perception.questions.answers import find_answer
from wiw_planner_node.perception.questions.glimpse import Glimpse
from wiw_planner_node.perception.questions.question import Question
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.words import COLOURS, ROOM_SIGNS, SMALL

_KNOWN = 0.15
"""What is left of a thing's weight once such a thing has been seen, and was not the one."""
_DIGITS = 2


@dataclass(frozen=True)
class Wanted:
    """Weights of what would help, by noun, and by noun and colour; the same for every plan.

    Because they do not depend on the plan, pictures that are equal score equally, and a model that
    tells plans apart in nothing leaves the choice to the proposer.
    """

    furniture: dict[str, float]
    objects: dict[tuple[str, str], float]

    def score(self, glimpse: Glimpse) -> float:
        """Return how much of it a picture seems to show, 0 if nothing."""
        total = max((w * glimpse.furniture[n] for n, w in self.furniture.items()), default=0.0)
        total += max((w * glimpse.objects[k] for k, w in self.objects.items()), default=0.0)
        # Rounded: a difference without meaning should not outweigh the proposer's order.
        return round(total, _DIGITS)


def wanted(question: Question, seen: Surroundings) -> Wanted:
    """Return what a question still needs, from what is remembered."""
    known = {thing.noun for thing in seen.memory.things}
    furniture: dict[str, float] = {}
    if question.room and question.room not in seen.room_names().values():
        furniture.update(ROOM_SIGNS[question.room])
    if question.on and question.on not in known:
        furniture[question.on] = 1.0
    if question.noun and question.noun not in SMALL and question.noun not in known:
        furniture[question.noun] = 1.0
    objects: dict[tuple[str, str], float] = {}
    if not find_answer(question, seen).answer:
        for noun in question.nouns():
            for colour in (question.colour,) if question.colour else COLOURS:
                if noun in SMALL:
                    seen_one = any(
                        t.noun == noun and colour in (t.colour,) for t in seen.memory.things
                    )
                    objects[noun, colour] = _KNOWN if seen_one else 1.0
    return Wanted(furniture, objects)
