"""Promises of a goal to a robot: it always ends, and says why; fake servers err on purpose."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from nav2_msgs.action import Spin
from robot_fakes import FakeSpin
from robot_peers import code_of

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.actions import ActionPort
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import Timing
from wiw_ros.testing import Probe, own_domain

QUICK = Timing(accept_s=5.0, result_factor=1.0, result_extra_s=0.4, cancel_s=1.0, silence_s=0.3)
"""Short where a time-out is waited for, long where only a slow machine would meet it."""


@pytest.fixture
def robot() -> Iterator[tuple[FakeSpin, RobotLink, ActionPort]]:
    with own_domain() as domain, Probe(domain) as probe:
        link = RobotLink(probe.node)
        port = ActionPort(link, Spin, "spin", QUICK)
        assert code_of(lambda: run(port)) == "ACTION_SERVER_LOST"  # nobody is there yet
        fake = FakeSpin(probe.node)
        assert link.until(lambda: port.offered or None, 30.0, lambda: None)
        yield fake, link, port
        fake.release.set()
        link.close()


def run(port: ActionPort, halted: threading.Event | None = None, **options: Any) -> Any:
    return port.run(Spin.Goal(target_yaw=0.4), 0.5, halted or threading.Event(), **options)


def test_a_goal_that_is_reached_or_aborted_comes_back_with_its_result(robot: Any) -> None:
    fake, _, port = robot
    assert run(port).succeeded
    fake.manner = "abort"
    ended = run(port)
    assert not ended.succeeded and not ended.cancelled and ended.result.error_code == 703


def test_a_rejected_goal_is_not_tried_again(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "reject"
    assert code_of(lambda: run(port)) == "GOAL_REJECTED"
    assert fake.goals == 1


def test_a_goal_that_never_ends_is_cancelled_at_its_time_out(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "hang"
    began = time.monotonic()
    assert code_of(lambda: run(port)) == "ACTION_FAILED"
    assert time.monotonic() - began >= 0.9
    assert fake.cancels >= 1


def test_a_server_that_vanishes_in_motion_is_noticed_before_the_time_out(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "hang"

    def vanish_once() -> None:
        if fake.goals == 1:
            fake.goals += 1
            fake.vanish()

    goal, halted = Spin.Goal(), threading.Event()
    assert code_of(lambda: port.run(goal, 60.0, halted, vanish_once)) == "ACTION_SERVER_LOST"


def test_a_server_whose_feedback_stops_is_lost(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "fall silent"
    with pytest.raises(WiwError, match="no feedback") as caught:
        port.run(Spin.Goal(), 60.0, threading.Event())
    assert caught.value.code is ErrorCode.ACTION_SERVER_LOST


def test_a_server_that_ignores_its_cancellation_is_a_fault_that_says_so(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "deaf"
    halted = threading.Event()
    with pytest.raises(WiwError, match="has not stopped") as caught:
        run(port, halted, watch=halted.set)
    assert caught.value.code is ErrorCode.ACTION_SERVER_LOST


def test_halting_cancels_the_goal_and_returns_when_it_has_ended(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "hang"
    halted = threading.Event()
    assert run(port, halted, watch=halted.set).cancelled
    assert fake.cancels >= 1


def test_cancelling_all_ends_a_goal_of_ours_and_never_one_of_others(robot: Any) -> None:
    fake, link, port = robot
    fake.manner = "hang"
    port.cancel_all()  # none of ours is running
    assert run(port, threading.Event(), watch=port.cancel_all).cancelled
    other = ActionPort(link, Spin, "spin", QUICK)
    cancels = fake.cancels
    began = threading.Event()
    thread = threading.Thread(target=lambda: code_of(lambda: run(other, watch=began.set)))
    thread.start()
    assert began.wait(10.0)
    port.cancel_all()
    assert fake.cancels == cancels
    thread.join(10.0)
    assert not thread.is_alive()


def test_what_the_watch_raises_ends_the_goal(robot: Any) -> None:
    fake, _, port = robot
    fake.manner = "hang"

    def lost() -> None:
        raise WiwError(ErrorCode.STALE_OBSERVATION, "The camera is lost.")

    assert code_of(lambda: run(port, watch=lost)) == "STALE_OBSERVATION"
    assert fake.cancels >= 1
