"""Listening to a robot for a while, and what can be said of any topic then."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import rclpy
from rclpy.action import get_action_names_and_types
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from wiw.doctor import Finding, Grade
from wiw_core.errors import WiwError
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.streams import Stream
from wiw_ros.interfaces import optional

MEASURE_S = 2.0
"""Seconds over which rates are measured."""
DISCOVER_S = 8.0
"""Longest wait for the first message of every topic."""


class Visit:
    """A node that only listens, in a context of its own."""

    def __init__(self, profile: RobotProfile, namespace: str, simulated_time: bool) -> None:
        self.profile = profile
        self._streams: list[Stream[Any]] = []
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node(
            "_wiw_doctor",
            namespace=namespace,
            context=self._context,
            use_global_arguments=False,
            start_parameter_services=False,
            parameter_overrides=[Parameter("use_sim_time", value=simulated_time)],
        )
        frames = profile.frames
        self.link = RobotLink(self._node, "robot", frames.tf, frames.tf_static)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *exc: object) -> None:
        self.link.close()
        self._node.destroy_node()
        self._context.try_shutdown()

    def start_tf(self) -> None:
        """Listen to tf from now on; without tf2_msgs whoever asks for a transform says so."""
        with contextlib.suppress(WiwError):
            self.link.transforms.frames()

    def expect(self, *streams: Stream[Any] | None) -> None:
        """Name topics that :meth:`listen` waits for."""
        self._streams += [stream for stream in streams if stream is not None]

    @property
    def unheard(self) -> bool:
        """Whether any expected topic said nothing."""
        return any(stream.count == 0 for stream in self._streams)

    def listen(self) -> None:
        """Wait for every expected topic, then listen long enough to measure rates."""
        wait_s = min(self.profile.timing.server_wait_s, DISCOVER_S)
        self.link.until(lambda: all(s.count for s in self._streams) or None, wait_s, _nothing)
        self.link.until(lambda: None, MEASURE_S, _nothing)

    def publishers(self, topic: str) -> list[Any]:
        """Return rclpy's information on every publisher of a resolved topic."""
        return list(self.link.node.get_publishers_info_by_topic(topic))

    def topic(
        self, stream: Stream[Any], kind: str, qos: QoSProfile, rate_hz: float, age_s: float
    ) -> Iterator[Finding]:
        """Say whether a topic is there, of the right type and QoS, often enough, and in time.

        Parameters
        ----------
        kind : str
            ``sensor_msgs/msg/Image``.
        rate_hz : float
            Least rate; 0 for a topic that is said once.
        age_s : float
            Oldest allowed, by its stamp and by its arrival; infinite for one without stamps.
        """
        name, offered = stream.topic, self.publishers(stream.topic)
        kinds = sorted({info.topic_type for info in offered})
        if not offered:
            advice = f"Start its driver, or correct the name.{self._like(kind)}"
            yield Finding(name, Grade.FAIL, "nobody publishes it", advice)
            return
        if kind not in kinds:
            yield Finding(name, Grade.FAIL, f"is {', '.join(kinds)}", f"It must be {kind}.")
            return
        for info in offered:
            fits, why = qos_check_compatible(info.qos_profile, qos)
            if fits == QoSCompatibility.ERROR:
                advice = f"Change the QoS of '{info.node_name}': {why}"
                yield Finding(name, Grade.FAIL, "its QoS cannot be heard", advice)
        yield self._timing(stream, rate_hz, age_s)

    def action(self, name: str, package: str, *kinds: str) -> Finding:
        """Say whether an action server is there and of one of these kinds (``Spin``)."""
        try:
            optional(f"{package}.action")
        except WiwError as error:
            return Finding(name, Grade.FAIL, error.message, error.hint)
        full = self.link.node.resolve_topic_name(name)
        offered = dict(get_action_names_and_types(self.link.node)).get(full, [])
        wanted = [f"{package}/action/{kind}" for kind in kinds]
        if not offered:
            near = [
                n for n, t in get_action_names_and_types(self.link.node) if set(t) & set(wanted)
            ]
            hint = f" Offered: {', '.join(near)}." if near else ""
            advice = f"Start its server, or correct the name.{hint}"
            return Finding(full, Grade.FAIL, "nobody offers this action", advice)
        if not set(offered) & set(wanted):
            advice = f"It must be {' or '.join(wanted)}."
            return Finding(full, Grade.FAIL, f"is {', '.join(offered)}", advice)
        return Finding(full, Grade.OK, offered[0])

    def _timing(self, stream: Stream[Any], rate_hz: float, age_s: float) -> Finding:
        name, rate = stream.topic, stream.rate_hz(MEASURE_S)
        age = stream.age_s() if math.isfinite(age_s) else 0.0
        if not stream.count:
            advice = "Its publisher is there and silent: look at its driver."
            return Finding(name, Grade.FAIL, "says nothing", advice)
        if age < -self.profile.limits.future_s:
            advice = "Synchronise the clocks of both computers (chrony)."
            return Finding(name, Grade.FAIL, f"is stamped {-age:.2f} s in the future", advice)
        seen = f"{rate:.1f} Hz, {max(age, 0.0):.2f} s old" if rate_hz > 0.0 else "heard"
        if age > age_s:
            advice = f"At most {age_s:g} s: its stamps stand still, or the clocks differ."
            return Finding(name, Grade.FAIL, seen, advice)
        if rate < rate_hz:
            return Finding(name, Grade.FAIL, seen, f"At least {rate_hz:g} Hz are needed.")
        return Finding(name, Grade.OK, seen)

    def _like(self, kind: str) -> str:
        node = self.link.node
        names = [n for n, types in node.get_topic_names_and_types() if kind in types]
        names = sorted(name for name in names if node.count_publishers(name))
        return f" Topics of {kind}: {', '.join(names[:8])}." if names else ""


def _nothing() -> None:
    return None
