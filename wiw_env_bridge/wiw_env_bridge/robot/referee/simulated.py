"""The referee of a simulated robot: it carries the robot about, and knows where everything is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from std_srvs.srv import Trigger

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode
from wiw_core.registry import TASKS, Registry
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.referee.base import Ending, Travelled
from wiw_msgs.srv import FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.clients.call import Service, nothing, wait

_SHORT_S = 5.0
_TRIES = 3


class SimulatedReferee:
    """Asks the services ``list_episodes``, ``reset_episode``, ``finish_episode``, ``decided``.

    A result has the path that was truly travelled. Its collisions are the true contacts, or the
    actions that something stopped, whichever are more; actions and failures are the caller's.
    """

    def __init__(self, link: RobotLink, profile: RobotProfile) -> None:
        prefix, lost = profile.referee.services, ErrorCode.ACTION_SERVER_LOST
        self._asked = profile.referee.tasks
        self._answer_s = profile.referee.answer_s
        self._list = Service(link.node, ListEpisodes, f"{prefix}/list_episodes", lost)
        self._reset = Service(link.node, ResetEpisode, f"{prefix}/reset_episode", lost)
        self._finish = Service(link.node, FinishEpisode, f"{prefix}/finish_episode", lost)
        self._decided = link.node.create_client(Trigger, f"{prefix}/decided")
        self._tasks: tuple[str, ...] = ()

    def tasks(self) -> Sequence[str]:
        """Return those of the tasks asked for that the referee has episodes for."""
        if not self._tasks:
            asked = self._asked or Registry(TASKS).names()
            self._tasks = tuple(t for t in asked if self._has(t))
        return self._tasks

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in evaluation order."""
        self._known(task)
        return tuple(self._ids(task, split, limit))

    def begin(self, task: str, episode_id: str, check: Callable[[], None]) -> tuple[Episode, bool]:
        """Have the robot put down at the episode's start."""
        self._known(task)
        request = ResetEpisode.Request(task=task, episode_id=episode_id)
        reply = self._reset.call(request, self._answer_s, check)
        return convert.episode_from_msg(reply.episode), bool(reply.done)

    def decided(self) -> bool:
        """Ask whether the oracle stop holds."""
        lost = WiwError(
            ErrorCode.ACTION_SERVER_LOST,
            f"No reply from '{self._decided.service_name}' within {_SHORT_S:g} s.",
        )
        future = self._decided.call_async(Trigger.Request())
        try:
            return bool(wait(future, time.monotonic() + _SHORT_S, lost).success)
        finally:
            self._decided.remove_pending_request(future)

    def finish(self, ending: Ending, travelled: Travelled) -> EpisodeResult:
        """Have the episode judged."""
        request = FinishEpisode.Request(
            answer=ending.answer,
            confidence=float(ending.confidence),
            decisions=ending.decisions,
            fault=int(ending.fault),
            fault_message=ending.message,
        )
        reply = self._finish.call(request, _SHORT_S * 2)
        result = convert.result_from_msg(reply.result)
        collisions = max(result.collisions, travelled.collisions)
        return replace(
            result,
            actions=travelled.actions,
            failures=travelled.failures,
            collisions=collisions,
        )

    def _known(self, task: str) -> None:
        if task not in self.tasks():
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, self.tasks())

    def _has(self, task: str) -> bool:
        try:
            return bool(self._ids(task, "", 1))
        except WiwError as error:
            if error.code is ErrorCode.UNKNOWN_TASK:
                return False
            raise

    def _ids(self, task: str, split: str, limit: int) -> list[str]:
        request = ListEpisodes.Request(task=task, split=split, limit=limit)
        reply = self._list.call(request, _SHORT_S * _TRIES, nothing, _TRIES)
        return list(reply.episode_ids)
