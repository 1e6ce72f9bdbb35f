"""What is to be seen of a decision, in RViz and elsewhere, before anything moves."""

from __future__ import annotations

import math

import numpy as np
from visualization_msgs.msg import Marker

from wiw_core.arm import tool_pose
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.geometry import Pose3
from wiw_core.loop import run_episode
from wiw_core.observation import Observation
from wiw_core.plans import FORWARD_M, Action, Plan, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_planner_node.pictures import contact_sheet
from wiw_planner_node.policy import make_policy
from wiw_planner_node.showing import FRAME, candidate_markers
from wiw_ros import convert

NOW = Observation("here", 0, ())
STAMP = convert.stamp_to_msg(12.5)


def weighed(*plans: Plan, chosen: int = 0, scores: tuple[float, ...] = ()) -> Decision:
    candidates = tuple(
        Candidate(plan, score=score)
        for plan, score in zip(plans, scores or (math.nan,) * len(plans))
    )
    plan = plans[chosen] if chosen >= 0 else navigation_plan(["turn_left", "forward"])
    return Decision(DecisionKind.ACT, plan, 1, chosen, candidates=candidates)


def lines(decision: Decision, now: Observation = NOW) -> list[Marker]:
    markers = candidate_markers(decision, now, STAMP).markers
    assert markers[0].action == Marker.DELETEALL
    assert all(m.header.frame_id == FRAME and m.header.stamp == STAMP for m in markers)
    return [m for m in markers if m.ns == "candidates"]


def test_each_candidate_is_a_line_and_the_chosen_one_stands_out() -> None:
    ahead, left = navigation_plan(["forward"] * 3), navigation_plan(["turn_left"] * 4 + ["forward"])
    decision = weighed(ahead, left, chosen=1, scores=(0.25, 0.5))
    first, second = lines(decision)
    assert second.scale.x > first.scale.x and second.color.g > second.color.r
    assert [round(p.x / FORWARD_M, 6) for p in first.points] == [0.0, 1.0, 2.0, 3.0]
    end = second.points[-1]
    assert (round(end.x, 6), round(end.y, 6)) == (0.0, FORWARD_M)  # left is +y
    texts = [m for m in candidate_markers(decision, NOW, STAMP).markers if m.ns == "scores"]
    assert [m.text for m in texts] == ["0: 0.25", "1: 0.5"]


def test_an_arm_s_candidates_start_at_its_tool() -> None:
    here, there = Pose3(0.1, 0.2, 1.0), Pose3(0.3, -0.1, 0.9)
    now = Observation("here", 0, (), tool_pose=here)
    (line,) = lines(weighed(Plan((tool_pose(there, True),))), now)
    assert [(p.x, p.y, p.z) for p in line.points] == [(0.1, 0.2, 1.0), (0.3, -0.1, 0.9)]


def test_a_rewritten_plan_is_drawn_as_the_chosen_one() -> None:
    drawn = lines(weighed(navigation_plan(["forward"]), chosen=-1))
    assert [line.id for line in drawn] == [0, 1] and drawn[1].scale.x > drawn[0].scale.x


def test_actions_that_lead_nowhere_in_space_are_not_drawn() -> None:
    assert lines(weighed(Plan((Action("sing"),)))) == []


def test_a_sheet_of_many_candidates_has_rows_and_says_what_failed() -> None:
    plan = navigation_plan(["forward"])
    frames = np.full((1, 36, 64, 3), 200, np.uint8)
    good = Candidate(plan, Rollout(0, frames, (1,)), score=1.0)
    failed = Candidate(plan, code=ErrorCode.DEADLINE_EXCEEDED)
    sheet = contact_sheet(Decision(DecisionKind.ACT, plan, 1, 0, candidates=(good, failed) * 3))
    assert sheet is not None and sheet.shape == (2 * 166, 3 * 256, 3)
    assert sheet[100, 300].max() < 60 and sheet[:166, 256:512][-16:].max() == 255  # words, no frame


def test_a_decision_is_told_before_anything_moves_and_again_when_it_is_carried_out() -> None:
    told: list[tuple[str, int]] = []
    policy = make_policy("ignav", FakeWorldModel(), proposer="fake", reviser="fake")
    run_episode(
        FakeEnvironment(),
        "ignav",
        "val_001",
        policy,
        on_decided=lambda decision, now: told.append(("decided", now.step)),
        on_decision=lambda decision: told.append(("done", decision.step)),
    )
    assert [what for what, _ in told] == ["decided", "done"] * (len(told) // 2) and len(told) > 2
    assert all(a[1] == b[1] for a, b in zip(told[::2], told[1::2]))
