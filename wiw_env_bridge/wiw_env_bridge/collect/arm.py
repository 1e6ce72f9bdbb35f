"""Collects the arm: attempts at the four table tasks in train scenes, each look with its depth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import View
from wiw_env_bridge.collect.attempts import Target, attempt
from wiw_env_bridge.collect.jobs import Job
from wiw_env_bridge.tabletop.cameras import TableRenderer, check_size
from wiw_env_bridge.tabletop.generate import in_reach
from wiw_env_bridge.tabletop.kinematics import Kinematics
from wiw_env_bridge.tabletop.table import Outcome, Table
from wiw_env_bridge.tabletop.tasks import TASKS, TaskScene, make_scene
from wiw_learn.dataset import Trajectory

_SCENES_PER_TASK = 10
"""Scenes in a row that share a task: each ten has one that is held out, so every task has some."""


class ArmSampler:
    """Attempts in a row at a table task: what comes after a failure is seen too.

    After a plan is through, or one of its actions failed, the next attempt begins from there. A
    goal that was reached ends nothing: the hand goes on. The true state chooses what is attempted
    and labels the result; the pictures, the calibration and the arm's own pose are what a model may
    see.

    Parameters
    ----------
    tasks : sequence of str
        Table tasks, which share the scenes equally.
    plans : int
        Attempts per trajectory.
    size : int
        Height and width of the pictures in pixels.
    oversample : int
        The renderer draws so many times larger, and colours are averaged: soft edges.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``; ``BAD_PARAMETER`` if a number is out of its range.
    """

    kind = "arm"
    actions: tuple[str, ...] = ("tool_pose",)
    version = "1"

    def __init__(
        self,
        tasks: Sequence[str] = tuple(TASKS),
        plans: int = 3,
        size: int = 128,
        oversample: int = 4,
    ) -> None:
        for task in tasks:
            if task not in TASKS:
                raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, TASKS)
        for name, value, most in (("plans", plans, 100), ("oversample", oversample, 8)):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value!r}; it is 1 to {most}.")
        if not tasks:
            raise WiwError(ErrorCode.BAD_PARAMETER, "There is no task to collect.")
        check_size(size)
        check_size(size * oversample)
        self._tasks, self._plans = tuple(tasks), plans
        self._size, self._oversample = size, oversample
        self._renderer = TableRenderer(size * oversample)

    def jobs(self, scenes: range) -> list[Job]:
        """Return one trajectory per scene whose every point the arm can reach."""
        arm, jobs = Kinematics(), []
        for seed in scenes:
            task = self._tasks[seed // _SCENES_PER_TASK % len(self._tasks)]
            scene = _scene(task, seed)
            if in_reach(arm, scene):
                jobs.append(Job(seed, seed, task, scene.text))
        return jobs

    def collect(self, job: Job) -> Trajectory:
        """Return the arrays of one trajectory; see :mod:`wiw_learn.dataset`."""
        rng = np.random.default_rng([job.seed, 1])
        table = Table(_scene(job.task, job.scene))
        self._renderer.open(table)
        looks, done = [self._look(table)], []
        for plan in range(self._plans):
            for target in attempt(table, rng):
                outcome = table.move(*target)
                done.append(_row(plan, target, outcome))
                looks.append(self._look(table))
                if outcome.code is not ErrorCode.OK:
                    break
        camera = self._view(table)
        return {
            **{name: np.stack([look[name] for look in looks]) for name in looks[0]},
            **{name: np.stack([row[name] for row in done]) for name in done[0]},
            "intrinsics": pinhole.resized(camera.intrinsics, camera.size, (self._size, self._size)),
            "T_base_camera": camera.T_base_camera,
        }

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()

    def _view(self, table: Table) -> View:
        return self._renderer.views(("front",), self._size * self._oversample)[0]

    def _look(self, table: Table) -> Trajectory:
        view, size = self._view(table), (self._size, self._size)
        step, middle = self._oversample, self._oversample // 2
        if view.depth is None:
            raise WiwError(ErrorCode.ENVIRONMENT_FAILED, "The table's renderer gave no depth.")
        return {
            "front": cv2.resize(view.rgb, size, interpolation=cv2.INTER_AREA),
            "front_depth": view.depth[middle::step, middle::step].astype(np.float16),
            "tool_pose": _numbers(table.tool_pose()),
            "gripper": np.array(table.gripper, np.float32),
            "progress": np.array(table.progress(), np.float32),
            "centroids": np.array(table.centroids(), np.float32),
        }


def _scene(task: str, seed: int) -> TaskScene:
    variation = int(np.random.default_rng([seed, 0]).integers(TASKS[task].variations))
    return make_scene(task, seed, variation)


def _row(plan: int, target: Target, outcome: Outcome) -> Trajectory:
    return {
        "target_pose": _numbers(target[0]),
        "target_open": np.array(target[1], np.bool_),
        "code": np.array(outcome.code, np.int16),
        "collided": np.array(outcome.collided, np.bool_),
        "plan": np.array(plan, np.int16),
    }


def _numbers(pose: Pose3) -> Array:
    return np.concatenate([pose.position, pose.quaternion])
