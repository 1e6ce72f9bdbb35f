"""The checker of the safety tests can fail: each broken promise is found, a good run is not."""

from __future__ import annotations

import math

import pytest
from invariants import (
    Begun,
    Closed,
    Command,
    Decided,
    Fault,
    GoalChange,
    Imagined,
    Limits,
    Trace,
    check,
    hold_s,
)

LIMITS = Limits(linear_m_s=0.3, angular_rad_s=1.0, goals=(("plan",), ("drive",)), plans="plan")
FORWARD, STOP, ABORTED = 0.2, 0.0, 4
SPANS = ((0.9, "a", True), (1.6, "a", False), (10.9, "b", True), (11.5, "b", False))


def good_run() -> Trace:
    """Two episodes: the first one drives and ends well, the second is broken while it drives."""
    commands = [Command(1.0 + 0.05 * i, FORWARD, 0.0) for i in range(10)]
    commands += [Command(1.5, STOP, 0.0)]
    commands += [Command(11.0 + 0.05 * i, FORWARD, 0.0) for i in range(8)]
    commands += [Command(11.4, STOP, 0.0)]
    return Trace(
        commands=commands,
        goals=[
            GoalChange(t, action, goal, active)
            for t, goal, active in SPANS
            for action in ("plan", "drive")
        ],
        faults=[Fault(11.0, "planner killed", 0.5)],
        begun=[Begun(0.0, "one", 100), Begun(10.0, "two", 200)],
        closed=[
            Closed(2.0, "one", "planner", 2, 1, ""),
            Closed(11.6, "two", "bridge", ABORTED, 1030, "The planner is gone."),
        ],
        decided=[Decided(1.6, 2), Decided(11.6, 1)],
        imagined=[
            Imagined(0.5, "r1", 0, 100),
            Imagined(0.6, "r1", 1, 100),
            Imagined(10.5, "r2", 0, 200),
        ],
        until=20.0,
    )


def broken_rules(trace: Trace, limits: Limits = LIMITS) -> list[str]:
    return [violation.rule for violation in check(trace, limits)]


def test_a_run_that_keeps_every_promise_is_not_accused() -> None:
    assert broken_rules(good_run()) == []


@pytest.mark.parametrize("group", ["plan", "drive"])
def test_motion_without_a_goal_is_found_once_per_gap(group: str) -> None:
    trace = good_run()
    trace.goals = [g for g in trace.goals if (g.action, g.goal) != (group, "a")]
    assert broken_rules(trace) == ["I1"]


def test_motion_that_goes_on_after_its_goal_is_found() -> None:
    trace = good_run()
    trace.commands.insert(11, Command(1.9, 0.0, 0.5))
    assert broken_rules(trace) == ["I1", "I1"]  # of both groups


def test_messages_may_overtake_one_another_a_little() -> None:
    trace = good_run()
    trace.commands.insert(0, Command(0.8, FORWARD, 0.0))
    assert broken_rules(trace) == []


def test_a_hold_that_comes_too_late_is_found() -> None:
    trace = good_run()
    trace.faults = [Fault(11.0, "planner killed", 0.3)]
    assert broken_rules(trace) == ["I2"]
    assert hold_s(trace, trace.faults[0], LIMITS) == pytest.approx(0.4)


def test_a_zero_between_two_actions_is_no_hold() -> None:
    """The robot stands for a moment after each action: what counts is when it stays."""
    trace = good_run()
    trace.commands.insert(15, Command(11.17, STOP, 0.0))
    assert hold_s(trace, trace.faults[0], LIMITS) == pytest.approx(0.4)


def test_a_stream_that_just_ends_counts_until_the_watchdog() -> None:
    trace = good_run()
    del trace.commands[-1]
    assert hold_s(trace, trace.faults[0], LIMITS) == pytest.approx(0.35 + LIMITS.watchdog_s)
    assert broken_rules(trace) == ["I2"]


def test_a_robot_that_stood_still_needs_no_time_to_hold() -> None:
    trace = good_run()
    assert hold_s(trace, Fault(12.0, "model killed", 0.0), LIMITS) == 0.0


def test_motion_of_the_next_episode_is_not_held_against_the_fault() -> None:
    trace = good_run()
    trace.faults = [Fault(3.0, "model killed", 0.0)]
    assert broken_rules(trace) == []


def test_the_watchers_own_stalls_are_no_violation() -> None:
    trace = good_run()
    trace.faults = [Fault(11.0, "planner killed", 0.3)]
    assert broken_rules(trace, Limits(0.3, 1.0, stalls_s=0.2)) == []


@pytest.mark.parametrize("speed", [0.31, -0.31, math.nan, math.inf])
def test_a_wild_speed_is_found(speed: float) -> None:
    trace = good_run()
    trace.commands[3] = Command(1.15, speed, 0.0)
    assert broken_rules(trace) == ["I3"]
    trace.commands[3] = Command(1.15, 0.0, speed * 4)
    assert broken_rules(trace) == ["I3"]


def test_an_episode_that_nobody_closes_is_found() -> None:
    trace = good_run()
    del trace.closed[1]
    assert broken_rules(trace) == ["I4"]


def test_an_episode_that_is_closed_twice_is_found() -> None:
    trace = good_run()
    trace.closed.append(trace.closed[1])
    assert broken_rules(trace) == ["I4"]


def test_an_episode_that_was_never_begun_is_found() -> None:
    trace = good_run()
    trace.closed.append(Closed(12.0, "three", "planner", 2, 1, ""))
    assert broken_rules(trace) == ["I4"]


def test_two_nodes_may_tell_of_one_closing_but_not_of_two() -> None:
    trace = good_run()
    trace.closed.append(Closed(12.0, "two", "planner", ABORTED, 1030, "The planner is gone."))
    assert broken_rules(trace) == []
    trace.closed[-1] = Closed(12.0, "two", "planner", 0, 1021, "The bridge is gone.")
    assert broken_rules(trace) == []  # it knows no verdict
    trace.closed[-1] = Closed(12.0, "two", "planner", ABORTED, 1010, "Nothing was seen.")
    assert broken_rules(trace) == ["I4"]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (ABORTED, 0, "Something."),
        (ABORTED, 1, "Something."),
        (0, 1, "Something."),
        (ABORTED, 1030, " "),
        (2, 1030, "Something."),
    ],
)
def test_an_ending_without_code_or_sentence_is_found(status: int, code: int, message: str) -> None:
    trace = good_run()
    trace.closed[1] = Closed(11.6, "two", "bridge", status, code, message)
    assert broken_rules(trace) == ["I5"]


def test_a_decision_on_imagination_of_an_older_generation_is_found() -> None:
    trace = good_run()
    trace.imagined[-1] = Imagined(10.5, "r1", 2, 150)
    assert broken_rules(trace) == ["I6"]


def test_a_decision_on_more_rollouts_than_were_sent_is_found() -> None:
    trace = good_run()
    trace.imagined[1] = trace.imagined[0]
    assert broken_rules(trace) == ["I6"]


@pytest.mark.parametrize("t", [-1.0, 5.0])
def test_a_plan_outside_an_episode_is_found(t: float) -> None:
    trace = good_run()
    for action in ("plan", "drive"):
        trace.goals.append(GoalChange(t, action, "c", True))
        trace.goals.append(GoalChange(t + 0.3, action, "c", False))
    assert broken_rules(trace) == []  # it was refused: nothing moved
    trace.commands += [Command(t + 0.1, FORWARD, 0.0), Command(t + 0.2, STOP, 0.0)]
    trace.commands.sort(key=lambda command: command.t)
    assert broken_rules(trace) == ["I6"]
