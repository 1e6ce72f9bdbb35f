"""The forms of questions: each yields every question of its form that has one answer only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.furnishing import Placement
from wiw_env_bridge.mujoco.questions import Question
from wiw_env_bridge.mujoco.questions.facts import Facts, colour, gap_m, shape
from wiw_env_bridge.mujoco.targets import SHAPES, Target

CLEARLY_M = 0.3
"""What is closest is closer than anything else by at least this."""
MOST = 5
"""The largest number that is asked for."""
_BEARERS = ("table", "cabinet", "counter")
"""Furniture with nothing of its own on top: a desk has a screen."""
_CLUTTERED = ("shelf", "desk")
"""Furniture with small things of its own, such as books: where it is, a colour or a number of small
objects would not be clear."""

Form = Callable[[Facts], Iterator[Question]]


def ask(layout: Layout) -> list[Question]:
    """Return every question about an apartment, form by form."""
    facts = Facts(layout)
    return [question for form in FORMS for question in form(facts)]


def _object_by_colour(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for target in _single(facts.in_room(room), colour) if _tidy(facts, room) else ():
            yield _question(
                f"What is the small {colour(target)} object in the {facts.room(room)}?",
                "object recognition",
                "object by colour",
                (shape(target), target.label),
                [target],
                signs,
            )


def _object_on(facts: Facts) -> Iterator[Question]:
    for piece, things, name, beside in _laden(facts):
        if len(things) == 1 and piece.kind in _BEARERS:
            yield _question(
                f"What is on the {name}?",
                "object recognition",
                "object on furniture",
                (shape(things[0]), things[0].label),
                things,
                *beside,
            )


def _colour_in_room(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for target in _single(facts.in_room(room), shape):
            yield _question(
                f"What colour is the {shape(target)} in the {facts.room(room)}?",
                "attribute recognition",
                "colour in room",
                (colour(target),),
                [target],
                signs,
            )


def _colour_on(facts: Facts) -> Iterator[Question]:
    for _, things, name, beside in _laden(facts):
        for target in _single(things, shape):
            yield _question(
                f"What colour is the {shape(target)} on the {name}?",
                "attribute recognition",
                "colour on furniture",
                (colour(target),),
                [target],
                *beside,
            )


def _closest_furniture(facts: Facts) -> Iterator[Question]:
    for target in facts.layout.targets:
        if not target.on_floor:
            continue
        near = sorted(
            ((gap_m(p.box, target.x_m, target.y_m), p) for p in facts.layout.furniture),
            key=lambda found: found[0],
        )
        piece = near[0][1]
        others = [gap for gap, p in near if p.kind != piece.kind]
        if piece.room == target.room and others and others[0] - near[0][0] >= CLEARLY_M:
            yield _question(
                f"Which piece of furniture is closest to the {target.label}?",
                "spatial understanding",
                "closest furniture",
                (piece.kind,),
                [target],
                (piece.name,),
            )


def _closest_object(facts: Facts) -> Iterator[Question]:
    for piece in facts.layout.furniture:
        if len(facts.pieces(piece.kind)) > 1 or not _tidy(facts, piece.room):
            continue
        near = sorted(
            (
                (gap_m(piece.box, t.x_m, t.y_m), t)
                for t in facts.layout.targets
                if facts.support(t) != piece
            ),
            key=lambda found: found[0],
        )
        target = near[0][1]
        if target.room == piece.room and near[1][0] - near[0][0] >= CLEARLY_M:
            yield _question(
                f"What is the small object closest to the {piece.kind}, but not on it?",
                "spatial understanding",
                "closest object",
                (target.label,),
                [target],
                (piece.name,),
                partial=(shape(target), colour(target)),
            )


def _how_many_of_a_shape(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for name in SHAPES:
            things = [t for t in facts.in_room(room) if shape(t) == name]
            yield from _number(
                f"How many {name}s are in the {facts.room(room)}?",
                "number of a shape",
                things,
                signs,
            )


def _how_many_in_room(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        if _tidy(facts, room):
            text = f"How many small objects are in the {facts.room(room)}?"
            yield from _number(text, "number in room", facts.in_room(room), signs)


def _how_many_on(facts: Facts) -> Iterator[Question]:
    for piece, things, name, beside in _laden(facts):
        if piece.kind in _BEARERS:
            text = f"How many small objects are on the {name}?"
            yield from _number(text, "number on furniture", things, *beside)


def _which_room(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for target in facts.in_room(room):
            yield _question(
                f"In which room is the {target.label}?",
                "object localisation",
                "room of object",
                (facts.room(room),),
                [target],
                signs,
            )


def _where(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for target in facts.in_room(room):
            piece = facts.support(target)
            place = "floor" if piece is None else piece.kind
            yield _question(
                f"Where is the {target.label}?",
                "object localisation",
                "place of object",
                (f"on the {place} in the {facts.room(room)}",),
                [target],
                signs,
                partial=(facts.room(room), f"on the {place}"),
            )


def _drink(facts: Facts) -> Iterator[Question]:
    for room, signs in _known_rooms(facts):
        for target in _single([t for t in facts.in_room(room) if shape(t) == "mug"], shape):
            yield _question(
                f"I want to drink tea in the {facts.room(room)}. What colour is the thing I can"
                " drink from?",
                "functional reasoning",
                "colour of use",
                (colour(target),),
                [target],
                signs,
            )


_USES = {
    "vase": "I want to put flowers in water. In which room is something I can put them in?",
    "ball": "I want to play catch. In which room is something I can throw?",
    "mug": "I want to drink tea. In which room is something I can drink from?",
}
_FURNITURE_USES = {
    "shelf": "I want to read a book. In which room can I find one?",
    "plant": "I want to water the plants. In which room do I have to go?",
    "lamp": "It is getting dark. In which room can I switch on a lamp?",
    "chair": "I want to sit on a chair. In which room is one?",
    "cabinet": "I want to put something into a cabinet. In which room is one?",
}


def _room_for(facts: Facts) -> Iterator[Question]:
    uses: list[tuple[str, list[Target] | list[Placement]]] = [
        (text, [t for t in facts.layout.targets if shape(t) == name])
        for name, text in _USES.items()
    ]
    uses += [(text, facts.pieces(kind)) for kind, text in _FURNITURE_USES.items()]
    for text, things in uses:
        rooms = {thing.room for thing in things}
        if len(rooms) == 1 and (signs := facts.signs(room := rooms.pop())):
            names = tuple(thing.name for thing in things)
            yield Question(
                text=text,
                category="functional reasoning",
                form="room of use",
                answers=(facts.room(room),),
                key=names,
                evidence=(names, signs),
            )


FORMS: tuple[Form, ...] = (
    _object_by_colour,
    _object_on,
    _colour_in_room,
    _colour_on,
    _closest_furniture,
    _closest_object,
    _how_many_of_a_shape,
    _how_many_in_room,
    _how_many_on,
    _which_room,
    _where,
    _drink,
    _room_for,
)


def _question(
    text: str,
    category: str,
    form: str,
    answers: tuple[str, ...],
    things: Iterable[Target],
    *beside: tuple[str, ...],
    partial: tuple[str, ...] = (),
) -> Question:
    """Return a question about these things; each must show, and one body of each of ``beside``."""
    key = tuple(t.name for t in things)
    evidence = (*((name,) for name in key), *beside)
    return Question(text, category, form, answers, key, evidence, partial)


def _number(
    text: str, form: str, things: list[Target], *beside: tuple[str, ...]
) -> Iterator[Question]:
    if 1 <= len(things) <= MOST:
        yield _question(text, "counting", form, (str(len(things)),), things, *beside)


def _known_rooms(facts: Facts) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the rooms whose kind can be told, with the bodies that tell it."""
    for index in range(len(facts.layout.plan.rooms)):
        if signs := facts.signs(index):
            yield index, signs


def _tidy(facts: Facts, room: int) -> bool:
    """Tell whether the only small objects in a room are targets."""
    return not any(p.room == room and p.kind in _CLUTTERED for p in facts.layout.furniture)


def _laden(
    facts: Facts,
) -> Iterator[tuple[Placement, list[Target], str, tuple[tuple[str, ...], ...]]]:
    """Yield what something stands on: the piece, the things, what to call it, what must show.

    Its kind is enough where the home has one such piece; else its room is named too, if it is the
    only one there and the room can be told.
    """
    for piece in facts.layout.furniture:
        things = [t for t in facts.in_room(piece.room) if facts.support(t) == piece]
        alike = facts.pieces(piece.kind)
        signs = facts.signs(piece.room)
        if not things:
            continue
        if len(alike) == 1:
            yield piece, things, piece.kind, ((piece.name,),)
        elif signs and sum(p.room == piece.room for p in alike) == 1:
            name = f"{piece.kind} in the {facts.room(piece.room)}"
            yield piece, things, name, ((piece.name,), signs)


def _single(things: list[Target], what: Callable[[Target], str]) -> list[Target]:
    """Return those that share this property with none of the others."""
    counts = Counter(map(what, things))
    return [t for t in things if counts[what(t)] == 1]
