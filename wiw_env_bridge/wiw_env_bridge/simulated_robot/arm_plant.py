"""The table's physics at the pace of the clock, in a thread of its own, and who commands it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import mujoco
import numpy as np
from builtin_interfaces.msg import Time

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_goals import (
    LETS_GO_M,
    REACHED_M,
    End,
    Following,
    Goal,
    Gripping,
)
from wiw_env_bridge.simulated_robot.arm_trajectory import Tolerances, Trajectory
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.scene import TableScene
from wiw_env_bridge.tabletop.table import STEP_S, STILL, TICK, Run, Table

TICK_S = TICK * STEP_S
"""Simulated seconds between two looks at goals and contacts."""
_ASLEEP_S = 0.5
_BEHIND_S = 0.2
_REFLEX = "A contact reflex stopped the arm."
_FINGER = 7
_T = TypeVar("_T")


@dataclass(frozen=True)
class ArmState:
    """What the encoders tell.

    Attributes
    ----------
    number : int
        Another one whenever something may have moved.
    stamp : Time
        ROS time of the state.
    positions, rates : (9,) float64
        Seven joints in rad, two fingers in m; per second.
    grip_n : float
        Force that closes the fingers.
    """

    number: int
    stamp: Time
    positions: Array
    rates: Array
    grip_n: float


@dataclass(frozen=True)
class Still:
    """A copy of a table's state that may be looked at while the table goes on."""

    scene: TableScene
    model: mujoco.MjModel
    data: mujoco.MjData


