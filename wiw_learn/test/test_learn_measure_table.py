"""Measuring models of an arm: what it moved must come out right, not only the arm."""

import numpy as np
import pytest
from measured_rooms import HELD_OUT, StandsStill, write_walks
from measured_table import KnowsTheTable, MovesTheToolAlone, attempts

from wiw_core.arm import target_of
from wiw_core.errors import ErrorCode
from wiw_learn.dataset import Shard
from wiw_learn.measure import Settings, measure
from wiw_learn.measure.arm import DISPLACED_M, Arm

SETTINGS = Settings(cases=16, horizon=2, plans=5, films=1)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    data = write_walks(
        tmp_path_factory.mktemp("table"),
        HELD_OUT,
        kind="arm",
        shard=attempts,
        actions=("tool_pose",),
    )
    models = {"knows": KnowsTheTable(), "tool": MovesTheToolAlone()}
    return measure(models, data, SETTINGS, controls={"still": StandsStill()})


def value(report, row, metric):
    return report.row(row).estimate(metric).value.estimate


def case_of(trajectory, start=0, horizon=2):
    shard = Shard("x", "", 9, "push", "", 0, 8)
    settings = Settings(1, horizon, 5)
    return Arm().case(trajectory, shard, 0, start, settings, np.random.default_rng(0))


def test_who_knows_the_law_is_nearly_perfect(report):
    assert value(report, "knows", "action_choice") == 1.0
    assert value(report, "knows", "tool_error") == pytest.approx(0.0, abs=0.3)
    assert value(report, "knows", "moved_error") == pytest.approx(0.0, abs=1.0)
    assert value(report, "knows", "path_frechet") < 1.5


def test_a_well_drawn_tool_does_not_hide_an_unmoved_object(report):
    assert value(report, "tool", "tool_error") == pytest.approx(0.0, abs=0.3)
    gap = report.difference("tool", "knows", "moved_error")
    assert gap.n > 0 and gap.value.estimate > 3.0
    assert value(report, "tool", "still_error") == pytest.approx(0.0, abs=0.5)


def test_who_stands_still_is_at_chance_and_its_tool_is_off(report):
    assert value(report, "still", "action_choice") == pytest.approx(1 / SETTINGS.plans)
    assert value(report, "still", "tool_error") > 3.0
    assert value(report, "still", "psnr_changed_db") < value(report, "knows", "psnr_changed_db") - 5


def test_a_value_is_held_against_the_true_progress(report):
    # It counts actions and so does the truth, but from where the case begins.
    assert 0.0 < value(report, "knows", "value_rank") < 1.0
    assert report.row("still").estimate("value_rank").n == 0


def test_a_case_is_what_was_proposed_in_one_go():
    trajectory = attempts(3)
    assert Arm().starts(trajectory, 6) == [0, 2, 4, 6]
    assert len(case_of(trajectory, 2, horizon=6).plans[0]) == 2


def test_the_other_plans_are_the_same_elsewhere():
    trajectory = attempts(3)
    case = case_of(trajectory)
    done = [target_of(action) for action in case.plans[0].actions]
    assert len(case.plans) == 5
    assert [opened for _, opened in done] == trajectory["target_open"][:2].tolist()
    for plan in case.plans[1:]:
        for (pose, opened), (mine, as_done) in zip(map(target_of, plan.actions), done, strict=True):
            apart = np.hypot(pose.x_m - mine.x_m, pose.y_m - mine.y_m)
            assert apart == pytest.approx(DISPLACED_M)
            assert opened == as_done and pose.z_m == pytest.approx(mine.z_m)


def test_a_plan_that_failed_is_not_chosen_among():
    trajectory = attempts(3)
    trajectory["code"][1] = ErrorCode.IK_FAILED
    assert "action_choice" not in case_of(trajectory).choices
    assert "action_choice" in case_of(trajectory, 2).choices


def test_nothing_of_the_true_state_reaches_the_model():
    observation = case_of(attempts(3)).observations[-1]
    assert observation.objects == () and observation.joints == ()
    assert [view.name for view in observation.views] == ["front"]
