"""Apartments as an environment whose state can be saved and restored."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wiw_core.decisions import EpisodeResult, Transition
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Observation, Projection, Rgb, View
from wiw_core.plans import NAVIGATION, Action, ActionSpec, Plan, check_plan
from wiw_env_bridge.episodes import EpisodeRecord, load_episodes
from wiw_env_bridge.mujoco.agent import AgentState, Motion, plan_motion
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.cameras import camera_pose
from wiw_env_bridge.mujoco.goals import TASKS, Goal, make_goal
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.verdict import judge, spent

VIEWS = ("front", "panorama")
"""The cameras of the robot."""
FRAME_HW = (288, 512)
"""Size of an imagined panorama unless another is asked for, or the robot's is smaller."""
_TICK_S = 0.02


@dataclass(frozen=True)
class _OpenEpisode:
    record: EpisodeRecord
    layout: Layout
    goal: Goal
    views: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """An opaque state of one episode."""

    episode_id: str
    state: AgentState


class MujocoEnvironment:
    """Seeded apartments with a kinematic robot, for the tasks of :data:`TASKS`.

    :meth:`hold` and :meth:`motion` may be called from any thread at any time; the rest from any
    thread, by one caller at a time. Contact stops a forward; the robot never slides.

    Parameters
    ----------
    panorama_height, panorama_width, front_size : int
        Sizes of the images in pixels; the panorama's width is a multiple of 16.
    views : sequence of str
        Cameras to draw, of ``front`` and ``panorama``; empty for what the task asks for.
    action_seconds : float
        Seconds that one primitive takes; 0 moves at once.
    detections : bool
        Tell question answering of the objects that are seen, as its protocol does.
    """

    name = "mujoco"
    frame_projection = Projection.EQUIRECTANGULAR

    def __init__(
        self,
        panorama_height: int = 576,
        panorama_width: int = 1024,
        front_size: int = 512,
        views: Sequence[str] = (),
        action_seconds: float = 0.0,
        detections: bool = True,
    ) -> None:
        _check_sizes(panorama_height, panorama_width, front_size, action_seconds)
        for view in views:
            if view not in VIEWS:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "view", view, VIEWS)
        self._views = tuple(views)
        self._action_seconds = action_seconds
        smaller = panorama_height < FRAME_HW[0] or panorama_width < FRAME_HW[1]
        self.frame_hw = (panorama_height, panorama_width) if smaller else FRAME_HW
        self._detections = detections
        self._renderer = Renderer((panorama_height, panorama_width), front_size)
        self._open: _OpenEpisode | None = None
        self._state = AgentState(Pose2())
        self._halt = threading.Event()
        self._live_lock = threading.Lock()
        self._live = (Pose2(), 0.0, 0.0)

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """The navigation primitives."""
        return NAVIGATION

    def tasks(self) -> Sequence[str]:
        """Return the tasks that apartments have episodes for."""
        return tuple(TASKS)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in evaluation order, consecutive ones in different apartments."""
        ids = [r.id for r in load_episodes(task) if r.split == split]
        return tuple(ids[:limit] if limit else ids)

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode; see :class:`wiw_core.contracts.Environment`."""
        records = {r.id: r for r in load_episodes(task)}
        if episode_id not in records:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, records)
        self._open = None
        record = records[episode_id]
        layout = self._renderer.layout(record.scene)
        goal = make_goal(record, layout, self._renderer, self._detections)
        views = self._views or tuple(TASKS[task].views)
        self._open = _OpenEpisode(record, layout, goal, views)
        self._state = AgentState(record.start, done=goal.reached(record.start))
        self._publish()
        return goal.episode(), self.observe(), self._state.done

    def observe(self) -> Observation:
        """Return what the robot sees where it stands; raises ``NO_EPISODE``."""
        episode = self._episode()
        views = tuple(self._view(episode, name) for name in episode.views)
        odom = _odom(episode, self._state.pose)
        objects = episode.goal.objects(self._state.pose)
        return Observation(
            episode.record.id, self._state.step, views, odom, time.time(), objects=objects
        )

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; :meth:`hold` ends it at once, after yielding what has really happened."""
        episode = self._episode()
        check_plan(plan, self.actions)
        if self._state.done:
            raise WiwError(ErrorCode.NO_EPISODE, "The episode is decided.", "Finish it.")
        self._halt.clear()
        return self._execute(episode, plan, observe)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode and judge it."""
        episode = self._episode()
        self.hold()
        self._open = None
        return judge(
            episode.record,
            episode.goal,
            self._state,
            decisions,
            answer,
            confidence,
            ErrorCode(fault),
            message,
        )

    def hold(self) -> None:
        """Stop all motion now; from any thread."""
        self._halt.set()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return the live ``T_odom_base``, forward speed in m/s and yaw rate in rad/s."""
        with self._live_lock:
            return self._live

    def snapshot(self) -> Snapshot:
        """Return the state of the open episode."""
        return Snapshot(self._episode().record.id, self._state)

    def restore(self, state: Snapshot) -> None:
        """Return to a snapshot of the open episode; else raises ``ENVIRONMENT_MISMATCH``."""
        if state.episode_id != self._episode().record.id:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The snapshot is of episode '{state.episode_id}', which is not open.",
            )
        self._state = state.state
        self._publish()

    def moment(self) -> tuple[str, int]:
        """Return the open episode and how many actions were executed in it."""
        return self._episode().record.id, self._state.step

    def imagine_action(self, action: Action) -> None:
        """Move the state, and nothing else, as an action would: at once, past the oracle stop."""
        motion = plan_motion(self._episode().layout.grid, self._state.pose, action)
        self._state = self._state.after(motion, 1.0)

    def imagine_frame(self, height: int, width: int) -> Rgb:
        """Return the panorama at the present state, (height, width, 3)."""
        seed = self._episode().layout.seed
        return self._renderer.panorama_rgb(seed, self._state.pose, height, width)

    def value(self) -> float:
        """Return the true value of the present state: minus geodesic metres, or visible share."""
        return self._episode().goal.value(self._state.pose)

    def close(self) -> None:
        """Stop and free the renderer; idempotent."""
        self.hold()
        self._open = None
        self._renderer.close()

    def _episode(self) -> _OpenEpisode:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open

    def _execute(self, episode: _OpenEpisode, plan: Plan, observe: bool) -> Iterator[Transition]:
        for index, action in enumerate(plan.actions):
            if self._halt.is_set() or self._open is not episode:
                return
            before = self._state
            motion = plan_motion(episode.layout.grid, before.pose, action)
            progress = self._move(episode, motion)
            after = before.after(motion, progress)
            done = episode.goal.reached(after.pose) or spent(episode.goal, after)
            self._state = replace(after, done=done)
            last = index == len(plan) - 1 or self._state.done or self._halt.is_set()
            yield Transition(
                observation=self.observe() if observe or last else None,
                path_m=after.path_m - before.path_m,
                collided=after.collisions > before.collisions,
                done=self._state.done,
            )
            if last:
                return

    def _move(self, episode: _OpenEpisode, motion: Motion) -> float:
        """Execute a motion in real time; return the share done before :meth:`hold`, 1 if all."""
        progress, began = 0.0, time.monotonic()
        duration_s = self._action_seconds
        speed, rate = (
            (motion.reach * v / duration_s if duration_s else 0.0)
            for v in (motion.delta.x_m, motion.delta.yaw_rad)
        )
        while duration_s and progress < 1.0:
            held = self._halt.wait(min(_TICK_S, duration_s))
            progress = min(1.0, (time.monotonic() - began) / duration_s)
            if held:
                break
            self._publish(_odom(episode, motion.at(progress)), speed, rate)
        progress = progress if duration_s else 1.0
        self._publish(_odom(episode, motion.at(progress)))
        return progress

    def _publish(self, odom: Pose2 | None = None, speed: float = 0.0, rate: float = 0.0) -> None:
        odom = _odom(self._episode(), self._state.pose) if odom is None else odom
        with self._live_lock:
            self._live = (odom, speed, rate)

    def _view(self, episode: _OpenEpisode, name: str) -> View:
        seed, pose = episode.layout.seed, self._state.pose
        target = episode.goal.boxed(self._state.step)
        if name == "front":
            rgb, depth = self._renderer.front_view(seed, pose)
            box = self._renderer.front_box(seed, pose, target) if target else None
            k = self._renderer.front.intrinsics.copy()
            return View(
                name, rgb, depth=depth, intrinsics=k, T_base_camera=camera_pose(), target_box=box
            )
        rgb, depth = self._renderer.panorama_view(seed, pose)
        box = self._renderer.panorama_box(seed, pose, target) if target else None
        return View(
            name,
            rgb,
            Projection.EQUIRECTANGULAR,
            depth,
            T_base_camera=camera_pose(),
            target_box=box,
        )


def _odom(episode: _OpenEpisode, pose: Pose2) -> Pose2:
    """Return ``T_odom_base``; odom begins where the episode does."""
    return episode.record.start.inverse() * pose


def _check_sizes(height: int, width: int, front: int, action_seconds: float) -> None:
    wrong = ""
    if not (16 <= height <= 2048 and 32 <= width <= 4096 and width % 16 == 0):
        wrong = f"a panorama of {height}x{width} pixels; the width is a multiple of 16 up to 4096"
    elif not 16 <= front <= 2048:
        wrong = f"a front image of {front} pixels; it has 16 to 2048"
    elif not (math.isfinite(action_seconds) and 0.0 <= action_seconds <= 60.0):
        wrong = f"{action_seconds} seconds per action; it takes 0 to 60"
    if wrong:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"The apartments cannot have {wrong}.")
