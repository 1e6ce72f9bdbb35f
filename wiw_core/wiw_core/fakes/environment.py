"""A fake environment: the square room of ``fakes.room``, for tests without a simulator."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wiw_core.decisions import EpisodeResult, Transition, episode_status
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.fakes import room
from wiw_core.fakes.faults import FakeCrash, chosen_fault
from wiw_core.fakes.scenarios import BUDGETS, SPLITS, Scenario, make_scenario, shortest_actions
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Observation
from wiw_core.plans import NAVIGATION, NAVIGATION_DELTA, ActionSpec, Plan, check_plan
from wiw_core.tasks import ignav

FAULTS = (
    "none",
    "crash",  # act raises an error nobody foresaw
    "reset_crash",  # so does reset
    "exit",  # act ends the process at once, as kill -9 would
    "hang",  # act blocks until hold()
    "slow",  # every observation takes fault_seconds
    "nan_depth",  # depth is NaN everywhere
    "wrong_shape",  # images have a fourth channel
    "silent",  # transitions carry no observation
)
_TICK_S = 0.02


@dataclass(frozen=True)
class _State:
    pose: Pose2
    step: int = 0
    path_m: float = 0.0
    collisions: int = 0
    done: bool = False


class FakeEnvironment:
    """A fake: an empty square room with coloured walls; deterministic, cloneable, no simulator.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`FAULTS`.
    fault_step : int
        Actions executed before an ``act`` fault strikes.
    fault_seconds : float
        How slow ``slow`` is.
    action_seconds : float
        Seconds each action takes in real time; 0 is instant.
    episodes : int
        Episodes per task and split.
    height, width : int
        Pixels of the panorama; the front view is ``height`` square.
    """

    name = "fake"
    actions: Mapping[str, ActionSpec] = NAVIGATION

    def __init__(
        self,
        fault: str = "none",
        fault_step: int = 0,
        fault_seconds: float = 0.2,
        action_seconds: float = 0.0,
        episodes: int = 4,
        height: int = 32,
        width: int = 64,
    ) -> None:
        self._fault = chosen_fault(fault, FAULTS)
        self._fault_step, self._fault_seconds = fault_step, fault_seconds
        self._action_seconds = action_seconds
        self._count, self._height, self._width = episodes, height, width
        self._scenario: Scenario | None = None
        self._state = _State(Pose2())
        self._velocity = (0.0, 0.0)
        self._held = threading.Event()

    def tasks(self) -> Sequence[str]:
        """Return the tasks it has episodes for."""
        return tuple(BUDGETS)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids such as ``val_000``."""
        self._check_task(task)
        if split not in SPLITS:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "split", split, SPLITS)
        count = min(limit, self._count) if limit else self._count
        return tuple(f"{split}_{i:03d}" for i in range(count))

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode."""
        self._check_task(task)
        self.hold()
        if self._fault == "reset_crash":
            raise FakeCrash("The fake environment was told to crash in reset.")
        known = [i for split in SPLITS for i in self.episode_ids(task, split)]
        if episode_id not in known:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, known)
        self._scenario = make_scenario(task, episode_id, self._height)
        self._state = _State(self._scenario.start)
        return self._scenario.public, self._observe(), False

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute the actions one by one; collisions stop the robot at the wall."""
        scenario = self._open()
        check_plan(plan, self.actions)
        self._held.clear()
        return self._act(scenario, plan, observe)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the episode and judge it."""
        self.hold()
        scenario, state = self._open(), self._state
        self._scenario = None
        episode, goal = scenario.public, scenario.goal
        reached = state.done if goal is not None else answer == scenario.target
        success = reached and fault is ErrorCode.OK
        truncated = goal is not None and decisions >= episode.budget
        return EpisodeResult(
            task=episode.task,
            episode_id=episode.id,
            seed=episode.seed,
            status=episode_status(success, fault, truncated),
            success=success,
            code=fault,
            message=message,
            decisions=decisions,
            actions=state.step,
            collisions=state.collisions,
            path_m=state.path_m,
            shortest_m=math.nan if goal is None else scenario.start.distance_m(goal),
            shortest_actions=0 if goal is None else shortest_actions(scenario.start, goal),
            final_distance_m=math.nan if goal is None else state.pose.distance_m(goal),
            answer=answer,
            confidence=confidence,
        )

    def hold(self) -> None:
        """Stop now; an action under way ends where it is."""
        self._held.set()
        self._velocity = (0.0, 0.0)

    def close(self) -> None:
        """Hold and forget the episode."""
        self.hold()
        self._scenario = None

    def motion(self) -> tuple[Pose2, float, float]:
        """Return ``T_odom_base``, forward speed in m/s and yaw rate in rad/s."""
        scenario, pose = self._scenario, self._state.pose
        odom = scenario.start.inverse() * pose if scenario is not None else Pose2()
        return odom, self._velocity[0], self._velocity[1]

    def snapshot(self) -> Any:
        """Return the state of the open episode."""
        return self._open(), self._state

    def restore(self, state: Any) -> None:
        """Return to a snapshot."""
        self._scenario, self._state = state

    def _act(self, scenario: Scenario, plan: Plan, observe: bool) -> Iterator[Transition]:
        try:
            for index, action in enumerate(plan.actions):
                path_m, collided = self._move(scenario, NAVIGATION_DELTA[action.name])
                done = self._state.done
                held = self._held.is_set()
                wanted = observe or done or held or index == len(plan) - 1
                seen = self._observe() if wanted and self._fault != "silent" else None
                yield Transition(seen, path_m, collided, done)
                if done or held:
                    return
        finally:
            self.hold()

    def _move(self, scenario: Scenario, delta: Pose2) -> tuple[float, bool]:
        """Execute one action in small steps; return the metres gone and whether it collided."""
        self._strike()
        before = self._state
        ticks = max(1, round(self._action_seconds / _TICK_S))
        if self._action_seconds > 0:
            seconds = self._action_seconds
            self._velocity = (delta.x_m / seconds, delta.yaw_rad / seconds)
        pose, collided = before.pose, False
        for tick in range(1, ticks + 1):
            if self._held.wait(self._action_seconds / ticks):
                break
            share = tick / ticks
            reached = before.pose * Pose2(delta.x_m * share, 0.0, delta.yaw_rad * share)
            if max(abs(reached.x_m), abs(reached.y_m)) > room.REACH_M:
                collided = True
                break
            pose = reached
            self._state = replace(before, pose=pose)
        self._velocity = (0.0, 0.0)
        path_m = before.pose.distance_m(pose)
        goal = scenario.goal
        self._state = _State(
            pose=pose,
            step=before.step + 1,
            path_m=before.path_m + path_m,
            collisions=before.collisions + collided,
            done=goal is not None and pose.distance_m(goal) <= ignav.SUCCESS_RADIUS_M,
        )
        return path_m, collided

    def _strike(self) -> None:
        if self._state.step < self._fault_step:
            return
        if self._fault == "crash":
            raise FakeCrash("The fake environment was told to crash in act.")
        if self._fault == "exit":
            os._exit(70)
        if self._fault == "hang":
            self._held.wait()

    def _observe(self) -> Observation:
        scenario, state = self._open(), self._state
        if self._fault == "slow":
            time.sleep(self._fault_seconds)
        views = (
            room.front(state.pose, self._height, scenario.target),
            room.panorama(state.pose, self._height, self._width, scenario.target),
        )
        if self._fault == "nan_depth":
            views = tuple(  # type: ignore[assignment]
                replace(v, depth=np.full(v.size, np.nan, np.float32)) for v in views
            )
        if self._fault == "wrong_shape":
            views = tuple(  # type: ignore[assignment]
                replace(v, rgb=np.zeros((*v.size, 4), np.uint8)) for v in views
            )
        odom = scenario.start.inverse() * state.pose
        return Observation(scenario.public.id, state.step, views, odom, stamp_s=float(state.step))

    def _open(self) -> Scenario:
        if self._scenario is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset one first.")
        return self._scenario

    def _check_task(self, task: str) -> None:
        if task not in BUDGETS:
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, BUDGETS)
