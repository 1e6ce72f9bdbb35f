"""A plan as a camera path, were nothing in the way: one pose per frame, frame 0 being now."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2, wrap
from wiw_core.plans import NAVIGATION_DELTA, Plan, camera_path, navigation_plan

TOLERANCE = 1e-3
"""Metres and radians by which a step may miss its primitive."""


def camera_poses(plan: Plan, T_base_camera: Array = T_BASE_OPTICAL) -> Array:
    """Return the camera's pose at each frame in its first frame: (N + 1, 4, 4), metres.

    Parameters
    ----------
    T_base_camera : (4, 4)
        Pose of the camera in ``base_link``, as in ``View``. The default is an optical frame (z
        forward, x right, y down) at the base; the identity gives REP-103 axes.
    """
    T_camera_base = np.linalg.inv(T_base_camera)
    return np.stack([T_camera_base @ pose.matrix() @ T_base_camera for pose in camera_path(plan)])


def planar_path(plan: Plan) -> Array:
    """Return x and y in metres and azimuth in radians at each frame: (N + 1, 3).

    In the first pose's axes (x forward, y left); azimuth in (-pi, pi], counter-clockwise.
    """
    return np.array([(p.x_m, p.y_m, p.yaw_rad) for p in camera_path(plan)])


def plan_from_planar(path: npt.ArrayLike) -> Plan:
    """Return the plan that makes this (N + 1, 3) path: the inverse of :func:`planar_path`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a step is no navigation primitive, or a number is not finite.
    """
    rows = np.asarray(path, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3 or not np.isfinite(rows).all():
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"A path is finite (N + 1, 3) numbers; got shape {rows.shape}."
        )
    poses = [Pose2(*(float(v) for v in row)) for row in rows]
    steps = [before.inverse() * after for before, after in zip(poses, poses[1:])]
    return navigation_plan(_primitive(index, step) for index, step in enumerate(steps))


def plan_from_poses(poses: npt.ArrayLike, T_base_camera: Array = T_BASE_OPTICAL) -> Plan:
    """Return the plan that makes these (N + 1, 4, 4) poses: the inverse of :func:`camera_poses`."""
    cameras = np.asarray(poses, dtype=np.float64)
    if cameras.ndim != 3 or cameras.shape[1:] != (4, 4):
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"Poses are (N + 1, 4, 4) numbers; got shape {cameras.shape}."
        )
    bases = T_base_camera @ cameras @ np.linalg.inv(T_base_camera)
    yaw = np.arctan2(bases[:, 1, 0], bases[:, 0, 0])
    return plan_from_planar(np.column_stack([bases[:, 0, 3], bases[:, 1, 3], yaw]))


def _primitive(index: int, step: Pose2) -> str:
    for name, delta in NAVIGATION_DELTA.items():
        if (
            step.distance_m(delta) < TOLERANCE
            and abs(wrap(step.yaw_rad - delta.yaw_rad)) < TOLERANCE
        ):
            return name
    raise WiwError(
        ErrorCode.BAD_PARAMETER,
        f"Step {index} of the path goes {step.x_m:.3f} m forward, {step.y_m:.3f} m left and turns"
        f" {math.degrees(step.yaw_rad):.2f} degrees: that is no navigation primitive.",
    )
