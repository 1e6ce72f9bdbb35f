"""The robot environment's own ROS node, its thread, and the newest messages of every topic."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.transforms import Transforms
from wiw_ros.convert import stamp_from_msg

M = TypeVar("M")
T = TypeVar("T")
_ARRIVALS = 256
_SLICE_S = 0.05


@dataclass(frozen=True)
class Heard(Generic[M]):
    """One message.

    Attributes
    ----------
    stamp_s : float
        ROS time of its header; NaN for a type without one.
    arrived_s : float
        ``time.monotonic()`` at its arrival.
    """

    message: M
    stamp_s: float
    arrived_s: float


class Stream(Generic[M]):
    """The newest messages of one topic; thread-safe."""

    def __init__(
        self, link: RobotLink, topic: str, keep: int, hear: Callable[[M], None] | None
    ) -> None:
        self.topic = topic
        self._link, self._hear = link, hear
        self._ring: deque[Heard[M]] = deque(maxlen=keep)
        self._arrivals: deque[float] = deque(maxlen=_ARRIVALS)
        self.count = 0

    def take(self, message: M) -> None:
        """Note a message; called by the link's thread."""
        header = getattr(message, "header", None)
        stamp = math.nan if header is None else stamp_from_msg(header.stamp)
        now = time.monotonic()
        if self._hear is not None:
            self._hear(message)
        with self._link.news:
            self._ring.append(Heard(message, stamp, now))
            self._arrivals.append(now)
            self.count += 1
            self._link.news.notify_all()

    def heard(self) -> tuple[Heard[M], ...]:
        """Return what is kept, oldest first."""
        with self._link.news:
            return tuple(self._ring)

    def latest(self) -> Heard[M] | None:
        """Return the newest message, or None."""
        with self._link.news:
            return self._ring[-1] if self._ring else None

    def wait(
        self,
        test: Callable[[Heard[M]], bool] = lambda _: True,
        timeout_s: float = 5.0,
        check: Callable[[], None] = lambda: None,
    ) -> Heard[M] | None:
        """Return the oldest kept message that passes, waiting for one; None after the time."""

        def first() -> Heard[M] | None:
            return next((h for h in self.heard() if test(h)), None)

        return self._link.until(first, timeout_s, check)

    def age_s(self) -> float:
        """Return the age of the newest message, infinite without one.

        The greater of the age of its stamp by ROS time and the time since it arrived by the steady
        clock: a driver whose stamps stand still is as stale as one that is silent. A stamp from the
        future has a negative age, and keeps it where it is younger than its arrival.
        """
        newest = self.latest()
        if newest is None:
            return math.inf
        silent = time.monotonic() - newest.arrived_s
        if math.isnan(newest.stamp_s):
            return silent
        by_stamp = self._link.now_s() - newest.stamp_s
        return by_stamp if by_stamp < 0.0 else max(by_stamp, silent)

    def rate_hz(self, window_s: float = 2.0) -> float:
        """Return how many messages per second arrived in the last ``window_s`` seconds."""
        since = time.monotonic() - window_s
        with self._link.news:
            return sum(t >= since for t in self._arrivals) / window_s

    def publishers(self) -> int:
        """Return how many publishers the graph shows on the topic."""
        return int(self._link.node.count_publishers(self.topic))

    def clear(self) -> None:
        """Forget every message."""
        with self._link.news:
            self._ring.clear()


