"""RLBench on CoppeliaSim as an environment; this runs in the worker."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wiw_core.arm import ARM, target_of
from wiw_core.contracts import Task
from wiw_core.decisions import EpisodeResult, Transition, episode_status
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose3
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_core.tasks.manipulation import PushButtons, SlideBlock, SquarePeg, StackCups
from wiw_env_bridge.rlbench import sight
from wiw_env_bridge.rlbench.episodes import Record, drawn, stored
from wiw_env_bridge.rlbench.flavours import CAMERAS, Setup, load

TASKS: dict[str, Task] = {
    task.name: task for task in (PushButtons(), SlideBlock(), SquarePeg(), StackCups())
}
_SENSORS = {
    "front": "_cam_front",
    "wrist": "_cam_wrist",
    "overhead": "_cam_overhead",
    "left_shoulder": "_cam_over_shoulder_left",
    "right_shoulder": "_cam_over_shoulder_right",
}


class Held(Exception):
    """The arm was told to hold, between two steps of the simulation."""


@dataclass
class _Open:
    task: Task
    record: Record
    text: str
    step: int = 0
    path_m: float = 0.0
    failures: int = 0
    done: bool = False
    success: bool = False
    seen: Any = field(default=None, repr=False)


class RlbenchWorld:
    """RLBench's look at the four manipulation tasks, with absolute tool poses by motion planning.

    ``base_link`` is RLBench's world frame: z up from the floor, the same as the embedded table's.
    Simulated time passes only inside :meth:`act`. :meth:`hold` may be called from any thread: the
    arm stops before the next step of the simulation. An action that cannot be begun (``NO_PATH``,
    or ``IK_FAILED``) moves nothing, counts as a failure and ends the plan. RLBench tells nothing of
    contacts, so no collision is ever counted. Parameters are as in
    :class:`wiw_env_bridge.rlbench.plugin.RlbenchEnvironment`.
    """

    name = "rlbench"

    def __init__(
        self,
        flavour: str = "rlbench",
        demos: str = "",
        episodes: int = 50,
        image_size: int = 500,
        views: Sequence[str] = (),
        centroids: bool = True,
        headless: bool = True,
    ) -> None:
        for view in views:
            if view not in CAMERAS:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "view", view, CAMERAS)
        if not 16 <= image_size <= 2048 or episodes < 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"RLBench cannot have {episodes} episodes, and images of {image_size} pixels.",
                "Give 1 or more, and 16 to 2048.",
            )
        self._flavour = load(flavour)
        self._views, self._centroids = tuple(views), centroids
        cameras = self._views or tuple(dict.fromkeys(v for t in TASKS.values() for v in t.views))
        # CoppeliaSim changes the working directory: from here on every path is absolute.
        root = str(Path(demos).absolute()) if demos else ""
        self._episodes: dict[str, dict[str, Record]] = {}
        for task in filter(self._flavour.has, TASKS):
            records = stored(Path(root), task) if root else drawn(episodes)
            if records:
                self._episodes[task] = {record.id: record for record in records}
        if not self._episodes:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"{flavour} has no episodes of {', '.join(TASKS)}.",
                "Give demos=, the folder that holds TASK/variation0/episodes.",
            )
        setup = Setup(cameras, image_size, centroids, root, headless)
        self._simulator = self._flavour.environment(setup)
        self._simulator.launch()
        self._loaded = ""
        self._task: Any = None  # a TaskEnvironment of RLBench
        self._open: _Open | None = None
        self._halt = threading.Event()

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Tool poses, continuous or discretised."""
        return ARM

    def tasks(self) -> Sequence[str]:
        """Return the manipulation tasks that this flavour has."""
        return tuple(self._episodes)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in evaluation order; stored episodes are all of the split ``val``."""
        ids = [record.id for record in self._of(task).values() if record.split == split]
        return tuple(ids[:limit] if limit else ids)

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode; see :class:`wiw_core.contracts.Environment`."""
        records = self._of(task)
        if episode_id not in records:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, records)
        self._open = None
        self._halt.clear()
        record = records[episode_id]
        descriptions, seen = self._begin(task, record)
        text = str(descriptions[0])
        opened = self._open = _Open(TASKS[task], record, text, seen=seen)
        privileges = ("object_centroids", "oracle_stop") if self._centroids else ("oracle_stop",)
        episode = Episode(
            task=task,
            id=record.id,
            seed=record.seed,
            scene=f"{task}_{record.id}",
            split=record.split,
            budget=opened.task.budget,
            goal_text=text,
            privileges=privileges,
        )
        return episode, self.observe(), False

    def observe(self) -> Observation:
        """Return what the robot sees and feels now; raises ``NO_EPISODE``."""
        opened = self._now()
        seen, scene = opened.seen, self._scene
        names = self._views or tuple(opened.task.views)
        handles = self._flavour.handles(self._task, seen) if self._centroids else ()
        joints = (float(value) for value in seen.joint_positions)
        return Observation(
            opened.record.id,
            opened.step,
            tuple(sight.view(seen, name, getattr(scene, _SENSORS[name])) for name in names),
            stamp_s=time.time(),
            joints=tuple((f"panda_joint{k}", value) for k, value in enumerate(joints, start=1)),
            tool_pose=Pose3(*(float(value) for value in seen.gripper_pose)),
            gripper=float(seen.gripper_open),
            objects=sight.centroids(seen, handles),
        )

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; :meth:`hold` ends it at the next step of the simulation."""
        opened = self._now()
        check_plan(plan, self.actions)
        for action in plan.actions:
            target_of(action)
        if opened.done:
            raise WiwError(ErrorCode.NO_EPISODE, "The episode is decided.", "Finish it.")
        self._halt.clear()
        return self._execute(opened, plan, observe)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode and judge it by the task's own conditions."""
        opened = self._now()
        self.hold()
        self._open = None
        fault = ErrorCode(fault)
        success = fault is ErrorCode.OK and opened.success
        truncated = decisions >= opened.task.budget and not opened.done
        return EpisodeResult(
            task=opened.task.name,
            episode_id=opened.record.id,
            seed=opened.record.seed,
            status=episode_status(success, fault, truncated),
            success=success,
            code=fault,
            message=message,
            decisions=decisions,
            actions=opened.step,
            path_m=opened.path_m,
            answer=answer,
            confidence=confidence,
            failures=opened.failures,
        )

    def hold(self) -> None:
        """Stop all motion now; from any thread."""
        self._halt.set()

    def close(self) -> None:
        """Shut CoppeliaSim down; idempotent."""
        self.hold()
        self._open = None
        simulator, self._simulator = self._simulator, None
        if simulator is not None:
            simulator.shutdown()

    # Parts ----------------------------------------------------------------------------------------

    def _of(self, task: str) -> dict[str, Record]:
        if task not in self._episodes:
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, self._episodes)
        return self._episodes[task]

    def _now(self) -> _Open:
        if self._open is None or self._task is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open

    @property
    def _scene(self) -> Any:
        return self._task._scene  # neither flavour has a public way to it

    def _begin(self, task: str, record: Record) -> tuple[Sequence[str], Any]:
        if self._loaded != task:
            self._loaded = ""
            self._task = self._simulator.get_task(self._flavour.task_class(task))
            self._watch_steps()
            self._loaded = task
        # RLBench draws from both.
        np.random.seed(record.seed % 2**32)
        random.seed(record.seed)
        variation = record.variation
        if variation < 0:
            variation = record.seed % int(self._task.variation_count())
        self._task.set_variation(variation)
        if record.stored < 0:
            descriptions, seen = self._task.reset()
            return descriptions, seen
        demo = self._flavour.stored(self._simulator, task, variation, record.stored)
        descriptions, seen = self._task.reset_to_demo(demo)
        return descriptions, seen

    def _watch_steps(self) -> None:
        """Let each step of the simulation be followed by a look at whether to hold."""
        scene, step = self._scene, self._scene.step

        def watched() -> None:
            step()
            if self._halt.is_set():
                raise Held

        scene.step = watched

    def _execute(self, opened: _Open, plan: Plan, observe: bool) -> Iterator[Transition]:
        for index, action in enumerate(plan.actions):
            if self._halt.is_set() or self._open is not opened:
                return
            metres, code = self._perform(opened, action)
            ends = opened.done or code is not ErrorCode.OK or self._halt.is_set()
            last = index == len(plan) - 1 or ends
            yield Transition(
                observation=self.observe() if observe or last else None,
                path_m=metres,
                done=opened.done,
                code=code,
            )
            if last:
                return

    def _perform(self, opened: _Open, action: Action) -> tuple[float, ErrorCode]:
        """Execute one action; return the metres between the tool's places, and what went wrong."""
        before, code = self._tool(opened.seen), ErrorCode.OK
        pose, opening = target_of(action)
        opened.step += 1
        try:
            seen, reward, terminate = self._task.step(_action8(pose, opening))
            opened.success = float(reward) >= 1.0
            opened.done = bool(terminate) or opened.success
        except Held:
            self._brake()
            seen = self._task.get_observation()
        except self._flavour.refusals as error:
            opened.failures += 1
            code = _code_of(error)
            seen = self._task.get_observation()
        opened.seen = seen
        metres = math.dist(before, self._tool(seen)) if code is ErrorCode.OK else 0.0
        opened.path_m += metres
        return metres, code

    def _brake(self) -> None:
        """Let the arm want to be where it is: the next step must not go on with the old path."""
        scene = self._scene
        robot = getattr(scene, "robot", None) or scene._robot
        robot.arm.set_joint_target_positions(robot.arm.get_joint_positions())

    @staticmethod
    def _tool(seen: Any) -> tuple[float, ...]:
        return tuple(float(value) for value in seen.gripper_pose[:3])


def _action8(pose: Pose3, opened: bool) -> Any:
    """Return RLBench's action: x y z, qx qy qz qw of unit length, 1 to open and 0 to close."""
    quaternion = pose.quaternion / np.linalg.norm(pose.quaternion)
    return np.array([*pose.position, *quaternion, float(opened)], np.float64)


def _code_of(error: BaseException | None) -> ErrorCode:
    """Return ``IK_FAILED`` if inverse kinematics is what failed, ``NO_PATH`` otherwise."""
    while error is not None:
        if type(error).__name__ == "IKError":
            return ErrorCode.IK_FAILED
        error = error.__cause__
    return ErrorCode.NO_PATH
