"""Which topics a recording keeps, and how each is listened to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from wiw_core.errors import ErrorCode, WiwError, unknown_name

DEPTH = 100
"""Messages of a topic that may wait while others are written."""
REPLAY = ("*/episode", "*/turn", "*/result")
"""The planner's: what ``wiw replay`` and ``wiw export`` need. Each pattern is of whole names."""
ROBOT = (
    "*/odom",
    "/tf",
    "/tf_static",
    "*/tf",
    "*/tf_static",
    "*/cmd_vel",
    "*/joint_states",
    "*/robot_description",
)
LIFE = ("*/heartbeat", "/diagnostics", "/rosout")
PICTURES = ("*/image", "*/image_raw", "*/image_raw/compressed", "*/depth", "*/camera_info")
PROFILES: dict[str, tuple[str, ...]] = {
    "minimal": (*REPLAY, *ROBOT, *LIFE, "*/decision"),
    "full": (
        *REPLAY,
        *ROBOT,
        *LIFE,
        *PICTURES,
        "*/decision",
        "*/imagined",
        "*/imagination",
        "*/candidates",
        "*/depth/image_raw",
        "*/panorama/*",
    ),
    "all": ("*",),
}
HELP = (
    "minimal (what replays and exports, and the robot's own state), full (the cameras and what was"
    " imagined too) or all (every topic)"
)


def chosen(profile: str, patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a topic is kept: it is of the profile, or fits a pattern.

    Parameters
    ----------
    profile : str
        A name of :data:`PROFILES`; empty: the patterns alone.
    patterns : sequence of str
        Whole topic names; ``*`` stands for anything, also for ``/``. A name without a leading
        ``/`` is taken in every namespace.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an unknown profile, suggesting the nearest, or if nothing is asked.
    """
    if profile and profile not in PROFILES:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "profile", profile, PROFILES)
    wanted = list(PROFILES.get(profile, ()))
    wanted += [p if p.startswith(("/", "*")) else f"*/{p}" for p in patterns]
    if not wanted:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "No topic is asked for.",
            "Name one, or give --profile.",
        )
    # Hidden names, those of actions among them, are nobody's topics unless they are spelt out.
    return lambda name: any(
        fnmatchcase(name, pattern) and ("/_" not in name or "/_" in pattern) for pattern in wanted
    )


def listening(offers: Sequence[QoSProfile]) -> QoSProfile:
    """Return the strictest profile that hears every one of these publishers, as ``ros2 bag`` does.

    Reliable, and latched, only if all of them are; no deadline and no lease, which a recorder has
    no use for.
    """
    reliable = all(o.reliability == ReliabilityPolicy.RELIABLE for o in offers)
    latched = all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def offered(profile: QoSProfile) -> Any:
    """Return a publisher's profile as rosbags writes it."""
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    def time(duration: Any) -> QosTime:
        return QosTime(*divmod(int(duration.nanoseconds), 10**9))

    return Qos(
        history=_same(QosHistory, profile.history),
        depth=int(profile.depth),
        reliability=_same(QosReliability, profile.reliability),
        durability=_same(QosDurability, profile.durability),
        deadline=time(profile.deadline),
        lifespan=time(profile.lifespan),
        liveliness=_same(QosLiveliness, profile.liveliness),
        liveliness_lease_duration=time(profile.liveliness_lease_duration),
        avoid_ros_namespace_conventions=bool(profile.avoid_ros_namespace_conventions),
    )


def _same(kind: Any, value: Any) -> Any:
    """Return the member of that name; a discovered publisher does not tell its history."""
    return kind.__members__.get(value.name, kind.UNKNOWN)
