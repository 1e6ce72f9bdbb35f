"""Stops, limits, and who else holds the robot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from std_msgs.msg import Bool

from wiw.doctor import Finding, Grade
from wiw.doctor_robot.visit import Visit
from wiw_env_bridge.bridge.lease import TOPIC as LEASE_TOPIC
from wiw_msgs.msg import RobotLease
from wiw_ros import transport

FIRST_M_S, FIRST_SHARE = 0.1, 0.1
"""Speed of a base, and share of an arm's speed, in a first run."""


class OrderChecks:
    """E-stop, lease, and the limits of the profile."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._estop = visit.link.listen(Bool, "estop", latched=True)
        self._lease = visit.link.listen(RobotLease, LEASE_TOPIC)

    def checks(self) -> Iterator[Callable[[], Iterator[Finding]]]:
        """Yield what is to be run once the robot has been heard."""
        yield from (self._transport, self._stop, self._holders, self._limits)

    def _transport(self) -> Iterator[Finding]:
        local = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") == str(transport.profile())
        seen = "this computer only" if local else "as the environment variables say"
        if local and self._visit.unheard:
            advice = (
                "Is the robot's driver on another computer? It is not heard: set"
                " FASTRTPS_DEFAULT_PROFILES_FILE= (empty) for this and for wiw up."
            )
            yield Finding("transport", Grade.WARN, seen, advice)
        else:
            yield Finding("transport", Grade.OK, seen)

    def _stop(self) -> Iterator[Finding]:
        topic = self._estop.topic
        newest = self._estop.latest()
        if not self._visit.publishers(topic):
            advice = (
                "Only the service ~/estop of the bridge stops it in software. Connect a button to"
                " this topic; the robot's own emergency stop stays what people rely on."
            )
            yield Finding(topic, Grade.WARN, "nobody publishes it", advice)
        elif newest is None:
            advice = "Publish it reliable and transient local, so that it is known at once."
            yield Finding(topic, Grade.WARN, "its state is not known", advice)
        elif newest.message.data:
            yield Finding(topic, Grade.WARN, "says stop", "Release it, then ~/reset_estop.")
        else:
            yield Finding(topic, Grade.OK, f"says go, {self._estop.rate_hz():.1f} Hz")

    def _holders(self) -> Iterator[Finding]:
        held = {h.message.bridge: h.message for h in self._lease.heard() if h.message.held}
        for bridge, lease in held.items():
            if lease.robot:
                advice = "A second bridge on this robot will refuse to activate."
                seen = f"'{lease.robot}' is held by '{bridge}' on '{lease.host}'"
                yield Finding("lease", Grade.WARN, seen, advice)
        if not held:
            yield Finding("lease", Grade.OK, "no bridge holds a robot")

    def _limits(self) -> Iterator[Finding]:
        profile = self._visit.profile
        first = "For a first run set {} to {:g}; raise it when everything below has been tested."
        base, arm = profile.base, profile.arm
        if profile.kind == "base":
            grade = Grade.WARN if base.speed_m_s > FIRST_M_S else Grade.OK
            seen = f"{base.speed_m_s:g} m/s and {base.turn_rad_s:g} rad/s"
            advice = first.format("base.speed_m_s", FIRST_M_S)
        else:
            grade = Grade.WARN if arm.velocity_scaling > FIRST_SHARE else Grade.OK
            low, high = profile.limits.workspace_low_m, profile.limits.workspace_high_m
            seen = f"{arm.velocity_scaling:.0%} of the joints' speed, {arm.speed_m_s:g} m/s of the"
            seen += f" tool, workspace {low} to {high} m"
            advice = first.format("arm.velocity_scaling", FIRST_SHARE)
        yield Finding("speeds", grade, seen, "" if grade is Grade.OK else advice)
