"""Rigid transforms: REP-103 axes (x forward, y left, z up), metres, radians, right-handed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

T_BASE_OPTICAL: Array = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Rotation from an optical frame (z forward, x right, y down) to REP-103 axes; (4, 4)."""


def wrap(angle_rad: float) -> float:
    """Return the angle in (-pi, pi]; one that is there already comes back exactly."""
    if -math.pi < angle_rad <= math.pi:
        return angle_rad
    return -((-angle_rad + math.pi) % (2.0 * math.pi) - math.pi)


@dataclass(frozen=True)
class Pose2:
    """A pose on the floor: ``x_m``, ``y_m`` in metres and ``yaw_rad`` counter-clockwise from +x."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0

    def __mul__(self, other: Pose2) -> Pose2:
        """Compose: ``T_a_c = T_a_b * T_b_c``."""
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return Pose2(
            self.x_m + c * other.x_m - s * other.y_m,
            self.y_m + s * other.x_m + c * other.y_m,
            wrap(self.yaw_rad + other.yaw_rad),
        )

    def inverse(self) -> Pose2:
        """Return ``T_b_a`` of ``T_a_b``."""
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return Pose2(-c * self.x_m - s * self.y_m, s * self.x_m - c * self.y_m, wrap(-self.yaw_rad))

    def matrix(self) -> Array:
        """Return the (4, 4) homogeneous transform."""
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return np.array(
            [[c, -s, 0, self.x_m], [s, c, 0, self.y_m], [0, 0, 1, 0], [0, 0, 0, 1]],
            dtype=np.float64,
        )

    def distance_m(self, other: Pose2) -> float:
        """Return the straight-line distance in metres."""
        return math.hypot(self.x_m - other.x_m, self.y_m - other.y_m)


@dataclass(frozen=True)
class Pose3:
    """A pose in space: metres, and a unit quaternion in ROS order (x, y, z, w)."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    qx: float = 0.0
    qy: float = 0.0
    qz: float = 0.0
    qw: float = 1.0

    @classmethod
    def from_matrix(cls, matrix: Array) -> Pose3:
        """Return the pose of a (4, 4) rigid transform."""
        x, y, z = (float(v) for v in matrix[:3, 3])
        return cls(x, y, z, *(float(v) for v in quaternion_from_matrix(matrix[:3, :3])))

    @property
    def position(self) -> Array:
        """The position in metres, (3,)."""
        return np.array([self.x_m, self.y_m, self.z_m])

    @property
    def quaternion(self) -> Array:
        """The orientation as (x, y, z, w), (4,)."""
        return np.array([self.qx, self.qy, self.qz, self.qw])

    def matrix(self) -> Array:
        """Return the (4, 4) homogeneous transform."""
        matrix: Array = np.eye(4)
        matrix[:3, :3] = matrix_from_quaternion(self.quaternion)
        matrix[:3, 3] = self.position
        return matrix


def quaternion_from_matrix(rotation: Array) -> Array:
    """Return the unit quaternion (x, y, z, w) of a (3, 3) rotation matrix (ROS order)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotation).as_quat(), dtype=np.float64)


def matrix_from_quaternion(xyzw: Array) -> Array:
    """Return the (3, 3) rotation matrix of a quaternion (x, y, z, w)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_quat(xyzw).as_matrix(), dtype=np.float64)
