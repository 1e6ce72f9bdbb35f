"""How the simulated base moves: velocities in, poses out, in real time; no ROS here."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from wiw_core.geometry import Pose2
from wiw_env_bridge.mujoco.navigation import FloorGrid
from wiw_env_bridge.simulated_robot.faults import Faults

STEP_S = 0.02
"""Longest piece of time that is integrated at once."""
GAP_S = 0.1
"""A world that is not advanced for longer stands still meanwhile."""
AWAY_M = 0.05
"""Metres after which what it ran into no longer touches it."""


@dataclass(frozen=True)
class DriveLimits:
    """What the motors and their driver can do.

    Attributes
    ----------
    speed_m_s, turn_rad_s : float
        Greatest speeds; a faster command is cut to them.
    acceleration_m_s2, turn_acceleration_rad_s2 : float
        Also of braking.
    latency_s : float
        From a command's arrival to its effect.
    watchdog_s : float
        Silence after which the driver commands zero by itself.
    noise : float
        Standard deviation of the odometry's increments, as a share of the motion.
    """

    speed_m_s: float = 0.6
    turn_rad_s: float = 1.6
    acceleration_m_s2: float = 1.5
    turn_acceleration_rad_s2: float = 4.0
    latency_s: float = 0.04
    watchdog_s: float = 0.5
    noise: float = 0.01


@dataclass(frozen=True)
class DriveState:
    """All about the base at one instant.

    Attributes
    ----------
    at_s : float
        Time of this state, of one steady clock.
    scene : int
        The apartment it is in; privileged.
    pose : Pose2
        The truth, ``T_map_base``; privileged.
    odom : Pose2
        ``T_odom_base`` as the robot estimates it; it never jumps, not even when it is carried.
    speed_m_s, turn_rad_s : float
        Forward speed and yaw rate; exactly 0 at rest.
    wheels_m, wheels_rad : float
        Signed metres and radians that the wheels have turned for since the start.
    path_m, contacts : float, int
        Truth since the robot was placed: metres travelled, and how often it ran into something.
    touching : bool
        Something stops it, until it stands by command or has gone :data:`AWAY_M` from there.
    """

    at_s: float
    scene: int = 0
    pose: Pose2 = Pose2()
    odom: Pose2 = Pose2()
    speed_m_s: float = 0.0
    turn_rad_s: float = 0.0
    wheels_m: float = 0.0
    wheels_rad: float = 0.0
    path_m: float = 0.0
    contacts: int = 0
    touching: bool = False

    @property
    def still(self) -> bool:
        """Whether it stands."""
        return self.speed_m_s == 0.0 and self.turn_rad_s == 0.0


@dataclass(frozen=True)
class _Command:
    due_s: float
    speed_m_s: float
    turn_rad_s: float


class WorldClock:
    """Seconds of the base's own world: those of the steady clock, less what the computer starved.

    What commands the base runs on the same computer. When that is starved a simulated base must not
    roll on without it: that would be no robot's fault, but ours.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost_s, self._ticked_s = 0.0, time.monotonic()

    def now(self) -> float:
        """Return the time in this world; it never goes back."""
        with self._lock:
            return min(time.monotonic(), self._ticked_s + GAP_S) - self._lost_s

    def tick(self) -> float:
        """Say that the world is being advanced, and return its time."""
        with self._lock:
            now = time.monotonic()
            self._lost_s += max(0.0, now - self._ticked_s - GAP_S)
            self._ticked_s = now
            return now - self._lost_s


