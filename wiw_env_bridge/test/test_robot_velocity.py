"""Promises of a base that is driven by velocity: it ends where it should, and always with zero."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from robot_fakes import FakeWheels
from robot_peers import code_of

from wiw_core.plans import FORWARD_M, TURN_RAD, Action
from wiw_env_bridge.robot.base import BaseBody
from wiw_env_bridge.robot.base.velocity import ZEROS
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import parse_profile
from wiw_ros.testing import Probe, own_domain

PROFILE = {
    "name": "wheels",
    "kind": "base",
    "referee": {"kind": "simulated"},
    "cameras": {"front": {"image": "image", "info": "info"}},
    "base": {
        "interface": "cmd_vel",
        "speed_m_s": 0.4,
        "turn_rad_s": 1.2,
        "acceleration_m_s2": 1.5,
        "turn_acceleration_rad_s2": 5.0,
        "stuck_s": 0.6,
        "odom_age_s": 0.6,
    },
    "limits": {"speed_m_s": 0.4, "turn_rad_s": 1.2},
    "timing": {"server_wait_s": 30.0, "result_extra_s": 5.0, "cancel_s": 1.0},
}


@pytest.fixture(scope="module")
def rig() -> Iterator[tuple[FakeWheels, BaseBody]]:
    with own_domain() as domain, Probe(domain) as probe:
        wheels = FakeWheels(probe.node)
        link = RobotLink(probe.node)
        body = BaseBody(link, parse_profile(PROFILE))
        body.ready()
        yield wheels, body
        body.close()
        link.close()


@pytest.fixture
def wheels(rig: tuple[FakeWheels, BaseBody]) -> Iterator[FakeWheels]:
    wheels = rig[0]
    wheels.gain, wheels.free_m, wheels.speaks = 1.0, math.inf, True
    assert rig[1].odometry.stream.wait(lambda h: rig[1].odometry.stream.age_s() < 0.2, 30.0)
    wheels.commands.clear()
    yield wheels


@pytest.fixture
def body(rig: tuple[FakeWheels, BaseBody]) -> BaseBody:
    return rig[1]


def do(body: BaseBody, name: str, halted: threading.Event | None = None) -> Any:
    return body.execute(Action(name), halted or threading.Event())


def ended_with_zeros(wheels: FakeWheels, body: BaseBody) -> bool:
    """Wait for the last commands to arrive; they must be zeros."""

    def zeros() -> bool | None:
        return [c[1:] for c in wheels.commands[-ZEROS:]] == [(0.0, 0.0)] * ZEROS or None

    body.odometry.stream.wait(lambda _: bool(zeros()), 10.0)
    return bool(zeros())


@pytest.mark.parametrize("name", ["forward", "turn_left", "turn_right"])
def test_each_primitive_ends_where_it_should_within_the_limits_and_with_zero(
    name: str, wheels: FakeWheels, body: BaseBody
) -> None:
    before = wheels.pose
    outcome = do(body, name)
    moved = before.inverse() * wheels.pose
    forward, turn = {
        "forward": (FORWARD_M, 0.0),
        "turn_left": (0.0, TURN_RAD),
        "turn_right": (0.0, -TURN_RAD),
    }[name]
    assert moved.x_m == pytest.approx(forward, abs=0.04)
    assert moved.yaw_rad == pytest.approx(turn, abs=0.08)
    assert outcome.path_m == pytest.approx(abs(forward), abs=0.04)
    assert not outcome.collided and not outcome.stopped
    assert max(abs(c[1]) for c in wheels.commands) <= 0.4
    assert max(abs(c[2]) for c in wheels.commands) <= 1.2
    assert ended_with_zeros(wheels, body)


def test_no_command_is_sent_but_in_motion_and_a_hold_at_rest_sends_none(
    wheels: FakeWheels, body: BaseBody
) -> None:
    stream = body.odometry.stream
    heard = stream.count
    body.hold()
    assert stream.wait(lambda _: stream.count >= heard + 5, 30.0)  # time for a command to arrive
    assert wheels.commands == []


def test_a_wall_is_a_collision_not_a_fault(wheels: FakeWheels, body: BaseBody) -> None:
    wheels.free_m = 0.05
    outcome = do(body, "forward")
    assert outcome.collided and outcome.path_m < 0.1
    assert ended_with_zeros(wheels, body)


def test_halting_in_motion_stops_it_and_says_how_far_it_came(
    wheels: FakeWheels, body: BaseBody
) -> None:
    halted = threading.Event()
    threading.Timer(0.15, halted.set).start()
    outcome = do(body, "turn_left", halted)
    assert outcome.stopped and not outcome.collided
    assert ended_with_zeros(wheels, body)


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda w: setattr(w, "gain", -1.0), "DISPLACEMENT_MISMATCH"),
        (lambda w: setattr(w, "speaks", False), "STALE_OBSERVATION"),
    ],
    ids=["a motor with the wrong sign", "odometry that falls silent"],
)
def test_a_fault_in_motion_ends_with_zero_and_its_code(
    break_it: Callable[[FakeWheels], None], code: str, wheels: FakeWheels, body: BaseBody
) -> None:
    threading.Timer(0.1, break_it, (wheels,)).start()
    assert code_of(lambda: do(body, "turn_left")) == code
    assert ended_with_zeros(wheels, body)
    wheels.gain, wheels.speaks = 1.0, True


def test_stale_odometry_is_refused_before_anything_is_sent(
    wheels: FakeWheels, body: BaseBody
) -> None:
    wheels.speaks = False
    stream = body.odometry.stream
    body.odometry.stream.wait(lambda _: stream.age_s() > 0.7, 30.0)
    assert code_of(lambda: do(body, "forward")) == "STALE_OBSERVATION"
    assert wheels.commands == []
