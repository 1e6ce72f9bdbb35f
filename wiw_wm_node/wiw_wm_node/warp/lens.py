"""Both projections behind one interface, in ``base_link`` and at the model's size."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Projection, View

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lens:
    """A camera on the robot, its image resized to the model's size.

    Attributes
    ----------
    height, width : int
    k : (3, 3) float64
        Pinhole matrix at this size; unused by a panorama.
    T_base_camera : (4, 4) float64
        Optical frame in ``base_link``. A panorama's axes are those of ``base_link``, so only the
        translation counts.
    """

    projection: Projection
    height: int
    width: int
    k: Array = field(default_factory=lambda: np.eye(3))
    T_base_camera: Array = field(default_factory=lambda: np.eye(4))

    @staticmethod
    def of(view: View, size: tuple[int, int]) -> Lens:
        """Return the lens of a view whose image is resized to (height, width).

        Raises ``BAD_IMAGE`` if a perspective view comes without its intrinsics.
        """
        focal = np.diagonal(view.intrinsics)[:2]
        if view.projection is Projection.PERSPECTIVE and not (focal > 0.0).all():
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"The view '{view.name}' has no intrinsics, so its depth cannot be placed.",
                "Publish a camera_info with a focal length.",
            )
        k = pinhole.resized(view.intrinsics, view.size, size)
        return Lens(view.projection, size[0], size[1], k, view.T_base_camera)

    @property
    def wraps(self) -> bool:
        """Whether the left and right edges meet."""
        return self.projection is Projection.EQUIRECTANGULAR

    @property
    def origin(self) -> Floats:
        """The camera's place in ``base_link``, (3,) metres."""
        return self.T_base_camera[:3, 3].astype(np.float32)

    @cached_property
    def rays(self) -> Floats:
        """Directions in ``base_link``, (H, W, 3): a pixel's point is ``origin + depth * ray``."""
        if self.wraps:
            return _panorama_rays(self.height, self.width)
        optical = pinhole.rays(self.k, self.height, self.width)
        return (optical @ self.T_base_camera[:3, :3].T).astype(np.float32)

    @cached_property
    def elevation(self) -> Floats:
        """Sine of each ray's angle above the horizon, (H, W)."""
        length = np.sqrt(np.einsum("...i,...i->...", self.rays, self.rays))
        return np.asarray(self.rays[..., 2] / length, dtype=np.float32)

    def mean(self, image: Floats) -> float:
        """Return the mean of an (h, w) picture of any size, in a panorama by solid angle."""
        if not self.wraps:
            return float(image.mean())
        latitude = (np.arange(image.shape[0]) + 0.5) / image.shape[0] * np.pi
        return float(np.average(image.mean(axis=1), weights=np.sin(latitude)))

    def points(self, depth: Floats) -> Floats:
        """Return the (H, W, 3) points in ``base_link`` of (H, W) depths."""
        out = depth[..., None] * self.rays
        out += self.origin
        return out

    def inside(self, x: Floats, y: Floats) -> Mask:
        """Return which pixel places lie in the image; NaN does not."""
        rows = (y >= -0.5) & (y <= self.height - 0.5)
        return rows if self.wraps else rows & (x >= -0.5) & (x < self.width - 0.5)

    def project(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Return x and y in pixels and the depth in metres of (..., 3) points in ``base_link``."""
        local = points - self.origin
        if self.wraps:
            pixels, depth = panorama.project(local, self.height, self.width)
        else:
            optical = local @ self.T_base_camera[:3, :3].astype(np.float32)
            pixels, depth = pinhole.project(optical, self.k)
        return pixels[..., 0], pixels[..., 1], depth


@lru_cache(maxsize=2)
def _panorama_rays(height: int, width: int) -> Floats:
    return panorama.rays(height, width).astype(np.float32)
