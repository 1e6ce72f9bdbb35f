"""A person as the referee: puts the robot in place, says so, and judges the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from std_srvs.srv import SetBool, Trigger

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.referee.base import Ending, Travelled
from wiw_env_bridge.robot.referee.episodes import RealEpisodes
from wiw_env_bridge.robot.referee.pose import result_of

_SLICE_S = 0.05


class OperatorReferee:
    """Waits for two services of the bridge: ``~/referee/ready`` and ``~/referee/verdict``.

    .. code-block:: bash

        ros2 service call /env_bridge/referee/ready std_srvs/srv/Trigger
        ros2 service call /env_bridge/referee/verdict std_srvs/srv/SetBool '{data: true}'

    A verdict may be given at any time in an episode; success in mid-episode is the oracle stop.
    Nobody's verdict is no verdict: an episode that ends without one is a fault, ``NOT_APPROVED``.
    """

    def __init__(self, link: RobotLink, profile: RobotProfile, episodes: RealEpisodes) -> None:
        self._link, self._settings, self._episodes = link, profile.referee, episodes
        self._ready = threading.Event()
        self._waiting = False
        self._verdict: bool | None = None
        self._open: Episode | None = None
        prefix = f"{link.owner}/referee"
        make = link.node.create_service
        self._services = [
            make(Trigger, f"{prefix}/ready", self._on_ready),
            make(SetBool, f"{prefix}/verdict", self._on_verdict),
        ]

    def tasks(self) -> Sequence[str]:
        """Return the file's task."""
        self._episodes.definition()
        return (self._episodes.task,)

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in the file's order."""
        return self._episodes.ids(task, split, limit)

    def begin(self, task: str, episode_id: str, check: Callable[[], None]) -> tuple[Episode, bool]:
        """Ask for the robot to be placed, and wait until a person says that it is."""
        self._open, self._verdict = None, None
        entry = self._episodes.get(task, episode_id)
        episode = self._episodes.public(episode_id)
        where = f" at {list(entry.start)} in '{self._episodes.frame}'" if entry.start else ""
        service = self._services[0].srv_name
        self._say(f"Place the robot{where} for '{episode_id}', then call {service}.")
        self._ready.clear()
        self._waiting = True
        try:
            until = time.monotonic() + self._settings.person_s
            while not self._ready.wait(_SLICE_S):
                check()
                if time.monotonic() >= until:
                    raise WiwError(
                        ErrorCode.NOT_APPROVED,
                        f"Nobody called {service} within {self._settings.person_s:g} s.",
                    )
        finally:
            self._waiting = False
        self._open = episode
        return episode, False

    def decided(self) -> bool:
        """Tell whether the person has called it a success already."""
        return self._verdict is True

    def finish(self, ending: Ending, travelled: Travelled) -> EpisodeResult:
        """Wait for the verdict, unless it was given or a fault makes it idle."""
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        service = self._services[1].srv_name
        if ending.fault is ErrorCode.OK and self._verdict is None:
            self._say(f"'{self._open.id}' has ended. Was it a success? Call {service}.")
            wait_s = self._settings.verdict_s
            self._link.until(self._given, wait_s, lambda: None)
        if ending.fault is ErrorCode.OK and self._verdict is None:
            why = f"Nobody called {service} within {self._settings.verdict_s:g} s."
            ending = replace(ending, fault=ErrorCode.NOT_APPROVED, message=why)
        success = ending.fault is ErrorCode.OK and self._verdict is True
        result = result_of(self._open, ending, travelled, success)
        self._open = None
        return result

    def _given(self) -> bool | None:
        return None if self._verdict is None else True

    def _on_ready(self, request: Any, response: Any) -> Any:
        response.success = self._waiting
        response.message = "" if self._waiting else "Nobody waits for the robot to be placed."
        if self._waiting:
            self._ready.set()
        return response

    def _on_verdict(self, request: Any, response: Any) -> Any:
        response.success = self._open is not None
        response.message = "" if response.success else "No episode is open."
        if response.success:
            self._verdict = bool(request.data)
        return response

    def _say(self, sentence: str) -> None:
        self._link.node.get_logger().warning(sentence)
