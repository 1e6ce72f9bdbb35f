"""What understanding questions, remembering things and answering promise."""

from __future__ import annotations

import pytest
from planner_aeqa_home import BLUE, FRIDGE, RED, SOFA, WOOD, Block, context_of, cube, look_round

from wiw_core.geometry import Pose2
from wiw_core.observation import SceneObject
from wiw_planner_node.perception.questions.answers import find_answer, guess
from wiw_planner_node.perception.questions.objects import ObjectMemory
from wiw_planner_node.perception.questions.question import Question, understand
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.recognise import Recogniser

TABLE = Block((4.2, 0.8, 0.0), (5.4, 1.5, 0.76), WOOD, "table")
ON_TABLE = Block((4.65, 0.95, 0.76), (4.8, 1.1, 0.91), BLUE, "cube")
RECOGNISER = Recogniser.shipped()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("What colour is the vase in the kitchen?", Question("colour", "vase", room="kitchen")),
        ("What color is the mug on the table?", Question("colour", "mug", on="table")),
        ("What is on the counter?", Question("name", on="counter")),
        (
            "What is the red object in the living room?",
            Question("name", colour="red", room="living room"),
        ),
        ("How many balls are in the study?", Question("number", "ball", room="study")),
        ("How many small objects are on the cabinet?", Question("number", on="cabinet")),
        ("In which room is the pink cylinder?", Question("room", "cylinder", "pink")),
        ("Where is the cyan cube?", Question("place", "cube", "cyan")),
        (
            "Which piece of furniture is closest to the green ball?",
            Question("furniture", "ball", "green"),
        ),
        (
            "What is the object closest to the bed, but not on it?",
            Question("neighbour", on="bed"),
        ),
        ("I want to read a book. In which room can I find one?", Question("room", "shelf")),
        ("I want to sit on a chair. In which room is one?", Question("room", "chair")),
        (
            "I want to drink tea in the bedroom. What colour is the thing I can drink from?",
            Question("colour", "mug", room="bedroom"),
        ),
    ],
)
def test_it_understands_what_is_asked(text: str, wanted: Question) -> None:
    assert understand(text) == wanted


@pytest.mark.parametrize("text", ["", "Who lives here?", "Is the oven on?", "In which room am I?"])
def test_it_does_not_pretend_to_understand_anything_else(text: str) -> None:
    assert understand(text).asks == ""


def surroundings(question: str, *poses: Pose2, things: tuple[Block, ...]) -> Surroundings:
    seen = Surroundings(RECOGNISER)
    for index, pose in enumerate(poses):
        seen.update(context_of(look_round(pose, things, step=index), question, index))
    return seen


def test_a_thing_seen_from_two_places_is_one_thing() -> None:
    memory = ObjectMemory(RECOGNISER)
    for pose in (Pose2(-0.5, 0.3), Pose2(0.4, -0.6, 2.0), Pose2(-1.0, 1.0, -1.0)):
        now = look_round(pose, (SOFA, cube(1.0, 0.2)))
        memory.update(now, now.objects)
    assert sorted(thing.noun for thing in memory.things) == ["cube", "sofa"]
    (thing,) = memory.of(("cube",))
    assert (thing.x_m, thing.y_m) == pytest.approx((1.0, 0.2), abs=1e-6)
    assert thing.on_floor and thing.colour == "red"


def test_two_cubes_side_by_side_are_two_things() -> None:
    memory = ObjectMemory(RECOGNISER)
    for pose in (Pose2(-0.5, 0.3), Pose2(0.4, -0.6, 2.0)):
        now = look_round(pose, (cube(1.0, 0.2), cube(1.0, 0.45, BLUE)))
        memory.update(now, now.objects)
    assert len(memory.things) == 2


def test_a_detection_that_is_nowhere_is_left_out() -> None:
    memory = ObjectMemory(RECOGNISER)
    now = look_round(Pose2())
    memory.update(now, (SceneObject("ball", float("nan"), 0.0, 0.1),))
    assert memory.things == []


def test_rooms_get_their_names_from_their_furniture() -> None:
    seen = surroundings("", Pose2(0.5, 0.0), Pose2(4.0, 0.0), things=(SOFA, FRIDGE, TABLE))
    assert sorted(seen.room_names().values()) == ["kitchen", "living room"]
    names = {thing.noun: seen.room_name(thing) for thing in seen.memory.things}
    assert names == {"sofa": "living room", "fridge": "kitchen", "table": "kitchen"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("What colour is the cube on the table?", "blue"),
        ("What is on the table?", "cube"),
        ("How many cubes are in the kitchen?", "2"),
        ("How many small objects are on the table?", "1"),
        ("What colour is the cube on the table in the kitchen?", "blue"),
        ("How many small objects are on the table in the kitchen?", "1"),
        ("In which room is the blue cube?", "kitchen"),
        ("Where is the blue cube?", "on the table in the kitchen"),
        ("Where is the red cube?", "on the floor in the kitchen"),
        ("Which piece of furniture is closest to the red cube?", "fridge"),
        ("What is the object closest to the fridge, but not on it?", "red cube"),
    ],
)
def test_it_answers_what_it_has_seen(text: str, answer: str) -> None:
    things = (SOFA, FRIDGE, TABLE, ON_TABLE, cube(4.9, -1.1, RED))
    seen = surroundings(text, Pose2(0.5), Pose2(3.8, -0.2), Pose2(4.2, 0.0), things=things)
    finding = find_answer(understand(text), seen)
    assert (finding.answer, finding.sure) == (answer, True)
    assert 0.5 < finding.confidence <= 1.0


@pytest.mark.parametrize(
    "text",
    [
        "What colour is the vase in the kitchen?",
        "How many cubes are in the bathroom?",
        "What is on the desk?",
        "What is on the cabinet in the study?",
        "What is the object closest to the bed, but not on it?",
        "Who lives here?",
    ],
)
def test_it_is_sure_of_nothing_it_has_not_seen(text: str) -> None:
    seen = surroundings(text, Pose2(0.5), things=(SOFA, cube(1.0, 0.9)))
    finding = find_answer(understand(text), seen)
    assert not finding.sure and finding.answer == "" and finding.confidence == 0.0
    assert guess(understand(text), seen) != ""


def test_it_does_not_count_before_the_room_is_explored() -> None:
    text = "How many cubes are in the kitchen?"
    things = (FRIDGE, cube(2.4, 1.2), cube(3.4, 0.2))
    from_the_door = surroundings(text, Pose2(1.2, 0.0), things=things)
    assert not find_answer(understand(text), from_the_door).sure
    inside = surroundings(text, Pose2(1.2, 0.0), Pose2(4.0, 0.0), things=things)
    assert find_answer(understand(text), inside).answer == "2"


def test_a_new_episode_begins_with_nothing_known() -> None:
    seen = surroundings("", Pose2(0.5), Pose2(1.0), things=(SOFA, cube(1.0, 0.9)))
    seen.update(context_of(look_round(Pose2(4.0, 0.0), ()), "", 0))
    assert seen.memory.things == [] and len(seen.stood) == 1
