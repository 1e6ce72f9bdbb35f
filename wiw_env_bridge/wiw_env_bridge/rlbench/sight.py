"""What RLBench's cameras see, in our frames and units; and where the task's objects are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import SceneObject, View
from wiw_env_bridge.rlbench.flavours import CENTROID_CAMERAS

_FLIP: Array = np.diag([-1.0, -1.0, 1.0, 1.0])
"""CoppeliaSim's camera has x left and y up; an optical frame has x right and y down."""


def view(observation: Any, camera: str, sensor: Any) -> View:
    """Return what a camera sees: colours, metres along the axis, where it is in the world.

    Parameters
    ----------
    sensor : object
        The camera itself, asked for its pose where the observation does not tell it.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the picture is not (H, W, 3) uint8 with depth of the same size.
    """
    rgb = np.asarray(getattr(observation, f"{camera}_rgb"))
    depth = np.asarray(getattr(observation, f"{camera}_depth"), np.float32)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or depth.shape != rgb.shape[:2]:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"RLBench gave {rgb.dtype} {rgb.shape} as '{camera}', with depth {depth.shape}.",
        )
    told = getattr(observation, "misc", None) or {}
    pose = told.get(f"{camera}_camera_extrinsics")
    k = told.get(f"{camera}_camera_intrinsics")
    pose = _matrix(sensor.get_matrix() if pose is None else pose)
    k = np.asarray(sensor.get_intrinsic_matrix() if k is None else k, np.float64)
    return View(
        camera,
        np.ascontiguousarray(rgb),
        depth=np.where(np.isfinite(depth) & (depth > 0.0), depth, np.float32(0.0)),
        intrinsics=np.abs(k),  # its focal lengths are negative, for the axes above
        T_base_camera=pose @ _FLIP,
    )


def centroids(observation: Any, handles: Sequence[int]) -> tuple[SceneObject, ...]:
    """Return the objects that are seen, under names without meaning, in order of y.

    A centroid is the mean over cameras of the mean of an object's visible points, as in the
    reference.
    """
    places = []
    for handle in handles:
        means = []
        for camera in CENTROID_CAMERAS:
            mask = getattr(observation, f"{camera}_mask", None)
            points = getattr(observation, f"{camera}_point_cloud", None)
            if mask is None or points is None:
                continue
            chosen = np.rint(np.asarray(mask)).astype(np.int64) == handle
            if chosen.any():
                means.append(np.asarray(points, np.float64)[chosen].mean(axis=0))
        if means:
            places.append(tuple(float(value) for value in np.mean(means, axis=0)))
    ordered = sorted(places, key=lambda place: (place[1], place[0]))
    return tuple(SceneObject(f"object {k}", *place) for k, place in enumerate(ordered, start=1))


def _matrix(pose: Any) -> Array:
    """Return a (4, 4) pose; older PyRep gives the first three rows as a list."""
    rows = np.asarray(pose, np.float64).reshape(-1, 4)
    return np.vstack([rows[:3], [0.0, 0.0, 0.0, 1.0]])
