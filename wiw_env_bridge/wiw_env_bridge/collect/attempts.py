"""Attempts at the table tasks, most of them imperfect: what a world model of the arm learns from.

An attempt is the scripted expert's plan, for the object that is meant or for another one, misread
by millimetres or more, with a step left out, at a wrong height, or let go too early; or it is a
walk of the tool over the table. So failures are as common in the data as they are in a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from wiw_core.arm import WORKSPACE_M, target_of, tool_voxel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.tasks.manipulation import HORIZON
from wiw_env_bridge.tabletop.experts import next_plan
from wiw_env_bridge.tabletop.scene import TableScene
from wiw_env_bridge.tabletop.table import Table
from wiw_env_bridge.tabletop.tasks.push_buttons import BUTTONS, ButtonsScene
from wiw_env_bridge.tabletop.tasks.slide_block import SQUARES, SlideScene
from wiw_env_bridge.tabletop.tasks.square_peg import SPOKES, PegScene
from wiw_env_bridge.tabletop.tasks.stack_cups import CUPS, CupsScene

Target = tuple[Pose3, bool]
"""Where the tool is sent, and whether the gripper is open afterwards."""

_SIGMA_M = (0.0, 0.005, 0.005, 0.012)
"""Standard deviations of misread places; one is drawn per attempt."""
_SIGMA_RAD = 0.035
_HIGH_M = 0.06
"""Steps so far above a plan's lowest pass over things; how high they are does not matter."""
_LIFT_M = (-0.02, 0.12)
_WRONG_HEIGHT_M = (-0.03, 0.07)
_WALK, _DROP, _HEIGHT, _EARLY, _VOXELS, _SLANT = 0.12, 0.08, 0.1, 0.08, 0.5, 0.6
"""Shares of attempts: a walk; a step left out; wrong heights; let go early; rounded to voxels; from
the grasp straight to the goal."""
_LOW, _TOP = np.array(WORKSPACE_M).T
_WALK_LOW, _WALK_HIGH = np.array([0.02, -0.32, 0.8]), np.array([0.45, 0.32, 1.15])


@dataclass
class _Step:
    place: Array
    yaw_rad: float
    opened: bool


def attempt(table: Table, rng: np.random.Generator) -> list[Target]:
    """Return the next attempt from the table's present state: 1 to 5 tool poses.

    All chance comes from ``rng``. It reads the true state, as an expert does.
    """
    if rng.random() < _WALK:
        steps = _walk(rng)
    else:
        steps = _steps(table, rng)
        _vary(steps, rng)
        _misread(steps, rng)
    rounded = bool(rng.random() < _VOXELS)
    return [_target(step, rounded) for step in steps[:HORIZON]]


def with_named(scene: TableScene, rng: np.random.Generator) -> TableScene:
    """Return the scene as if its words meant an object drawn from those it has."""
    if isinstance(scene, ButtonsScene):
        return replace(scene, named=int(rng.integers(BUTTONS)))
    if isinstance(scene, SlideScene):
        return replace(scene, named=int(rng.integers(len(SQUARES))))
    if isinstance(scene, PegScene):
        return replace(scene, named=int(rng.integers(SPOKES)))
    if isinstance(scene, CupsScene):
        return replace(scene, named=int(rng.integers(CUPS)))
    raise WiwError(ErrorCode.UNKNOWN_TASK, f"No attempt is written for a {type(scene).__name__}.")


def _walk(rng: np.random.Generator) -> list[_Step]:
    count = int(rng.integers(1, HORIZON + 1))
    places = rng.uniform(_WALK_LOW, _WALK_HIGH, (count, 3))
    opened = bool(rng.random() < 0.5)
    return [_Step(place, float(rng.normal(0.0, 0.2)), opened) for place in places]


def _steps(table: Table, rng: np.random.Generator) -> list[_Step]:
    plan = next_plan(with_named(table.scene, rng), table.model, table.data)
    steps = []
    for action in plan.actions:
        pose, opened = target_of(action)
        turn = Rotation.from_quat(pose.quaternion) * Rotation.from_euler("x", -np.pi)
        steps.append(_Step(pose.position, float(turn.as_euler("xyz")[2]), opened))
    if table.held and len(steps) > 2 and rng.random() < 0.7:
        while len(steps) > 1 and steps[0].opened:  # what is held already is not grasped again
            steps.pop(0)
    return steps


def _vary(steps: list[_Step], rng: np.random.Generator) -> None:
    """Change how the plan goes, and sometimes spoil it."""
    grasp = _grasp(steps)
    if grasp is not None and rng.random() < _SLANT:
        del steps[grasp + 1 : -2]  # not lifted first: it comes in a slant
    low = min(step.place[2] for step in steps)
    lift, working = rng.uniform(*_LIFT_M), low + _HIGH_M
    for step in steps:
        if step.place[2] > working:
            step.place = step.place + np.array([0.0, 0.0, lift])
    if steps[-1].opened and len(steps) < HORIZON and rng.random() < 0.8:
        away = steps[-1].place + np.array([0.0, 0.0, rng.uniform(0.08, 0.25)])
        steps.append(_Step(away, steps[-1].yaw_rad, True))
    if len(steps) > 1 and rng.random() < _DROP:
        steps.pop(int(rng.integers(len(steps))))
    if rng.random() < _HEIGHT:
        wrong = np.array([0.0, 0.0, rng.uniform(*_WRONG_HEIGHT_M)])
        for step in steps:
            step.place = step.place + wrong
    if rng.random() < _EARLY:
        for step in steps[int(rng.integers(len(steps))) :]:
            step.opened = True


def _misread(steps: list[_Step], rng: np.random.Generator) -> None:
    """Shift the steps up to the grasp by one misreading, and the rest by another."""
    sigma = float(rng.choice(_SIGMA_M))
    first, second = rng.normal(0.0, sigma, (2, 3))
    turned, grasp = float(rng.normal(0.0, _SIGMA_RAD)), _grasp(steps)
    for k, step in enumerate(steps):
        step.place = step.place + (first if grasp is None or k <= grasp else second)
        step.yaw_rad += turned


def _grasp(steps: Sequence[_Step]) -> int | None:
    """Return the index of the first step that closes the gripper; None if none does."""
    closing = (k for k in range(1, len(steps)) if steps[k - 1].opened and not steps[k].opened)
    return next(closing, None)


def _target(step: _Step, rounded: bool) -> Target:
    # Straight down: half a turn about x, then the heading about z.
    down = Rotation.from_euler("z", step.yaw_rad) * Rotation.from_euler("x", np.pi)
    x, y, z = (float(v) for v in np.clip(step.place, _LOW + 1e-6, _TOP - 1e-6))
    pose = Pose3(x, y, z, *(float(q) for q in down.as_quat()))
    return target_of(tool_voxel(pose, step.opened)) if rounded else (pose, step.opened)
