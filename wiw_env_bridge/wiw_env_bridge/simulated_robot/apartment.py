"""Where the simulated base lives: an apartment, its pictures, and the judge of its episodes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.observation import Depth, Episode, Rgb
from wiw_env_bridge.episodes import EpisodeRecord, load_episodes
from wiw_env_bridge.mujoco.agent import AgentState
from wiw_env_bridge.mujoco.goals import Goal, make_goal
from wiw_env_bridge.mujoco.navigation import FloorGrid
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.verdict import judge
from wiw_env_bridge.simulated_robot.drive import Drive

TASKS = ("ignav", "ignav_self_stop")
"""What needs nothing but a robot's own wires: no target box, no count of actions."""


@dataclass(frozen=True)
class _OpenEpisode:
    record: EpisodeRecord
    goal: Goal


class Apartment:
    """The apartments, drawn and measured; every method from any thread.

    Parameters
    ----------
    panorama_hw : (int, int)
        Height and width of the panorama in pixels; the width is a multiple of 16.
    front_size : int
        Height and width of the front image in pixels.
    """

    def __init__(self, panorama_hw: tuple[int, int], front_size: int) -> None:
        self.renderer = Renderer(panorama_hw, front_size)
        self.first = next(r for r in load_episodes(TASKS[0]) if r.split == "val")
        self._lock = threading.RLock()

    def grid(self, scene: int) -> FloorGrid:
        """Return where a robot can be in an apartment."""
        with self._lock:
            return self.renderer.layout(scene).grid

    def draw(self, camera: str, scene: int, pose: Pose2) -> tuple[Rgb, Depth]:
        """Return what "front" or "panorama" sees at ``T_map_base`` of an apartment."""
        view = {"front": self.renderer.front_view, "panorama": self.renderer.panorama_view}[camera]
        with self._lock:
            return view(scene, pose)

    def goal(self, record: EpisodeRecord) -> Goal:
        """Return an episode's goal."""
        with self._lock:
            return make_goal(record, self.renderer.layout(record.scene), self.renderer)

    def episode(self, goal: Goal) -> Episode:
        """Return the public side of a goal's episode."""
        with self._lock:
            return goal.episode()

    def close(self) -> None:
        """Free the renderer; idempotent."""
        with self._lock:
            self.renderer.close()


class ApartmentJudge:
    """Carries the base to where an episode begins, and judges where it ended.

    Parameters
    ----------
    still : callable
        Ends every motion; returns when the base stands.
    """

    def __init__(self, apartment: Apartment, drive: Drive, still: Callable[[], None]) -> None:
        self._apartment, self._drive, self._still = apartment, drive, still
        self._open: _OpenEpisode | None = None

    def tasks(self) -> Sequence[str]:
        """Return the image-goal tasks."""
        return TASKS

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in evaluation order; raises ``UNKNOWN_TASK``."""
        ids = [r.id for r in self._records(task) if r.split == split]
        return tuple(ids[:limit] if limit else ids)

    def place(self, task: str, episode_id: str) -> tuple[Episode, bool]:
        """Put the base at the start; raises ``UNKNOWN_TASK`` or ``UNKNOWN_EPISODE``."""
        records = {r.id: r for r in self._records(task)}
        if episode_id not in records:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, records)
        record = records[episode_id]
        self._still()
        goal = self._apartment.goal(record)
        self._drive.place(record.scene, self._apartment.grid(record.scene), record.start)
        self._open = _OpenEpisode(record, goal)
        return self._apartment.episode(goal), goal.reached(record.start)

    def decided(self) -> bool:
        """Tell whether the oracle stop, where the task has one, holds here and now."""
        return self._episode().goal.reached(self._drive.state.pose)

    def finish(
        self, decisions: int, answer: str, confidence: float, fault: ErrorCode, message: str
    ) -> EpisodeResult:
        """Judge the open episode by where the base really is."""
        episode = self._episode()
        self._still()
        self._open, state = None, self._drive.state
        walked = AgentState(state.pose, path_m=state.path_m, collisions=state.contacts)
        return judge(
            episode.record, episode.goal, walked, decisions, answer, confidence, fault, message
        )

    def _records(self, task: str) -> Sequence[EpisodeRecord]:
        if task not in TASKS:
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, TASKS)
        return load_episodes(task)

    def _episode(self) -> _OpenEpisode:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open