class Plant:
    """The arm and its table in real time. Every method may be called from any thread.

    One trajectory and one gripper goal at a time; a new goal ends the one before, which comes to
    rest where it is. Without a goal the servos hold, and once everything rests the physics sleeps.

    Parameters
    ----------
    table : Table
    speed : float
        Simulated seconds per second of the clock.
    now : callable
        Returns the ROS time.
    heard : callable
        Takes the state after each tick, in the plant's thread.
    deaf : callable
        Tells whether the servos ignore what they are told (a fault).
    on_error : callable
        Takes what stopped the physics.
    """

    def __init__(
        self,
        table: Table,
        speed: float,
        now: Callable[[], Time],
        heard: Callable[[ArmState], None],
        deaf: Callable[[], bool],
        on_error: Callable[[BaseException], object],
    ) -> None:
        self._speed, self._now, self._heard = speed, now, heard
        self._deaf, self._on_error = deaf, on_error
        self._lock = threading.RLock()
        self._following: Following | None = None
        self._gripping: Gripping | None = None
        self._number = 0
        self._broken: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run_on, name="physics", daemon=True)
        self.place(table)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; idempotent."""
        self._ending.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5.0)
        self.stop()

    @property
    def state(self) -> ArmState:
        """The newest state."""
        with self._lock:
            return self._state

    def place(self, table: Table) -> None:
        """Put another table, with its arm, in the place of this one; goals under way end."""
        with self._lock:
            self._finish("The robot was placed anew.")
            self._table, self._run = table, Run(table)
            self._picture: mujoco.MjData | None = None
            self._path_m, self._collisions, self._quiet_s = 0.0, 0, 0.0
            self._broken = None
            self._number += 1
            self._note()

    def follow(self, trajectory: Trajectory, tolerances: Tolerances) -> Following:
        """Begin a trajectory."""
        goal = Following(trajectory, tolerances)
        with self._lock:
            self._require_whole()
            self._stop_arm("INVALID_GOAL", "Another goal has taken its place.")
            self._path_m += self._run.path_m
            self._run, self._following = Run(self._table), goal
            self._quiet_s = 0.0
        return goal

    def grip(self, goal_m: float, effort_n: float) -> Gripping:
        """Begin to bring the fingers to a position, no stronger than ``effort_n``."""
        with self._lock:
            self._require_whole()
            self._stop_fingers("Another goal has taken its place.")
            table, here = self._table, float(self._state.positions[_FINGER])
            goal = Gripping(here, goal_m, STEP_S)
            if table.held and goal_m <= here + LETS_GO_M:
                goal.finish(End("succeed"))  # it already holds, as firmly as it can
                return goal
            table.release()
            table.model.actuator_forcerange[_FINGER] = -effort_n, effort_n
            self._gripping, self._quiet_s = goal, 0.0
        return goal

    def cancel(self, goal: Goal) -> None:
        """End a goal as cancelled and hold where the robot is; nothing if it is over already."""
        with self._lock:
            if goal is self._following:
                self._stop_arm("SUCCESSFUL", "Cancelled: the arm holds its position.", "canceled")
            elif goal is self._gripping:
                self._stop_fingers("Cancelled: the gripper holds its position.", "canceled")

    def stop(self) -> None:
        """End every goal and hold."""
        with self._lock:
            self._finish("The driver was told to stop.")

    def look(self) -> tuple[int, Time, Still]:
        """Return the number and the stamp of the present state, and a copy of it.

        The copy is good until the next look; one thread may look.
        """
        with self._lock:
            table = self._table
            if self._picture is None:
                self._picture = mujoco.MjData(table.model)
            mujoco.mj_copyData(self._picture, table.model, table.data)
            still = Still(table.scene, table.model, self._picture)
            number, stamp = self._state.number, self._state.stamp
        mujoco.mj_kinematics(still.model, still.data)
        mujoco.mj_camlight(still.model, still.data)
        return number, stamp, still

    def judged(self, ask: Callable[[Table], _T]) -> _T:
        """Return the answer to a question about the true state; raises if the physics broke."""
        with self._lock:
            self._require_whole()
            self._table.refresh()
            return ask(self._table)

    def travelled(self) -> tuple[float, int]:
        """Return the metres of the tool and the collisions since the robot was placed."""
        with self._lock:
            return self._path_m + self._run.path_m, self._collisions

    def reached(self, goal_m: float) -> bool:
        """Tell whether the fingers are at a position."""
        return bool(abs(self.state.positions[_FINGER] - goal_m) <= REACHED_M)

    # In the thread of the physics -----------------------------------------------------------------

    def _run_on(self) -> None:
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due += TICK_S / self._speed
            if time.monotonic() - due > _BEHIND_S:
                due = time.monotonic()  # too slow for this pace: it falls behind the clock
            try:
                with self._lock:
                    if self._broken is not None:
                        continue
                    if self._quiet_s < _ASLEEP_S:
                        self._tick()
                    self._note()
                    state = self._state
                self._heard(state)
            except Exception as error:  # noqa: BLE001 - told once, and the arm is silent from then on
                with self._lock:
                    self._broken = error
                    self._finish("The physics broke down.")
                self._on_error(error)

    def _tick(self) -> None:
        """Move by one tick: ask the goals, step, look at contacts."""
        table, following, gripping = self._table, self._following, self._gripping
        rows = np.tile(table.data.ctrl, (TICK, 1))
        moving = False
        if following is not None:
            if following.check(self._state.positions[:7], self._state.rates[:7]):
                angles = following.commands(TICK, STEP_S)
                if angles is not None and not self._deaf():
                    rows[:, :7], moving = angles, True
            else:
                self._following = None
                if following.end is not None and following.end.state != "succeed":
                    rows[:, :7] = table.data.ctrl[:7] = self._state.positions[:7]
        if gripping is not None:
            fingers = gripping.commands(TICK)
            rows[:, _FINGER] = rows[:, _FINGER] if self._deaf() else fingers
        if not self._run.follow(rows, watch_torque=moving):
            self._collisions += 1
            self._stop_arm("PATH_TOLERANCE_VIOLATED", _REFLEX)
        table.require_sound()
        if gripping is not None and gripping.rested(float(table.rates[_FINGER]), TICK_S):
            self._gripping = None
            if gripping.closing:
                table.seize()
            gripping.finish(End("succeed"))
        busy = self._following is not None or self._gripping is not None
        quiet = not busy and float(np.abs(table.data.qvel).max()) < STILL
        self._quiet_s = self._quiet_s + TICK_S if quiet else 0.0
        self._number += 1

    def _note(self) -> None:
        """Take over what the encoders tell; the caller holds the lock."""
        table = self._table
        self._state = ArmState(
            self._number,
            self._now(),
            np.array([position for _, position in table.joints]),
            table.rates.copy(),
            abs(float(table.data.actuator_force[_FINGER])),
        )

    def _finish(self, why: str) -> None:
        self._stop_arm("INVALID_GOAL", why)
        self._stop_fingers(why)

    def _stop_arm(self, code: str, why: str, state: str = "abort") -> None:
        """Hold the arm where it is, and end its goal."""
        goal, self._following = self._following, None
        if goal is not None:
            self._table.stay_arm()
            self._quiet_s = 0.0
            goal.finish(End(state, code, why))

    def _stop_fingers(self, why: str, state: str = "abort") -> None:
        goal, self._gripping = self._gripping, None
        if goal is not None:
            self._table.stay_fingers()
            self._quiet_s = 0.0
            goal.finish(End(state, "", why))

    def _require_whole(self) -> None:
        if self._broken is not None:
            raise WiwError(
                ErrorCode.ENVIRONMENT_FAILED,
                f"The simulated arm has stopped: {self._broken}",
                "Begin another episode.",
            )


def effort_limit(asked_n: float) -> float:
    """Return the force a gripper goal may use: all there is if it asks for 0 or less."""
    return min(asked_n, panda.GRIP_N) if asked_n > 0.0 else panda.GRIP_N
