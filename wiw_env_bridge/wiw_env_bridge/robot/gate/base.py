"""Checks of a mobile base: what it is told, and whether it did that."""

from __future__ import annotations

import math

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.gate.limits import Limits
from wiw_env_bridge.robot.gate.numbers import require_within

SPEED_SHARE, SPEED_NOISE = 1.25, 0.05
"""A speed that is seen may exceed its limit by this share, and this much (m/s, rad/s)."""


def check_base_step(dx_m: float, dyaw_rad: float, limits: Limits) -> None:
    """Raise ``ACTION_OUT_OF_LIMITS`` unless one action's drive and turn are small enough."""
    require_within("The base is sent forward by", dx_m, limits.step_m, "m")
    require_within(
        "The base is turned by",
        dyaw_rad,
        limits.step_rad,
        "rad",
        "Angles are in radians: is this one in degrees?",
    )


def check_twist(v_m_s: float, w_rad_s: float, limits: Limits) -> None:
    """Raise ``ACTION_OUT_OF_LIMITS`` unless a velocity is finite and slow enough."""
    require_within("The base is told to drive at", v_m_s, limits.speed_m_s, "m/s")
    require_within("The base is told to turn at", w_rad_s, limits.turn_rad_s, "rad/s")


def check_speed_seen(v_m_s: float, w_rad_s: float, limits: Limits) -> None:
    """Raise ``DISPLACEMENT_MISMATCH`` if a base moves faster than its limits, whoever drives it.

    Nav2's Spin takes no speed: only its own parameters, and this, keep a turn within the limits.
    Wheels and odometry may be off by :data:`SPEED_SHARE`.
    """
    for what, seen, limit, unit in (
        ("drives", v_m_s, limits.speed_m_s, "m/s"),
        ("turns", w_rad_s, limits.turn_rad_s, "rad/s"),
    ):
        if not abs(seen) <= SPEED_SHARE * limit + SPEED_NOISE:  # also refuses NaN
            raise WiwError(
                ErrorCode.DISPLACEMENT_MISMATCH,
                f"The base {what} at {seen:.2f} {unit} by its odometry; the limit is {limit:g}.",
                "With Nav2, set the behavior_server's max_rotational_vel; else mend units or"
                " limits.",
            )


def check_displacement(commanded: Pose2, observed: Pose2, collided: bool, limits: Limits) -> None:
    """Raise ``DISPLACEMENT_MISMATCH`` unless a base went where it was sent.

    Parameters
    ----------
    commanded, observed : Pose2
        Motion of ``base_link`` in its frame before the action: ``T_before_after``.
    collided : bool
        Something stopped it: then it may have gone less far, but not elsewhere.

    Notes
    -----
    Differences up to ``slip + slip_share * |commanded|`` are slip of the wheels. More is a wrong
    sign, a wrong unit, a wrong frame, or a robot that somebody carries.
    """
    numbers = (
        *(commanded.x_m, commanded.y_m, commanded.yaw_rad),
        *(observed.x_m, observed.y_m, observed.yaw_rad),
    )
    finite = all(map(math.isfinite, numbers))
    told, turned = commanded.yaw_rad, observed.yaw_rad
    slip_m = limits.slip_m + limits.slip_share * math.hypot(commanded.x_m, commanded.y_m)
    slip_rad = limits.slip_rad + limits.slip_share * abs(told)
    nearest, turn = commanded, told
    if finite and collided:
        nearest, turn = (
            _nearest(observed, commanded),
            min(max(turned, min(told, 0.0)), max(told, 0.0)),
        )
    off_m = math.hypot(observed.x_m - nearest.x_m, observed.y_m - nearest.y_m)
    # Both are known up to a full turn only.
    off_rad = abs(math.remainder(turned - turn, math.tau)) if finite else math.nan
    if finite and off_m <= slip_m and off_rad <= slip_rad:
        return
    raise WiwError(
        ErrorCode.DISPLACEMENT_MISMATCH,
        f"The base was sent {commanded.x_m:.2f} m forward and {told:.2f} rad around; its odometry"
        f" says {observed.x_m:.2f} m forward, {observed.y_m:.2f} m left and {turned:.2f} rad."
        f" {slip_m:.2f} m and {slip_rad:.2f} rad of difference are allowed.",
        "Check units, signs and frames of the odometry, and that nobody moved the robot.",
    )


def _nearest(observed: Pose2, commanded: Pose2) -> Pose2:
    """Return the place on the way it was sent that is nearest to where it is."""
    length2 = commanded.x_m**2 + commanded.y_m**2
    along = observed.x_m * commanded.x_m + observed.y_m * commanded.y_m
    share = min(1.0, max(0.0, along / length2)) if length2 > 0.0 else 0.0
    return Pose2(share * commanded.x_m, share * commanded.y_m)
