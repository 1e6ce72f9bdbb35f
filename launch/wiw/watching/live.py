"""Hears a planner and tells a stream what happens, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from wiw.watching.stream import Stream
from wiw_core.errors import WiwError
from wiw_msgs.msg import EpisodeBegun, EpisodeResult, Imagined, Turn
from wiw_ros import convert, qos


class Live:
    """Feeds a stream from a running planner, in a thread of its own, until :meth:`close`.

    A turn is shown when it is over: the stream tells what happened, not what will.

    Parameters
    ----------
    planner : str
        The planner's node name.
    say : callable
        Is told of messages that cannot be shown.
    """

    def __init__(
        self, node: Node, planner: str, stream: Stream, say: Callable[[str], None]
    ) -> None:
        self._stream, self._say, self._begun = stream, say, False

        def hear(kind: Any, name: str, take: Callable[[Any], None], profile: Any) -> None:
            def run(message: Any) -> None:
                try:
                    take(message)
                except WiwError as error:
                    self._say(f"{name}: {error}")

            node.create_subscription(kind, f"{planner}/{name}", run, profile)

        hear(EpisodeBegun, "episode", self._episode, qos.LATCHED)
        hear(Imagined, "imagined", self._imagined, qos.ROLLOUTS)
        hear(Turn, "turn", self._turn, qos.TURNS)
        hear(EpisodeResult, "result", self._result, qos.LATCHED)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="watching", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop hearing and hand over what is left."""
        self._executor.shutdown(timeout_sec=5.0)
        self._thread.join(5.0)
        self._stream.close()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def _episode(self, message: EpisodeBegun) -> None:
        self._begun = True
        self._stream.begun(convert.begun_from_msg(message))

    def _imagined(self, message: Imagined) -> None:
        if self._begun:
            self._stream.imagined(convert.imagined_from_msg(message)[2])

    def _turn(self, message: Turn) -> None:
        if self._begun:
            self._stream.turn(convert.turn_from_msg(message))

    def _result(self, message: EpisodeResult) -> None:
        if self._begun:
            self._stream.result(convert.result_from_msg(message))