class Drive:
    """A disc with two driven wheels on the free floor; contact stops it, it never slides.

    Every method from any thread; times are of one steady clock and never go back.

    Parameters
    ----------
    seed : int
        Of the odometry's noise.
    """

    def __init__(
        self,
        limits: DriveLimits,
        faults: Faults,
        now_s: float,
        seed: int = 0,
    ) -> None:
        self.limits = limits
        self._faults = faults
        self._grid = FloorGrid(np.ones((1, 1), np.bool_))  # until it is placed
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._state = DriveState(now_s)
        self._waiting: deque[_Command] = deque()
        self._target = (0.0, 0.0)
        self._heard_s = -math.inf
        self._free_m = 0.0

    @property
    def state(self) -> DriveState:
        """The newest state."""
        with self._lock:
            return self._state

    def command(self, speed_m_s: float, turn_rad_s: float, now_s: float) -> None:
        """Take a velocity command; raises ``ValueError`` unless both numbers are finite."""
        if not (math.isfinite(speed_m_s) and math.isfinite(turn_rad_s)):
            raise ValueError(f"the command ({speed_m_s}, {turn_rad_s}) is not finite")
        if self._faults.on("driver_deaf"):
            return
        top, turn = self.limits.speed_m_s, self.limits.turn_rad_s
        with self._lock:
            self._heard_s = now_s
            self._waiting.append(
                _Command(
                    now_s + self.limits.latency_s,
                    min(max(speed_m_s, -top), top),
                    min(max(turn_rad_s, -turn), turn),
                )
            )

    def stop(self) -> None:
        """Stand still at once, as with the motors' brakes, and forget every command."""
        with self._lock:
            self._halt()

    def place(self, scene: int, grid: FloorGrid, pose: Pose2) -> None:
        """Put the base down at ``T_map_base``, as by hand: its odometry does not notice.

        ``grid`` says where it can be in that apartment.
        """
        with self._lock:
            self._halt()
            self._grid = grid
            self._state = replace(self._state, scene=scene, pose=pose, path_m=0.0, contacts=0)

    def clear_ahead(self, metres: float) -> bool:
        """Tell whether it could go straight on (backwards if negative) for so long."""
        with self._lock:
            pose, grid = self._state.pose, self._grid
        steps = max(1, math.ceil(abs(metres) / 0.01))
        ahead = (pose * Pose2(metres * k / steps) for k in range(1, steps + 1))
        return all(grid.is_free(p.x_m, p.y_m) for p in ahead)

    def advance(self, now_s: float) -> DriveState:
        """Bring the state up to now and return it."""
        slip, deaf = self._faults.value("slip"), self._faults.on("ignore_commands")
        with self._lock:
            while now_s - self._state.at_s > 1e-9:
                self._step(min(STEP_S, now_s - self._state.at_s), slip, deaf)
            return self._state

    def _halt(self) -> None:
        self._waiting.clear()
        self._target = (0.0, 0.0)
        self._state = replace(self._state, speed_m_s=0.0, turn_rad_s=0.0, touching=False)

    def _step(self, dt: float, slip: float, deaf: bool) -> None:
        now, state = self._state.at_s + dt, self._state
        while self._waiting and self._waiting[0].due_s <= now:
            command = self._waiting.popleft()
            self._target = (command.speed_m_s, command.turn_rad_s)
        if now - self._heard_s > self.limits.watchdog_s:
            self._waiting.clear()
            self._target = (0.0, 0.0)
        goal_speed, goal_turn = (0.0, 0.0) if deaf else self._target
        speed = _towards(goal_speed, state.speed_m_s, self.limits.acceleration_m_s2 * dt)
        turn = _towards(goal_turn, state.turn_rad_s, self.limits.turn_acceleration_rad_s2 * dt)
        if speed == turn == 0.0:
            self._state = replace(state, at_s=now, speed_m_s=0.0, turn_rad_s=0.0, touching=False)
            return

        wheels_m, wheels_rad = speed * dt, turn * dt
        moved_m, moved_rad = wheels_m * (1.0 - slip), wheels_rad * (1.0 - slip)
        pose = state.pose * _arc(moved_m, moved_rad)
        blocked = moved_m != 0.0 and not self._grid.is_free(pose.x_m, pose.y_m)
        if blocked:
            speed = wheels_m = moved_m = 0.0
            pose = state.pose * _arc(0.0, moved_rad)
        self._free_m = 0.0 if blocked else self._free_m + abs(moved_m)
        error_m, error_rad = (1.0 + self.limits.noise * self._rng.standard_normal(2)).tolist()
        self._state = replace(
            state,
            at_s=now,
            pose=pose,
            odom=state.odom * _arc(moved_m * error_m, moved_rad * error_rad),
            speed_m_s=speed,
            turn_rad_s=turn,
            wheels_m=state.wheels_m + wheels_m * error_m,
            wheels_rad=state.wheels_rad + wheels_rad * error_rad,
            path_m=state.path_m + abs(moved_m),
            contacts=state.contacts + (blocked and not state.touching),
            touching=blocked or (state.touching and self._free_m < AWAY_M),
        )


def approach_speed(left: float, top: float, deceleration: float, delay_s: float) -> float:
    """Return the greatest speed from which one can still stop in what is left.

    It solves ``v * delay + v**2 / (2 * deceleration) = left`` for v. Metres or radians alike.
    """
    rest = max(left, 0.0)
    speed = deceleration * (math.sqrt(delay_s**2 + 2.0 * rest / deceleration) - delay_s)
    return min(speed, top)


def _arc(metres: float, turn_rad: float) -> Pose2:
    """Return the motion along a short arc; its chord leaves at half the turn."""
    half = 0.5 * turn_rad
    return Pose2(metres * math.cos(half), metres * math.sin(half), turn_rad)


def _towards(goal: float, now: float, change: float) -> float:
    return min(goal, now + change) if goal > now else max(goal, now - change)
