"""Poses, transforms and stamps."""

from __future__ import annotations

import math

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, Vector3

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2, Pose3, matrix_from_quaternion, quaternion_from_matrix
from wiw_ros.convert.checks import require_finite

_NORM_TOLERANCE = 1e-3


def stamp_to_msg(seconds: float) -> Time:
    """Return ROS time, to the nanosecond; seconds >= 0."""
    require_finite((seconds,), "The time stamp", ErrorCode.STALE_OBSERVATION)
    whole = math.floor(seconds)
    nanoseconds = round((seconds - whole) * 1e9)
    return Time(sec=whole + nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def stamp_from_msg(message: Time) -> float:
    """Return seconds."""
    return float(message.sec) + float(message.nanosec) * 1e-9


def pose_to_msg(pose: Pose2) -> Pose:
    """Return the pose on the floor as a message; z, roll and pitch are 0."""
    require_finite((pose.x_m, pose.y_m, pose.yaw_rad), "The base pose", ErrorCode.BAD_IMAGE)
    z, w = _quaternion_of_yaw(pose.yaw_rad)
    return Pose(
        position=Point(x=float(pose.x_m), y=float(pose.y_m)),
        orientation=Quaternion(x=0.0, y=0.0, z=z, w=w),
    )


def pose_from_msg(message: Pose) -> Pose2:
    """Return x, y, yaw; raises ``BAD_IMAGE`` unless finite with a unit quaternion."""
    p, q = message.position, message.orientation
    require_finite((p.x, p.y, p.z), "The base position", ErrorCode.BAD_IMAGE)
    _require_unit(q, "The base orientation")
    yaw = math.atan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
    return Pose2(p.x, p.y, _yaw(q.z, q.w) if q.x == q.y == 0.0 else yaw)


def point_to_msg(xyz_m: tuple[float, float, float]) -> Point:
    """Return a point in metres; raises ``BAD_IMAGE`` unless it is finite."""
    require_finite(xyz_m, "A point", ErrorCode.BAD_IMAGE)
    return Point(x=float(xyz_m[0]), y=float(xyz_m[1]), z=float(xyz_m[2]))


def pose3_to_msg(pose: Pose3) -> Pose:
    """Return the pose in space as a message."""
    numbers = (pose.qx, pose.qy, pose.qz, pose.qw)
    require_finite(numbers, "The tool orientation", ErrorCode.BAD_IMAGE)
    return Pose(
        position=point_to_msg((pose.x_m, pose.y_m, pose.z_m)),
        orientation=Quaternion(**dict(zip("xyzw", map(float, numbers)))),
    )


def pose3_from_msg(message: Pose) -> Pose3:
    """Return the pose in space; raises ``BAD_IMAGE`` unless finite with a unit quaternion."""
    p, q = message.position, message.orientation
    require_finite((p.x, p.y, p.z), "The tool position", ErrorCode.BAD_IMAGE)
    _require_unit(q, "The tool orientation")
    return Pose3(p.x, p.y, p.z, q.x, q.y, q.z, q.w)


def transform_to_msg(matrix: Array) -> Transform:
    """Return a (4, 4) rigid transform as a message."""
    require_finite(matrix.ravel().tolist(), "T_base_camera", ErrorCode.BAD_IMAGE)
    x, y, z = (float(v) for v in matrix[:3, 3])
    qx, qy, qz, qw = (float(v) for v in quaternion_from_matrix(matrix[:3, :3]))
    return Transform(
        translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)
    )


def transform_from_msg(message: Transform) -> Array:
    """Return the (4, 4) matrix; raises ``BAD_IMAGE`` unless it is finite with a unit quaternion."""
    t, q = message.translation, message.rotation
    require_finite((t.x, t.y, t.z), "T_base_camera", ErrorCode.BAD_IMAGE)
    _require_unit(q, "T_base_camera's rotation")
    matrix: Array = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(np.array([q.x, q.y, q.z, q.w]))
    matrix[:3, 3] = t.x, t.y, t.z
    return matrix


def _require_unit(q: Quaternion, what: str) -> None:
    norm = math.sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w)
    if not abs(norm - 1.0) <= _NORM_TOLERANCE:  # also true of NaN
        raise WiwError(ErrorCode.BAD_IMAGE, f"{what} has norm {norm:.4g}; a quaternion has norm 1.")


def _yaw(z: float, w: float) -> float:
    return 2.0 * math.atan2(z, w)


def _quaternion_of_yaw(yaw: float) -> tuple[float, float]:
    # Of the doubles next to (sin, cos) take those that give the very same yaw back: an episode over
    # ROS must equal the one in process, decision by decision.
    z, w = math.sin(yaw / 2.0), math.cos(yaw / 2.0)
    for z_near in (z, _next(z, 2.0), _next(z, -2.0)):
        for w_near in (w, _next(w, 2.0), _next(w, -2.0)):
            if _yaw(z_near, w_near) == yaw:
                return z_near, w_near
    return z, w


def _next(value: float, towards: float) -> float:
    return float(np.nextafter(value, towards))
