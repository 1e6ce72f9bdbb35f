"""A referee for image goals of a real robot: the robot's own pose against the goal's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wiw_core.decisions import EpisodeResult, episode_status
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, wrap
from wiw_core.observation import Episode
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_env_bridge.robot.referee.base import Ending, Travelled, Whereabouts
from wiw_env_bridge.robot.referee.episodes import RealEpisode, RealEpisodes


@dataclass(frozen=True)
class _Open:
    episode: Episode
    goal: tuple[float, ...]
    first: Pose2


class PoseReferee:
    """Judges by straight metres between where the robot says it is and the goal.

    It knows no walls, so its ``shortest_m`` is the straight line: SPL is an upper bound. It is as
    good as the localisation: over a long drive take ``frame: map``.

    Parameters
    ----------
    frames : mapping
        ``{"map": ..., "odom": ...}``: the profile's frames.
    where : callable
        Gives the base's pose in a frame.
    """

    def __init__(self, episodes: RealEpisodes, frames: dict[str, str], where: Whereabouts) -> None:
        lacking = [n for n, e in episodes.episodes.items() if not e.goal]
        if lacking:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Without a 'goal' nobody can judge: {', '.join(lacking)}.",
                "Add it, or take the referee 'operator'.",
            )
        if not frames[episodes.frame]:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The episodes are in '{episodes.frame}'; the profile's frames.{episodes.frame} is"
                " empty.",
            )
        self._episodes, self._where = episodes, where
        self._frame = frames[episodes.frame]
        self._open: _Open | None = None

    def tasks(self) -> Sequence[str]:
        """Return the file's task."""
        self._episodes.definition()
        return (self._episodes.task,)

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in the file's order."""
        return self._episodes.ids(task, split, limit)

    def begin(self, task: str, episode_id: str, check: Callable[[], None]) -> tuple[Episode, bool]:
        """Begin where the robot stands; raises ``START_STATE`` if that is not the start."""
        self._open = None
        entry = self._episodes.get(task, episode_id)
        here = self._where(self._frame)
        self._require_start(entry, here)
        self._open = _Open(self._episodes.public(episode_id), entry.goal, here)
        return self._open.episode, self.decided()

    def decided(self) -> bool:
        """Tell whether the oracle stop holds, where the task has one."""
        episode = self._opened()
        if ORACLE_STOP not in episode.episode.privileges:
            return False
        return self._distance_m() <= self._episodes.success_m

    def finish(self, ending: Ending, travelled: Travelled) -> EpisodeResult:
        """Judge by the distance to the goal now."""
        opened = self._opened()
        distance = self._distance_m()
        self._open = None
        success = ending.fault is ErrorCode.OK and distance <= self._episodes.success_m
        return result_of(
            opened.episode,
            ending,
            travelled,
            success,
            shortest_m=math.dist((opened.first.x_m, opened.first.y_m), opened.goal),
            final_distance_m=distance,
        )

    def _require_start(self, entry: RealEpisode, here: Pose2) -> None:
        if not entry.start:
            return
        off_m = math.dist(entry.start[:2], (here.x_m, here.y_m))
        off_rad = abs(wrap(here.yaw_rad - entry.start[2]))
        if off_m > self._episodes.start_m or off_rad > self._episodes.start_rad:
            raise WiwError(
                ErrorCode.START_STATE,
                f"The robot stands {off_m:.2f} m and {off_rad:.2f} rad from the episode's start;"
                f" {self._episodes.start_m:g} m and {self._episodes.start_rad:g} rad are allowed.",
                f"Bring it to {list(entry.start)} in '{self._frame}'.",
            )

    def _distance_m(self) -> float:
        here = self._where(self._frame)
        return math.dist((here.x_m, here.y_m), self._opened().goal)

    def _opened(self) -> _Open:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open


def result_of(
    episode: Episode,
    ending: Ending,
    travelled: Travelled,
    success: bool,
    shortest_m: float = math.nan,
    final_distance_m: float = math.nan,
) -> EpisodeResult:
    """Return the result of an episode of a real robot: path and collisions by its own account."""
    return EpisodeResult(
        task=episode.task,
        episode_id=episode.id,
        seed=episode.seed,
        status=episode_status(success, ending.fault, ending.decisions >= episode.budget),
        success=success,
        code=ending.fault,
        message=ending.message,
        decisions=ending.decisions,
        actions=travelled.actions,
        collisions=travelled.collisions,
        failures=travelled.failures,
        path_m=travelled.path_m,
        shortest_m=shortest_m,
        final_distance_m=final_distance_m,
        answer=ending.answer,
        confidence=ending.confidence,
    )
