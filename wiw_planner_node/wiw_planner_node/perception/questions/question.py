"""Understanding a question: from its words to what has to be found, by plain patterns.

It understands the forms that the embedded task asks (``wiw_env_bridge`` makes them from templates)
and close relatives. Anything else it does not pretend to understand: :func:`understand` returns a
question that ``asks`` for nothing. A vision-language model plugs in as another reviser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wiw_core.tasks.aeqa import NOUNS
from wiw_planner_node.perception.questions.words import COLOURS, ROOM_SIGNS, SMALL, USES

Asks = Literal["", "name", "colour", "number", "room", "place", "furniture", "neighbour"]


@dataclass(frozen=True)
class Question:
    """What a question wants to know.

    Attributes
    ----------
    asks : str
        ``name`` of a thing, its ``colour``, the ``number`` of such things, the ``room`` it is in,
        its ``place``, the ``furniture`` nearest to it, or the ``neighbour`` nearest to furniture
        ``on``; empty if the question is not understood.
    noun, colour : str
        Of the thing; an empty noun is any small object, an empty colour any colour.
    room, on : str
        The room it is in and the furniture it stands on, where the question says so.
    """

    asks: Asks
    noun: str = ""
    colour: str = ""
    room: str = ""
    on: str = ""

    def nouns(self) -> tuple[str, ...]:
        """Return the nouns of things that may be the one in question."""
        return (self.noun,) if self.noun else SMALL


def understand(text: str) -> Question:
    """Return what a question asks for."""
    words = text.lower().replace("color", "colour")
    asks = _asks(words)
    if not asks:
        return Question("")
    wanted = re.sub(r"in which room|piece of furniture", " ", words)
    room = _first(rf"\bin (?:the|a) ({'|'.join(ROOM_SIGNS)})\b", wanted)
    furniture = "|".join(n for n in NOUNS if n not in SMALL)
    on = _first(rf"\b(?:on|closest to|nearest to) the ({furniture})\b", wanted)
    colour = _first(rf"\b({'|'.join(COLOURS)})\b", wanted)
    noun = _first(rf"\b({'|'.join(SMALL)})s?\b", wanted)
    if not noun and not on:
        noun = next((noun for pattern, noun in USES if re.search(pattern, words)), "")
    if asks in ("room", "place", "furniture") and not (noun or colour):
        return Question("")
    return Question(asks, noun, colour, room, on)


def _asks(words: str) -> Asks:
    forms: tuple[tuple[str, Asks], ...] = (
        (r"^how many\b", "number"),
        (r"\b(?:in )?(?:which|what) room\b", "room"),
        (r"^where\b", "place"),
        (r"\b(?:which|what) (?:piece of )?furniture\b", "furniture"),
        (r"\bwhat colour\b", "colour"),
        (r"\b(?:closest|nearest) to the\b", "neighbour"),
        (r"\bwhat (?:is|stands)\b", "name"),
    )
    return next((asks for pattern, asks in forms if re.search(pattern, words)), "")


def _first(pattern: str, words: str) -> str:
    found = re.search(pattern, words)
    return found.group(1) if found else ""
