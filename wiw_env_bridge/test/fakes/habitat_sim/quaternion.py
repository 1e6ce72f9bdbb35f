"""A unit quaternion with the parts of numpy-quaternion's type that WIW uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class quaternion:
    """Scalar first."""

    w: float = 1.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    @property
    def components(self) -> np.ndarray:
        """(w, x, y, z)."""
        return np.array([self.w, self.x, self.y, self.z])

    def __mul__(self, o: quaternion) -> quaternion:
        return quaternion(
            self.w * o.w - self.x * o.x - self.y * o.y - self.z * o.z,
            self.w * o.x + self.x * o.w + self.y * o.z - self.z * o.y,
            self.w * o.y - self.x * o.z + self.y * o.w + self.z * o.x,
            self.w * o.z + self.x * o.y - self.y * o.x + self.z * o.w,
        )

    def matrix(self) -> np.ndarray:
        """The rotation matrix, (3, 3); not of numpy-quaternion, for the fake alone."""
        w, x, y, z = self.w, self.x, self.y, self.z
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )


def single(q: quaternion) -> quaternion:
    """Return the quaternion in single precision, as a scene graph of Magnum keeps it."""
    w, x, y, z = np.float32(q.components / np.linalg.norm(q.components)).tolist()
    return quaternion(w, x, y, z)
