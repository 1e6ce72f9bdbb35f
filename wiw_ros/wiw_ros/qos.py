"""The QoS table: every topic of WIW uses one of these profiles."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)


def _profile(
    depth: int,
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


SENSOR = _profile(5, ReliabilityPolicy.BEST_EFFORT)
"""image, camera_info, depth: the newest matters, a lost one does not."""

ODOMETRY = _profile(10)
"""odom: small, and standard tools expect it to be reliable."""

JOINTS = _profile(10)
"""joint_states: as robot_state_publisher expects it."""

LATCHED = _profile(1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""observation, decision, imagination, episode, result: whoever comes late gets the newest."""

HEARTBEAT = _profile(32, ReliabilityPolicy.BEST_EFFORT)
HEARTBEAT.liveliness = LivelinessPolicy.AUTOMATIC
HEARTBEAT.liveliness_lease_duration = Duration(nanoseconds=400_000_000)
"""heartbeat: none is sent again; as deep as many nodes share the topic, lest they overwrite.

Within the lease DDS itself tells that a process has ended.
"""

LEASE = _profile(32, ReliabilityPolicy.BEST_EFFORT)
"""/wiw/robot_lease: as heartbeats, of every bridge in the domain."""

ROLLOUTS = _profile(64)
"""Action feedback at both ends, and imagined: a burst of rollouts must not overwrite itself."""

TURNS = _profile(32)
"""turn: each is needed to replay a run, so none may overwrite another on its way."""

DIAGNOSTICS = _profile(10)
"""/diagnostics: as the standard tools use it."""
