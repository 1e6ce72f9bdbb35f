"""The drawings of where a robot went: directions, scale, and what cannot be drawn."""

from __future__ import annotations

import dataclasses
import math
import re

from made_up_study import made_up_study

from wiw import results
from wiw.report import drawing, maps, words
from wiw_core.arm import tool_pose
from wiw_core.decisions import Candidate, Decision, DecisionKind, EpisodeResult, EpisodeStatus
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Episode
from wiw_core.plans import Action, Plan, camera_path, navigation_plan
from wiw_core.record_format import DecisionRecord, EpisodeRecord


def driven(*moves: list[str], tool: Pose3 | None = None) -> EpisodeRecord:
    """Return the record of a robot that executed these primitives, a list per decision."""
    pose, decisions = Pose2(), []
    for index, names in enumerate(moves):
        plan = navigation_plan(names)
        pose = pose * camera_path(plan)[-1]
        decision = Decision(
            DecisionKind.ACT, plan, len(plan), 0, candidates=(Candidate(plan),), index=index
        )
        decisions.append(DecisionRecord(decision, plan, pose, index + 1, tool))
    result = EpisodeResult("ignav", "e", 0, EpisodeStatus.SUCCESS, True)
    episode = Episode("ignav", "e", 0, "scene", "val", 20)
    return EpisodeRecord(episode, {}, tuple(decisions), result)


def path(svg: str) -> list[tuple[float, float]]:
    """Return the corners of the drawn path, x to the right and y down."""
    points = re.search(r'class="path" points="([^"]+)"', svg)[1]
    return [tuple(map(float, point.split(","))) for point in points.split()]


def only(record: EpisodeRecord) -> str:
    """Return the one drawing of one arm."""
    ((_, svg),) = maps.draw_episode({"warp": record})["warp"]
    return svg


def test_forward_is_up():
    (x0, y0), *_, (x1, y1) = path(only(driven(["forward"] * 5)))
    assert x1 == x0 and y1 < y0


def test_left_is_left():
    points = path(only(driven(["turn_left"] * 4, ["forward"] * 5)))
    assert points[-1][0] < points[0][0] and abs(points[-1][1] - points[0][1]) < 0.2


def test_scale_bar_has_the_length_it_says():
    svg = only(driven(["forward"] * 10))
    (_, y0), *_, (_, y1) = path(svg)
    left, right = (
        float(n) for n in re.search(r'class="bar" d="M([\d.]+),.*?H([\d.]+)V', svg).groups()
    )
    metres = float(re.search(r">([\d.]+) m</text>", svg)[1])
    assert abs((right - left) / metres - (y0 - y1) / 2.0) < 0.2


def test_arms_of_an_episode_are_drawn_at_one_scale():
    drawn = maps.draw_episode({"near": driven(["forward"]), "far": driven(["forward"] * 20)})
    lengths = {arm: path(svg)[0][1] - path(svg)[-1][1] for arm, ((_, svg),) in drawn.items()}
    assert abs(lengths["far"] / lengths["near"] - 20) < 0.5


def test_way_between_decisions_has_its_corners():
    assert len(path(only(driven(["forward"] * 3 + ["turn_left"] * 4 + ["forward"] * 2)))) == 10


def test_a_bump_is_drawn_straight_to_the_recorded_pose():
    record = driven(["forward"] * 3 + ["turn_left"] * 4 + ["forward"] * 2)
    step = dataclasses.replace(record.decisions[0], base_pose=Pose2(0.6, 0.2, math.pi / 2))
    svg = only(dataclasses.replace(record, decisions=(step,)))
    (x0, y0), (x1, y1) = path(svg)
    assert x1 < x0 and y1 < y0


def test_turning_on_the_spot_puts_the_decisions_at_one_dot():
    svg = only(driven(["turn_left"], ["turn_left"], ["turn_right"], ["forward"]))
    assert ">0–3</text>" in svg and svg.count('class="stop"') == 1


def test_robot_that_never_decided_has_no_drawing():
    assert maps.draw_episode({"none": driven()}) == {"none": []}


def test_an_arm_is_drawn_from_above_and_from_the_side(tmp_path):
    study = made_up_study(tmp_path / "run", ("push_buttons",), ("none",), 1)
    record = next(iter(results.read_records(study)["push_buttons", "none"].values()))
    drawings = maps.draw_episode({"none": record})["none"]
    assert len(drawings) == 2 and "side" in drawings[1][0]
    assert len(path(drawings[0][1])) == sum(len(d.executed) + 1 for d in record.decisions)
    assert drawings[0][1].count('class="closed"') == sum(
        action.values[-1] <= 0.5 for d in record.decisions for action in d.executed.actions
    )


def test_a_candidate_that_cannot_be_executed_is_left_out_of_the_drawing():
    bad = Plan((Action("tool_pose", (9.0,) * 8),))
    good = Plan((tool_pose(Pose3(0.3, 0.0, 1.0), True),))
    decision = Decision(
        DecisionKind.ACT, good, 1, 0, candidates=(Candidate(good), Candidate(bad)), index=0
    )
    step = DecisionRecord(decision, good, Pose2(), 1, Pose3(0.3, 0.0, 1.0))
    record = driven()
    drawings = maps.draw_episode(
        {"none": EpisodeRecord(record.episode, {}, (step,), record.result)}
    )
    assert 'class="weighed"' not in drawings["none"][0][1]
    assert words.plan_words(bad) == "tool_pose that cannot be executed"


def test_places_far_away_fit_into_the_drawing():
    svg = only(driven(*(["forward"] * 5 for _ in range(40))))
    height = float(re.search(r'viewBox="0 0 \S+ ([\d.]+)"', svg)[1])
    assert all(0 <= x <= drawing.WIDTH and 0 <= y <= height for x, y in path(svg))


def test_names_of_arms_are_escaped():
    ((_, svg),) = maps.draw_episode({'<b>"': driven(["forward"])})['<b>"']
    assert "<b>" not in svg


def test_repeats_are_counted_in_words():
    assert words.plan_words(navigation_plan(["turn_left"] * 3 + ["forward"])) == (
        "turn left ×3, forward"
    )
    assert words.plan_words(Plan((tool_pose(Pose3(0.1, -0.2, 1.0), False),), "close it")) == (
        "close it (0.10 -0.20 1.00 closed)"
    )


def test_seconds_are_short_and_never_not_a_number():
    assert [words.seconds(v) for v in (0.004, 0.281, math.nan)] == ["4 ms", "0.28 s", "–"]


def test_made_up_records_are_whole(tmp_path):
    """The tests above stand on them."""
    study = made_up_study(tmp_path / "run", ("ignav",), ("none",), 2)
    assert all(r.result is not None for r in results.read_records(study)["ignav", "none"].values())
