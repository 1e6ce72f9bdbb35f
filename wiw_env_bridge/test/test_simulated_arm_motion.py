"""The simulated arm's controllers, without the wire: trajectories, tolerances, contacts, grasps."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from scipy.spatial.transform import Rotation
from tabletop_blocks import TOP_M, BlocksScene

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_plant import ArmState, Plant
from wiw_env_bridge.simulated_robot.arm_trajectory import Tolerances, Trajectory, default_tolerances
from wiw_env_bridge.tabletop.kinematics import READY_RAD, Kinematics
from wiw_env_bridge.tabletop.table import Table

WAIT_S = 30.0
SPEED = 10.0
TOLERANCES = default_tolerances(path_rad=0.05, goal_rad=0.01, goal_time_s=1.0)


class ArmRig:
    """A plant whose states are kept, and whose servos can be made deaf."""

    def __init__(self) -> None:
        self.table = Table(BlocksScene())
        self.states: list[ArmState] = []
        self.errors: list[BaseException] = []
        self.deaf = threading.Event()
        self.plant = Plant(
            self.table,
            SPEED,
            Time,
            self.states.append,
            self.deaf.is_set,
            self.errors.append,
        )
        self.plant.start()

    def positions(self) -> Array:
        return self.plant.state.positions

    def follow(self, *points: Array, seconds: float, tolerances: Tolerances = TOLERANCES):
        """Follow points at even times, at rest at each."""
        times = np.linspace(0.0, seconds, len(points) + 1)[1:]
        rows = np.stack(points)
        trajectory = Trajectory(times, rows, np.zeros_like(rows), start=self.positions()[:7])
        return self.plant.follow(trajectory, tolerances)

    def reach(self, x: float, y: float, z: float, seconds: float = 2.0):
        """Go to a place, the tool straight down, along a straight line."""
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("x", math.pi).as_matrix()
        pose[:3, 3] = x, y, z
        path = Kinematics().straight(self.positions()[:7], pose)
        assert path is not None
        count = len(path)
        times = np.linspace(0.0, seconds, count)[1:]
        rates = np.gradient(path, seconds / (count - 1), axis=0)[1:]
        rates[-1] = 0.0
        return self.plant.follow(Trajectory(times, path[1:], rates, start=path[0]), TOLERANCES)


@pytest.fixture
def rig() -> Iterator[ArmRig]:
    rig = ArmRig()
    yield rig
    rig.plant.close()
    assert not rig.errors


def ended(goal) -> tuple[str, str]:
    assert goal.over.wait(WAIT_S)
    return goal.end.state, goal.end.code


def test_the_arm_follows_a_trajectory_within_its_tolerances_and_rests_at_its_end(
    rig: ArmRig,
) -> None:
    goal = READY_RAD + np.array([0.4, -0.2, 0.1, 0.3, -0.2, 0.2, 0.5])
    assert ended(rig.follow(goal, seconds=1.5)) == ("succeed", "SUCCESSFUL")
    assert np.abs(rig.positions()[:7] - goal).max() < 0.01
    assert np.abs(rig.plant.state.rates).max() < 0.05


def test_a_trajectory_too_fast_for_the_motors_is_aborted_on_the_way(rig: ArmRig) -> None:
    goal = READY_RAD + np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    follow = rig.follow(goal, seconds=0.1)
    assert ended(follow) == ("abort", "PATH_TOLERANCE_VIOLATED")
    assert "panda_joint1" in follow.end.message


def test_a_trajectory_that_begins_elsewhere_moves_nothing(rig: ArmRig) -> None:
    here = rig.positions()
    rows = np.stack([READY_RAD + 0.3, READY_RAD + 0.4])
    trajectory = Trajectory(np.array([0.0, 1.0]), rows, np.zeros_like(rows))
    assert ended(rig.plant.follow(trajectory, TOLERANCES))[1] == "PATH_TOLERANCE_VIOLATED"
    assert np.abs(rig.positions() - here).max() < 1e-3


def test_an_end_that_is_not_reached_in_time_is_a_violated_goal_tolerance(rig: ArmRig) -> None:
    strict = default_tolerances(path_rad=math.inf, goal_rad=1e-7, goal_time_s=0.1)
    goal = READY_RAD + 0.1
    end = ended(rig.follow(goal, seconds=0.5, tolerances=strict))
    assert end == ("abort", "GOAL_TOLERANCE_VIOLATED")


def test_a_cancelled_arm_holds_where_it_is(rig: ArmRig) -> None:
    far = READY_RAD + np.array([1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    follow = rig.follow(far, seconds=5.0)
    _until(lambda: rig.positions()[0] > 0.3)
    rig.plant.cancel(follow)
    assert ended(follow)[0] == "canceled"
    _until_still(rig)
    where = rig.positions()[0]
    assert 0.3 < where < 1.2
    _ticks(rig, 20)
    assert abs(rig.positions()[0] - where) < 1e-3


def test_a_new_goal_ends_the_one_before(rig: ArmRig) -> None:
    first = rig.follow(READY_RAD + 0.5, seconds=5.0)
    second = rig.follow(READY_RAD, seconds=1.0)
    assert ended(first) == ("abort", "INVALID_GOAL")
    assert ended(second)[0] == "succeed"
    assert np.abs(rig.positions()[:7] - READY_RAD).max() < 0.01


def test_pressing_hard_on_the_table_trips_the_reflex(rig: ArmRig) -> None:
    assert ended(rig.reach(0.2, 0.3, TOP_M + 0.05))[0] == "succeed"
    assert ended(rig.reach(0.2, 0.3, TOP_M - 0.1)) == ("abort", "PATH_TOLERANCE_VIOLATED")
    _until_still(rig)
    assert rig.plant.travelled()[1] == 1
    assert Kinematics().tool(rig.positions()[:7])[2, 3] > TOP_M - 0.02


def test_the_gripper_holds_what_its_pads_touch_until_it_opens(rig: ArmRig) -> None:
    x, y = rig.table.scene.small_xy
    assert ended(rig.reach(x, y, TOP_M + 0.15))[0] == "succeed"
    assert ended(rig.reach(x, y, TOP_M + 0.025))[0] == "succeed"
    assert ended(rig.plant.grip(0.0, 30.0))[0] == "succeed"
    assert not rig.plant.reached(0.0)  # stalled on the block, 3 cm wide
    assert rig.plant.judged(lambda table: table.held) == "small"
    assert ended(rig.reach(x, y, TOP_M + 0.2))[0] == "succeed"
    assert rig.plant.judged(lambda table: table.succeeded())
    again = rig.plant.grip(0.0, 30.0)
    assert ended(again)[0] == "succeed" and rig.plant.judged(lambda table: table.held) == "small"
    assert ended(rig.plant.grip(0.04, 30.0))[0] == "succeed"
    assert rig.plant.reached(0.04)
    assert rig.plant.judged(lambda table: table.held) == ""


def test_a_cancelled_gripper_stays_where_it_is(rig: ArmRig) -> None:
    goal = rig.plant.grip(0.0, 30.0)
    _until(lambda: rig.positions()[7] < 0.03)
    rig.plant.cancel(goal)
    assert ended(goal)[0] == "canceled"
    _until_still(rig)
    where = rig.positions()[7]
    assert 0.005 < where < 0.035
    _ticks(rig, 20)
    assert abs(rig.positions()[7] - where) < 1e-4
    first = rig.plant.grip(0.0, 30.0)
    assert ended(rig.plant.grip(0.04, 30.0))[0] == "succeed"
    assert ended(first)[0] == "abort"


def test_placed_anew_every_goal_ends_and_the_arm_stands_ready(rig: ArmRig) -> None:
    follow = rig.follow(READY_RAD + 0.5, seconds=5.0)
    _until(lambda: rig.positions()[0] > 0.05)
    rig.plant.place(Table(BlocksScene()))
    assert ended(follow)[0] == "abort"
    assert np.abs(rig.positions()[:7] - READY_RAD).max() < 1e-3
    assert rig.plant.travelled() == (0.0, 0)


def test_deaf_servos_are_noticed_by_the_path_tolerance(rig: ArmRig) -> None:
    rig.deaf.set()
    here = rig.positions()
    assert ended(rig.follow(READY_RAD + 0.5, seconds=1.0))[1] == "PATH_TOLERANCE_VIOLATED"
    assert np.abs(rig.positions() - here).max() < 1e-3


def test_without_a_goal_the_state_rests_and_is_still_told(rig: ArmRig) -> None:
    _until(lambda: len(rig.states) > 60)
    number = rig.states[-1].number
    _ticks(rig, 20)
    assert rig.states[-1].number == number
    rig.follow(READY_RAD + 0.05, seconds=0.5)
    _until(lambda: rig.states[-1].number > number)


def _until(holds) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def _ticks(rig: ArmRig, count: int) -> None:
    goal = len(rig.states) + count
    _until(lambda: len(rig.states) >= goal)


def _until_still(rig: ArmRig) -> None:
    _ticks(rig, 3)
    _until(lambda: float(np.abs(rig.plant.state.rates).max()) < 1e-3)
