"""Listens to the topics of a running graph, as they appear, and writes them down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from wiw.recording.bag import Bag
from wiw.recording.definitions import installed
from wiw.recording.topics import listening, offered
from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.interfaces import optional

LOOK_S = 0.25
"""Seconds between two looks at which topics there are."""
FLUSH_S = 1.0
"""A recorder that is killed loses at most so many seconds."""
LAST_S = 0.5
"""Seconds for what was published before the end to arrive."""
Say = Callable[[str], None]


@dataclass
class _Heard:
    """A topic that is being recorded."""

    kind: str
    profile: QoSProfile
    connection: Any
    subscription: Any


class Recording:
    """Records a graph into a bag until :meth:`close`, in a thread of its own.

    Messages are never decoded. What is not listened to costs nothing, and its publisher does not
    even make it.

    Parameters
    ----------
    node : rclpy.node.Node
        Spun here.
    wanted : callable
        Tells by its name whether a topic is kept.
    say : callable
        Is told, in a sentence, of each topic and of each one that cannot be kept.

    Attributes
    ----------
    ended : threading.Event
        Set when recording has failed; :attr:`failure` says why.
    """

    def __init__(
        self, node: Node, bag: Bag, wanted: Callable[[str], bool], say: Say = lambda text: None
    ) -> None:
        self.ended = threading.Event()
        self.failure: WiwError | None = None
        self._node, self._bag, self._wanted, self._say = node, bag, wanted, say
        self._heard: dict[str, _Heard] = {}
        self._refused: set[str] = set()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(LOOK_S, self._guarded(self._look), clock=steady)
        node.create_timer(FLUSH_S, self._guarded(bag.flush), clock=steady)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._guarded(self._look)()
        self._thread = threading.Thread(target=self._spin, name="recording", daemon=True)
        self._thread.start()

    @property
    def topics(self) -> tuple[str, ...]:
        """What is listened to now, sorted."""
        return tuple(sorted(self._heard))

    def close(self) -> None:
        """Hear what is still on its way, stop listening, complete the file.

        Raises
        ------
        WiwError
            ``RECORDING_FAILED``.
        """
        self.ended.wait(LAST_S)
        self._executor.shutdown(timeout_sec=5.0)
        self._thread.join(5.0)
        try:
            self._bag.close()
        except WiwError:
            self._bag.abort()
            raise

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def _look(self) -> None:
        for topic, kinds in self._node.get_topic_names_and_types():
            if topic in self._refused or not self._wanted(topic):
                continue
            infos = self._node.get_publishers_info_by_topic(topic)
            if not infos:
                continue
            try:
                self._listen(topic, kinds, [info.qos_profile for info in infos])
            except WiwError as error:
                if error.code is ErrorCode.RECORDING_FAILED:
                    raise
                self._refused.add(topic)
                self._say(f"{topic} is not recorded: {error}")

    def _listen(self, topic: str, kinds: Sequence[str], offers: Sequence[QoSProfile]) -> None:
        """Subscribe, or subscribe anew where a publisher has come that offers less."""
        if len(kinds) > 1:
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION, f"It is published as {' and as '.join(kinds)}."
            )
        profile, known = listening(offers), self._heard.get(topic)
        if known is None:
            told = [offered(offer) for offer in offers]
            connection = self._bag.add(topic, kinds[0], installed(kinds[0]), told)
            subscription = self._subscribe(topic, kinds[0], connection, profile)
            self._heard[topic] = _Heard(kinds[0], profile, connection, subscription)
            self._say(f"recording {topic} ({kinds[0]})")
        elif _hears_less(known.profile, profile):
            self._node.destroy_subscription(known.subscription)
            known.subscription = self._subscribe(topic, known.kind, known.connection, profile)
            known.profile = profile

    def _subscribe(self, topic: str, kind: str, connection: Any, profile: QoSProfile) -> Any:
        def take(data: bytes) -> None:
            self._bag.write(connection, time.time_ns(), data)

        return self._node.create_subscription(
            message_class(kind), topic, self._guarded(take), profile, raw=True
        )

    def _guarded(self, work: Callable[..., None]) -> Callable[..., None]:
        """Return ``work`` that ends the recording where it fails: never half of it unsaid."""

        def run(*arguments: Any) -> None:
            if self.ended.is_set():
                return
            try:
                work(*arguments)
            except WiwError as error:
                self.failure = error
                self.ended.set()

        return run


def message_class(kind: str) -> Any:
    """Return the class of ``package/msg/Name``; raises ``INTERFACE_MISSING``."""
    package, folder, name = kind.split("/")
    found = getattr(optional(f"{package}.{folder}"), name, None)
    if found is None:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING, f"'{package}', as it is installed here, has no '{name}'."
        )
    return found


def _hears_less(now: QoSProfile, needed: QoSProfile) -> bool:
    """Whether ``now`` asks for more than is offered: such a publisher would not be heard."""
    return (now.reliability, needed.reliability) == (
        ReliabilityPolicy.RELIABLE,
        ReliabilityPolicy.BEST_EFFORT,
    ) or (now.durability, needed.durability) == (
        DurabilityPolicy.TRANSIENT_LOCAL,
        DurabilityPolicy.VOLATILE,
    )
