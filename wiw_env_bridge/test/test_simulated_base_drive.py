"""The simulated base's motors and wheels: velocities in, poses out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core.geometry import Pose2
from wiw_env_bridge.mujoco.navigation import CELL_M, FloorGrid
from wiw_env_bridge.simulated_robot import drive as drive_module
from wiw_env_bridge.simulated_robot.drive import (
    GAP_S,
    STEP_S,
    Drive,
    DriveLimits,
    WorldClock,
    approach_speed,
)
from wiw_env_bridge.simulated_robot.faults import Faults

ROOM = FloorGrid(np.ones((100, 100), np.bool_))
MIDDLE = Pose2(2.5, 2.5, 0.0)


def base(pose: Pose2 = MIDDLE, grid: FloorGrid = ROOM, **limits: float) -> tuple[Drive, Faults]:
    faults = Faults("base")
    drive = Drive(DriveLimits(**{"noise": 0.0, **limits}), faults, now_s=0.0)
    drive.place(7, grid, pose)
    return drive, faults


def hold_command(drive: Drive, speed: float, turn: float, begin_s: float, end_s: float) -> None:
    """Repeat a command 20 times a second, as a controller does."""
    for k in range(round((end_s - begin_s) / 0.05)):
        now = begin_s + 0.05 * k
        drive.advance(now)
        drive.command(speed, turn, now)
    drive.advance(end_s)


def test_a_steady_command_is_reached_with_the_acceleration_and_no_faster() -> None:
    drive, _ = base(acceleration_m_s2=1.0, latency_s=0.0)
    hold_command(drive, 0.4, 0.0, 0.0, 0.2)
    assert 0.15 <= drive.state.speed_m_s <= 0.2 + 1e-9
    hold_command(drive, 0.4, 0.0, 0.2, 2.0)
    assert drive.state.speed_m_s == pytest.approx(0.4)
    assert drive.state.odom.x_m == pytest.approx(0.4 * 2.0 - 0.4**2 / 2, abs=0.02)


def test_a_command_beyond_the_limits_is_cut_to_them() -> None:
    drive, _ = base(speed_m_s=0.3, turn_rad_s=0.5)
    hold_command(drive, 9.0, -9.0, 0.0, 2.0)
    assert (drive.state.speed_m_s, drive.state.turn_rad_s) == pytest.approx((0.3, -0.5))


def test_a_command_takes_effect_after_the_latency() -> None:
    drive, _ = base(latency_s=0.3)
    drive.command(0.5, 0.0, 0.0)
    assert drive.advance(0.28).still
    assert drive.advance(0.34).speed_m_s > 0.0


def test_the_watchdog_stops_a_base_that_hears_nothing_more() -> None:
    drive, _ = base(watchdog_s=0.5)
    hold_command(drive, 0.3, 0.5, 0.0, 1.0)  # last heard at 0.95
    assert drive.advance(1.40).speed_m_s == pytest.approx(0.3)
    assert drive.advance(1.45 + 0.3 / 1.5 + 0.05).still
    assert drive.advance(9.0).still


@pytest.mark.parametrize("command", [(math.nan, 0.0), (0.0, math.inf)])
def test_a_command_that_is_no_number_is_refused(command: tuple[float, float]) -> None:
    drive, _ = base()
    with pytest.raises(ValueError, match="not finite"):
        drive.command(*command, 0.0)
    assert drive.advance(1.0).still


def test_contact_stops_it_short_of_the_wall_once_and_without_sliding() -> None:
    free = np.ones((100, 100), np.bool_)
    free[:, 60:] = False  # a wall at x = 3 m
    drive, _ = base(Pose2(2.5, 2.5, 0.3), FloorGrid(free))
    hold_command(drive, 0.5, 0.0, 0.0, 4.0)
    state = drive.state
    assert 3.0 - CELL_M < state.pose.x_m < 3.0
    assert state.pose.yaw_rad == pytest.approx(0.3)
    bearing = math.atan2(state.pose.y_m - 2.5, state.pose.x_m - 2.5)
    assert bearing == pytest.approx(0.3, abs=1e-6)
    assert (state.contacts, state.touching) == (1, True)
    assert state.path_m == pytest.approx(MIDDLE.distance_m(state.pose), abs=1e-6)
    assert state.wheels_m == pytest.approx(state.path_m)  # it knows that its wheels do not turn

    hold_command(drive, -0.5, 0.0, 4.0, 4.5)
    hold_command(drive, 0.5, 0.0, 4.5, 8.0)
    assert drive.state.contacts == 2


def test_being_carried_is_not_noticed_by_the_odometry() -> None:
    drive, _ = base()
    hold_command(drive, 0.4, 0.6, 0.0, 1.0)
    odom = drive.state.odom
    drive.place(8, ROOM, Pose2(1.0, 1.0, 2.0))
    state = drive.advance(1.1)
    assert state.still
    assert (state.odom, state.pose, state.scene) == (odom, Pose2(1.0, 1.0, 2.0), 8)
    assert (state.path_m, state.contacts) == (0.0, 0)


def test_a_late_look_gives_what_many_looks_give() -> None:
    often, seldom = base()[0], base()[0]
    for drive in (often, seldom):
        drive.command(0.5, 0.4, 0.0)
    for k in range(1, 101):
        often.advance(0.02 * k)
    one_step_m = 0.5 * STEP_S
    assert seldom.advance(2.0).pose.distance_m(often.state.pose) < 1.1 * one_step_m
    assert seldom.state.still and often.state.still  # the watchdog of that time has acted


def test_noise_is_in_the_odometry_only_and_repeats_with_its_seed() -> None:
    def walk(seed: int) -> Drive:
        drive = Drive(DriveLimits(noise=0.05), Faults("base"), 0.0, seed)
        drive.place(7, ROOM, MIDDLE)
        hold_command(drive, 0.4, 0.5, 0.0, 2.0)
        return drive

    one, same, other = walk(1).state, walk(1).state, walk(2).state
    assert one == same
    assert one.pose == other.pose
    assert one.odom != other.odom
    assert (MIDDLE.inverse() * one.pose).distance_m(one.odom) < 0.05


def test_slip_loses_motion_that_the_wheels_count_and_the_odometry_does_not() -> None:
    drive, faults = base()
    faults.inject("slip", 0.25)
    hold_command(drive, 0.4, 0.0, 0.0, 2.0)
    state = drive.state
    assert state.pose.distance_m(MIDDLE) == pytest.approx(0.75 * state.wheels_m)
    assert state.odom.x_m == pytest.approx(0.75 * state.wheels_m)


def test_a_base_that_ignores_commands_stands() -> None:
    drive, faults = base()
    hold_command(drive, 0.4, 0.0, 0.0, 1.0)
    faults.inject("ignore_commands")
    hold_command(drive, 0.4, 0.0, 1.0, 2.0)
    assert drive.state.still
    faults.inject("")
    hold_command(drive, 0.4, 0.0, 2.0, 3.0)
    assert drive.state.speed_m_s == pytest.approx(0.4)


def test_a_deaf_driver_keeps_its_last_command_until_its_watchdog_acts() -> None:
    drive, faults = base()
    hold_command(drive, 0.4, 0.0, 0.0, 1.0)  # last heard at 0.95
    faults.inject("driver_deaf")
    hold_command(drive, 0.0, 0.0, 1.0, 1.4)
    assert drive.state.speed_m_s == pytest.approx(0.4)
    hold_command(drive, 0.0, 0.0, 1.4, 2.0)
    assert drive.state.still


@given(
    length=st.floats(0.02, 2.0),
    top=st.floats(0.05, 0.6),
    cycle=st.floats(0.02, 0.08),
)
def test_an_approach_ends_within_a_centimetre(length: float, top: float, cycle: float) -> None:
    drive, _ = base(Pose2(0.5, 2.5, 0.0))
    now = 0.0
    while length - drive.state.wheels_m > 0.002:
        left = length - drive.state.wheels_m
        speed = approach_speed(left, top, 0.8 * drive.limits.acceleration_m_s2, cycle + 0.06)
        drive.command(max(speed, 0.02), 0.0, now)
        now += cycle
        drive.advance(now)
        assert now < 60.0
    drive.command(0.0, 0.0, now)
    assert drive.advance(now + 1.0).still
    assert abs(drive.state.odom.x_m - length) < 0.01


def test_a_starved_simulator_slows_its_world_down(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = [100.0]
    monkeypatch.setattr(drive_module.time, "monotonic", lambda: steady[0])
    clock = WorldClock()
    begun = clock.tick()
    steady[0] += 0.02
    assert clock.tick() - begun == pytest.approx(0.02)
    steady[0] += 5.0  # nothing ran for so long
    assert clock.now() - begun == pytest.approx(0.02 + GAP_S)
    assert clock.tick() - begun == pytest.approx(0.02 + GAP_S)
    steady[0] += 0.02
    assert clock.now() - begun == pytest.approx(0.04 + GAP_S)
