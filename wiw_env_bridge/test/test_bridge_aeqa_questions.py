"""Questions about a home have one answer each, and nobody need guess what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from wiw_core.judging import Truth
from wiw_core.judging.matcher import Matcher
from wiw_core.tasks.aeqa import NOUNS
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.floorplan import Box2
from wiw_env_bridge.mujoco.furniture import KINDS
from wiw_env_bridge.mujoco.questions import CATEGORIES
from wiw_env_bridge.mujoco.questions.facts import Facts, colour, gap_m, shape
from wiw_env_bridge.mujoco.questions.templates import FORMS, MOST, ask
from wiw_env_bridge.mujoco.targets import SHAPES

SCENES = range(0, 24)


@pytest.fixture(scope="module")
def asked():
    return [(layout, q) for layout in map(lay_out, SCENES) for q in ask(layout)]


def of_form(asked, form):
    found = [(layout, q) for layout, q in asked if q.form == form]
    assert found
    return found


def test_every_form_and_category_comes_up(asked):
    assert {q.category for _, q in asked} == set(CATEGORIES)
    assert len({q.form for _, q in asked}) == len(FORMS)


def test_the_same_apartment_gives_the_same_questions():
    assert ask(lay_out(5)) == ask(lay_out(5))


def test_no_question_has_two_answers(asked):
    answers = {}
    for layout, q in asked:
        assert answers.setdefault((layout.seed, q.text), q.answers) == q.answers


def test_a_right_answer_is_graded_5_a_partial_one_3_and_another_scenes_no_better(asked):
    judge, other = Matcher(), {}
    for _, q in asked:
        truth = Truth(q.text, q.answers, q.partial)
        assert {judge.grade(truth, a) for a in q.answers} == {5}
        assert {judge.grade(truth, a) for a in q.partial} <= {3}
        wrong = other.get(q.form)
        if wrong is not None and wrong not in q.answers:
            assert judge.grade(truth, wrong) < 5
        other[q.form] = q.answers[0]


def test_what_names_a_room_can_be_told_by_its_furniture(asked):
    for layout, q in asked:
        rooms = [layout.target(name).room for name in q.key if layout.target(name)]
        if q.form in ("object by colour", "colour in room", "room of object", "number in room"):
            facts = Facts(layout)
            assert facts.room(rooms[0]) in (*q.answers, q.text[-1 - len(facts.room(rooms[0])) : -1])
            assert q.evidence[-1] == facts.signs(rooms[0]) != ()


def test_the_coloured_object_is_the_only_one_of_its_colour_in_the_room(asked):
    for layout, q in of_form(asked, "object by colour"):
        target = layout.target(q.key[0])
        alike = [t for t in Facts(layout).in_room(target.room) if colour(t) == colour(target)]
        assert alike == [target]
        assert q.answers == (shape(target), target.label)


def test_the_object_whose_colour_is_asked_is_the_only_one_of_its_shape_in_the_room(asked):
    for layout, q in of_form(asked, "colour in room"):
        target = layout.target(q.key[0])
        alike = [t for t in Facts(layout).in_room(target.room) if shape(t) == shape(target)]
        assert alike == [target]
        assert q.answers == (colour(target),)


def test_numbers_count_every_one_of_the_things_and_all_must_be_seen(asked):
    for layout, q in of_form(asked, "number of a shape"):
        target = layout.target(q.key[0])
        alike = {t.name for t in Facts(layout).in_room(target.room) if shape(t) == shape(target)}
        assert alike == set(q.key)
        assert q.answers == (str(len(alike)),)
        assert {(name,) for name in alike} <= set(q.evidence)
        assert 1 <= len(alike) <= MOST


def test_furniture_that_is_named_is_the_only_one_that_could_be_meant(asked):
    for form in ("object on furniture", "colour on furniture", "number on furniture"):
        with_room = 0
        for layout, q in of_form(asked, form):
            name = q.text.rpartition(" on the ")[2].rstrip("?")
            kind, _, room = name.partition(" in the ")
            facts = Facts(layout)
            meant = [p for p in facts.pieces(kind) if room in ("", facts.room(p.room))]
            assert len(meant) == 1
            with_room += bool(room)
        assert with_room > 0


def test_where_books_lie_about_nobody_asks_for_small_objects(asked):
    for form in ("object by colour", "number in room"):
        for layout, q in of_form(asked, form):
            room = layout.target(q.key[0]).room
            assert not any(p.room == room and p.kind == "shelf" for p in layout.furniture)


def test_things_on_a_piece_stand_within_its_footprint(asked):
    for layout, q in of_form(asked, "colour on furniture"):
        target = layout.target(q.key[0])
        piece = Facts(layout).support(target)
        assert gap_m(piece.box, target.x_m, target.y_m) == 0.0
        assert KINDS[piece.kind].top.height_m == target.z_m


def test_the_closest_piece_is_clearly_the_closest(asked):
    for layout, q in of_form(asked, "closest furniture"):
        target = layout.target(q.key[0])
        gaps = {}
        for piece in layout.furniture:
            gap = gap_m(piece.box, target.x_m, target.y_m)
            gaps[piece.kind] = min(gap, gaps.get(piece.kind, gap))
        nearest, second = sorted(gaps, key=gaps.get)[:2]
        assert q.answers == (nearest,)
        assert gaps[second] - gaps[nearest] >= 0.3


def test_a_use_that_asks_for_a_room_has_all_such_things_in_one(asked):
    for layout, q in of_form(asked, "room of use"):
        pieces = {p.name: p for p in layout.furniture}
        things = [layout.target(name) or pieces[name] for name in q.key]
        assert len({t.room for t in things}) == 1
        assert q.answers == (Facts(layout).room(things[0].room),)


def test_the_public_nouns_are_those_that_apartments_have():
    assert set(NOUNS) == set(SHAPES) | set(KINDS)


@pytest.mark.parametrize(
    ("x", "y", "gap"), [(1.0, 2.0, 0.0), (1.0, 2.9, 0.0), (1.0, 4.0, 1.0), (4.5, 7.0, 5.0)]
)
def test_gaps_are_measured_to_a_turned_footprint(x, y, gap):
    box = Box2(1.0, 2.0, 2.0, 1.0, np.pi / 2)  # half 0.5 along x, 1.0 along y
    assert gap_m(box, x, y) == pytest.approx(gap)
