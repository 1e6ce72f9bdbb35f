"""The referee's services: not a robot's interface, but the person's who places it and judges."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from wiw_core.errors import WiwError
from wiw_env_bridge.simulated_robot.body import Judge
from wiw_msgs.srv import FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.action import serve


class Referee:
    """Offers a judge's services under ``~/referee/``; one request at a time.

    ``reset_episode`` answers the public episode and an empty observation; it does not look at
    ``generation``. ``decided`` succeeds if the task ends the episode where the robot is now.
    """

    def __init__(
        self, node: Node, judge: Judge, on_error: Callable[[BaseException], WiwError]
    ) -> None:
        self._judge, self._on_error = judge, on_error
        self._lock = threading.Lock()
        serve(node, ListEpisodes, "~/referee/list_episodes", self._list, on_error)
        serve(node, ResetEpisode, "~/referee/reset_episode", self._reset, on_error)
        serve(node, FinishEpisode, "~/referee/finish_episode", self._finish, on_error)
        node.create_service(
            Trigger, "~/referee/decided", self._decided, callback_group=ReentrantCallbackGroup()
        )

    def _list(self, request: Any, response: Any) -> None:
        ids = self._judge.episode_ids(request.task, request.split or "val", request.limit)
        response.episode_ids = list(ids)

    def _reset(self, request: Any, response: Any) -> None:
        with self._lock:
            episode, done = self._judge.place(request.task, request.episode_id)
        response.episode = convert.episode_to_msg(episode)
        response.done = done

    def _finish(self, request: Any, response: Any) -> None:
        with self._lock:
            result = self._judge.finish(
                request.decisions,
                request.answer,
                request.confidence,
                convert.code_from_msg(request.fault),
                request.fault_message,
            )
        response.result = convert.result_to_msg(result)

    def _decided(self, request: Any, response: Any) -> Any:
        try:
            with self._lock:
                response.success = self._judge.decided()
            response.message = "decided" if response.success else "not decided"
        except WiwError as error:
            response.message = str(error)
        except Exception as error:  # noqa: BLE001 - the client gets a sentence, whatever it is
            response.message = str(self._on_error(error))
        return response
