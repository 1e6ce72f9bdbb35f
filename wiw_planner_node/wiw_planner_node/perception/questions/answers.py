"""Answering a question from what was seen, and saying what is still missing."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_core.tasks.aeqa import NOUNS
from wiw_planner_node.perception.mapping.rooms import NOWHERE
from wiw_planner_node.perception.questions.objects import Thing
from wiw_planner_node.perception.questions.question import Question
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.questions.words import COLOURS, FOOTPRINT_M, ROOM_SIGNS, SMALL

SURE = 0.6
"""Probability at which a property counts as seen."""
_ROOM_UNKNOWN = 0.3
_MAYBE = 0.1
_CHECKED_M = 2.0


@dataclass(frozen=True)
class Finding:
    """What can be said so far.

    Attributes
    ----------
    answer : str
        The best answer, empty if nothing was seen that it could be based on.
    sure : bool
        Whether everything that the answer rests on has been seen.
    confidence : float
        Rough probability of the answer, 0 without one.
    landmarks : tuple of Thing
        What should be looked at from near, most promising first.
    """

    answer: str = ""
    sure: bool = False
    confidence: float = 0.0
    landmarks: tuple[Thing, ...] = ()


def find_answer(question: Question, seen: Surroundings) -> Finding:
    """Return what can be said of a question so far."""
    if not question.asks:
        return Finding()
    if question.asks == "number":
        return _number(question, seen)
    if question.asks == "neighbour":
        return _neighbour(question, seen)
    ranked = sorted(
        ((match(question, seen, t), -i, t) for i, t in enumerate(seen.memory.of(question.nouns()))),
        key=lambda item: item[:2],
        reverse=True,
    )
    ranked = [item for item in ranked if item[0] >= _MAYBE]
    unsure = tuple(t for p, _, t in ranked if not _checked(seen, t))
    if not ranked:
        return Finding(landmarks=unsure + _unchecked_supports(question, seen))
    p, _, thing = ranked[0]
    answer, sure = _say(question, seen, thing)
    certain = sure >= SURE and p >= SURE
    return Finding(answer, certain, p * sure if answer else 0.0, unsure)


def guess(question: Question, seen: Surroundings) -> str:
    """Return an answer without evidence: the first word of the kind that was asked for.

    Rooms prefer one that was seen. It is what the robot says when its time is over.
    """
    if question.asks in ("room", "place"):
        rooms = sorted(seen.room_names().items())
        return rooms[0][1] if rooms else next(iter(ROOM_SIGNS))
    if question.asks == "colour":
        return COLOURS[0]
    if question.asks == "number":
        return "1"
    if question.asks == "furniture":
        return next(noun for noun in NOUNS if noun not in SMALL)
    return SMALL[0]


def match(question: Question, seen: Surroundings, thing: Thing) -> float:
    """Return roughly how probable it is that a thing is one the question speaks of."""
    p = 1.0
    if question.colour and thing.small:
        p *= float(thing.colours[COLOURS.index(question.colour)])
    if question.room:
        name = seen.room_name(thing)
        p *= _ROOM_UNKNOWN if not name else float(name == question.room)
    if question.on and question.asks != "neighbour":
        support = seen.memory.support(thing)
        p *= float(support is not None and support.noun == question.on)
    return p


def _say(question: Question, seen: Surroundings, thing: Thing) -> tuple[str, float]:
    """Return what is asked of a thing, and how probable that is; an empty answer if unknown."""
    if question.asks == "colour":
        return thing.colour, thing.colour_confidence
    if question.asks == "name":
        return thing.noun, 1.0
    if question.asks == "furniture":
        near = _nearest_furniture(seen, thing)
        checked = seen.nearest_look_m(thing.x_m, thing.y_m) <= _CHECKED_M
        return ("", 0.0) if near is None else (near.noun, 1.0 if checked else 0.5)
    room = seen.room_name(thing)
    if question.asks == "room":
        return room, 1.0 if room else 0.0
    support = seen.memory.support(thing)
    if not thing.on_floor and support is None:
        return room, 0.4
    place = f"on the {'floor' if support is None else support.noun}"
    return (f"{place} in the {room}", 1.0) if room else (place, 0.4)


def _number(question: Question, seen: Surroundings) -> Finding:
    things = [t for t in seen.memory.of(question.nouns()) if match(question, seen, t) >= SURE]
    if question.on:
        anchors = _supports(question, seen)
        done = any(_checked(seen, anchor) for anchor in anchors)
        landmarks = tuple(a for a in anchors if not _checked(seen, a))
    else:
        labels = [label for label, name in seen.room_names().items() if name == question.room]
        done = any(seen.covered(label) for label in labels)
        landmarks = ()
    sure = done and bool(things)
    answer = str(len(things)) if things else ""
    return Finding(answer, sure, (0.9 if sure else 0.4) if things else 0.0, landmarks)


def _neighbour(question: Question, seen: Surroundings) -> Finding:
    anchor = next(iter(seen.memory.of((question.on,))), None)
    if anchor is None:
        return Finding()
    near = [
        (anchor.distance_m(t.x_m, t.y_m), i, t)
        for i, t in enumerate(seen.memory.of(question.nouns()))
        if seen.memory.support(t) is not anchor
    ]
    checked = _checked(seen, anchor)
    landmarks: tuple[Thing, ...] = () if checked else (anchor,)
    if not near:
        return Finding(landmarks=landmarks)
    thing = min(near)[2]
    room = seen.room_at(anchor.x_m, anchor.y_m)
    sure = (
        checked
        and thing.colour_confidence >= SURE
        and room != NOWHERE
        and room == seen.room_at(thing.x_m, thing.y_m)
        and seen.covered(room)
    )
    if thing.colour_confidence < SURE and not _checked(seen, thing):
        landmarks += (thing,)
    confidence = thing.colour_confidence * (1.0 if sure else 0.5)
    return Finding(f"{thing.colour} {thing.noun}", sure, confidence, landmarks)


def _nearest_furniture(seen: Surroundings, thing: Thing) -> Thing | None:
    """Return the furniture of the same room whose edge is nearest to a thing."""
    room = seen.room_at(thing.x_m, thing.y_m)
    near = [
        (piece.distance_m(thing.x_m, thing.y_m) - FOOTPRINT_M[piece.noun], i, piece)
        for i, piece in enumerate(seen.memory.things)
        if piece.noun in FOOTPRINT_M and seen.room_at(piece.x_m, piece.y_m) == room
    ]
    return min(near)[2] if near else None


def _supports(question: Question, seen: Surroundings) -> list[Thing]:
    """Return the furniture that may be what the question says things stand on."""
    if not question.on:
        return []
    rooms = ("", question.room) if question.room else None
    pieces = seen.memory.of((question.on,))
    return [p for p in pieces if rooms is None or seen.room_name(p) in rooms]


def _unchecked_supports(question: Question, seen: Surroundings) -> tuple[Thing, ...]:
    return tuple(t for t in _supports(question, seen) if not _checked(seen, t))


def _checked(seen: Surroundings, thing: Thing) -> bool:
    """Tell whether the robot has looked at a thing from near."""
    return seen.nearest_look_m(thing.x_m, thing.y_m) <= _CHECKED_M
