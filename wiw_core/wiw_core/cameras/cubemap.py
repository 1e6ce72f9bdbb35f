"""Six square 90-degree pinhole faces around one point, stacked as a strip of shape (6F, F)."""

from __future__ import annotations

import math

import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.cameras.panorama import Map
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array


def _rotation(forward: tuple[int, int, int], up: tuple[int, int, int]) -> Array:
    z, y = np.array(forward, dtype=np.float64), -np.array(up, dtype=np.float64)
    return np.stack([np.cross(y, z), y, z], axis=1)


ROTATIONS: Array = np.stack(
    [
        _rotation((1, 0, 0), (0, 0, 1)),
        _rotation((0, 1, 0), (0, 0, 1)),
        _rotation((-1, 0, 0), (0, 0, 1)),
        _rotation((0, -1, 0), (0, 0, 1)),
        _rotation((0, 0, 1), (-1, 0, 0)),
        _rotation((0, 0, -1), (1, 0, 0)),
    ]
)
"""``R_base_face`` of each face's optical frame, (6, 3, 3): columns are right, down, forward.

In the order of a strip, top to bottom: front, left, back, right, up, down.
"""


def face_intrinsics(face: int, border: int = 0) -> Array:
    """Return the (3, 3) matrix of a face of ``face`` x ``face`` pixels.

    The inner ``face - 2 * border`` pixels span 90 degrees; the border beyond them lets a bilinear
    sampler cross an edge without a seam. Raises ``BAD_PARAMETER`` if nothing is left inside.
    """
    inner = face - 2 * border
    if border < 0 or inner < 1:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A cube face of {face} pixels cannot have a border of {border} pixels.",
        )
    return pinhole.intrinsics(face, face, 2.0 * math.atan(face / inner))


def panorama_map(height: int, width: int, face: int, border: int = 0) -> tuple[Map, Map]:
    """Return where each panorama pixel reads a strip of six faces; (height, width) float32 maps."""
    k = face_intrinsics(face, border)
    directions = panorama.rays(height, width)
    # The face whose axis is nearest to the ray: the largest cosine.
    which = np.argmax(directions @ ROTATIONS[:, :, 2].T, axis=-1)
    optical = np.einsum("hwij,hwi->hwj", ROTATIONS[which], directions)
    pixels, _ = pinhole.project(optical, k)
    # Never read the neighbour in the strip: it is not the neighbour in space.
    pixels = np.clip(pixels, 0.0, face - 1.0)
    return pixels[..., 0].astype(np.float32), (pixels[..., 1] + which * face).astype(np.float32)


def face_map(face: int, pano_hw: tuple[int, int], border: int = 0) -> tuple[Map, Map]:
    """Return where each strip pixel reads a panorama; (6 * face, face) maps, x wraps round."""
    optical = pinhole.rays(face_intrinsics(face, border), face, face)
    directions = np.concatenate([optical @ rotation.T for rotation in ROTATIONS])
    return panorama.sample_map(directions, pano_hw)


def ray_lengths(height: int, width: int) -> Array:
    """Return the (height, width) factor that turns a face's depth along its axis into range."""
    return 1.0 / np.max(panorama.rays(height, width) @ ROTATIONS[:, :, 2].T, axis=-1)
