"""The robot environment's own ROS node, its thread, and the newest messages of every topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.streams import Stream
from wiw_env_bridge.robot.transforms import Transforms
from wiw_ros.spinning import spin

M = TypeVar("M")
T = TypeVar("T")
_SLICE_S = 0.05


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
        self._watches: list[Callable[[], None]] = []
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

    def watch(self, check: Callable[[], None]) -> None:
        """From now on :meth:`check_alive` also makes this check, which must be quick."""
        self._watches.append(check)

    def check_alive(self) -> None:
        """Raise ``STALE_OBSERVATION`` if a required stream is lost, or what a watch raises.

        Asked before a motion, and all the time in it.
        """
        for check in self._watches:
            check()
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
        def tell(error: Exception) -> None:
            self.warn(f"{type(error).__name__} in the robot's link: {error}")

        spin(self._executor, self._closed, tell, slice_s=0.5)