class RobotLink:
    """A small node with a thread of its own, beside the bridge's.

    It is hidden from ``ros2 node list``, as names that begin with an underscore are, and takes no
    remappings: every name is in the profile.

    Parameters
    ----------
    beside : Node, optional
        Gives context, namespace and ``use_sim_time``; without one the link has a context of its
        own, in the domain of the process.
    tf, tf_static : str
        Topics of :attr:`transforms`.
    """

    def __init__(
        self,
        beside: Node | None = None,
        name: str = "robot",
        tf: str = "tf",
        tf_static: str = "tf_static",
    ) -> None:
        self._own: Context | None = None
        context, namespace, sim_time = None, "", False
        self.owner = name
        if beside is None:
            context = self._own = Context()
            rclpy.init(context=context)
        else:
            context, namespace = beside.context, beside.get_namespace()
            name = f"{beside.get_name()}_{name}"
            self.owner = beside.get_name()
            if beside.has_parameter("use_sim_time"):
                sim_time = bool(beside.get_parameter("use_sim_time").value)
        self.node = Node(
            f"_{name}",
            namespace=namespace,
            context=context,
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
            parameter_overrides=[Parameter("use_sim_time", value=sim_time)],
        )
        self.news = threading.Condition()
        self._tf_topics = tf, tf_static
        self.warnings: list[str] = []
        self._streams: dict[str, tuple[Any, Stream[Any]]] = {}
        self._vital: list[tuple[Stream[Any], float]] = []
        self._closed = threading.Event()
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="robot link", daemon=True)
        self._thread.start()

    @cached_property
    def transforms(self) -> Transforms:
        """The robot's tf, from the first use on; raises ``INTERFACE_MISSING`` without tf2_msgs."""
        return Transforms(self, *self._tf_topics)

    def now_s(self) -> float:
        """Return ROS time in seconds."""
        return float(self.node.get_clock().now().nanoseconds) * 1e-9

    def listen(
        self,
        message_type: type[M],
        topic: str,
        *,
        keep: int = 8,
        latched: bool = False,
        reliable: bool = False,
        depth: int = 5,
        hear: Callable[[M], None] | None = None,
    ) -> Stream[M]:
        """Return the stream of a topic, the same one for the same topic.

        Best effort unless told otherwise: that also hears reliable publishers.

        Parameters
        ----------
        keep : int
            How many of the newest messages are kept.
        latched : bool
            Also hear what was published before (transient local, reliable).
        depth : int
            Of the DDS queue.
        hear : callable, optional
            Also given every message, in the link's thread; of the first to ask for the topic.
        """
        name = self.node.resolve_topic_name(topic)
        with self.news:
            known = self._streams.get(name)
        if known is not None:
            if known[0] is not message_type:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"The profile uses '{name}' as {known[0].__name__} and as"
                    f" {message_type.__name__}.",
                )
            return known[1]
        stream: Stream[M] = Stream(self, name, keep, hear)
        sure = ReliabilityPolicy.RELIABLE if latched or reliable else ReliabilityPolicy.BEST_EFFORT
        lasting = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda info: self.warn(
                f"'{name}' is offered with a quality of service that cannot be heard:"
                f" {qos_policy_name_from_kind(info.last_policy_kind)}."
            )
        )
        with self.news:
            self._streams[name] = (message_type, stream)
        self.node.create_subscription(
            message_type,
            name,
            stream.take,
            QoSProfile(depth=depth, reliability=sure, durability=lasting),
            event_callbacks=events,
        )
        return stream

    def until(
        self, look: Callable[[], T | None], timeout_s: float, check: Callable[[], None]
    ) -> T | None:
        """Return what ``look`` finds, asked at every message; None after ``timeout_s``.

        ``check`` raises to give up sooner.
        """
        end = time.monotonic() + timeout_s
        while (found := look()) is None:
            check()
            left = end - time.monotonic()
            if left <= 0.0 or self._closed.is_set():
                return None
            with self.news:
                self.news.wait(min(left, _SLICE_S))
        return found

    def require(self, stream: Stream[Any], silence_s: float) -> None:
        """From now on :meth:`check_alive` wants this stream not older than ``silence_s``."""
        self._vital = [v for v in self._vital if v[0] is not stream] + [(stream, silence_s)]

    def check_alive(self) -> None:
        """Raise ``STALE_OBSERVATION`` if a required stream is lost: asked before and in motion."""
        for stream, limit in self._vital:
            age = stream.age_s()
            if age > limit:
                raise WiwError(
                    ErrorCode.STALE_OBSERVATION,
                    f"'{stream.topic}' is lost: its newest message is {age:.2f} s old,"
                    f" {limit:g} s are allowed while the robot moves.",
                )

    def clear(self) -> None:
        """Forget messages and moving transforms: after time has jumped stamps mean nothing."""
        with self.news:
            for _, stream in self._streams.values():
                stream.clear()
        if "transforms" in self.__dict__:
            self.transforms.clear()

    def warn(self, sentence: str) -> None:
        """Log a warning and keep it; the same one only once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            self.node.get_logger().warning(sentence)

    def close(self) -> None:
        """End the thread and the node; bounded in time, idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(1.0)
        self.node.destroy_node()
        if self._own is not None:
            self._own.try_shutdown()

    def _spin(self) -> None:
        while not self._closed.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.5)
            except ExternalShutdownException:
                return
            except Exception as error:  # noqa: BLE001 - one bad message must not end the others
                if not self._closed.is_set():
                    self.warn(f"{type(error).__name__} in the robot's link: {error}")
