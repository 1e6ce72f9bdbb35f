"""Where a panorama was taken: heading by circular correlation, place by the nearest real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_learn.measure.images import Mask, resized, solid_angles

SIZE = (48, 128)
"""Height and width at which panoramas are compared; a turn of 22.5 degrees is 8 columns."""
_AGREEMENT, _SLACK_M = 0.04, 0.05

Floats = npt.NDArray[np.floating[Any]]


class Panoramas:
    """Real panoramas, prepared so that others can be found among them, at any heading.

    Parameters
    ----------
    rgb : (P, H, W, 3) uint8
    """

    def __init__(self, rgb: Rgb) -> None:
        self._spectra, self._energies = _spectra(rgb)

    def find(self, frame: Rgb) -> tuple[int, float]:
        """Return which one a panorama is most like, and by how many radians it is turned left."""
        errors = self._errors(frame)
        place, column = np.unravel_index(int(errors.argmin()), errors.shape)
        return int(place), _yaw(int(column))

    def _errors(self, frame: Rgb) -> Floats:
        """Return (P, W) squared errors of a panorama to each of these, turned by each column.

        Column s: these moved right by s columns, as a left turn by s / W of a circle moves them.
        """
        (mine,), (energy,) = _spectra(frame[None])
        product = np.einsum("hwc,phwc->pw", mine, np.conj(self._spectra))
        correlation = np.fft.irfft(product, n=SIZE[1], axis=1)
        return np.asarray(energy + self._energies[:, None] - 2.0 * correlation)


def heading_error(frame: Rgb, real: Panoramas) -> float:
    """Return the absolute turn, in degrees, that lays a panorama best on the real one."""
    _, yaw = real.find(frame)
    return abs(float(np.degrees(yaw)))


def _spectra(panoramas: Rgb) -> tuple[npt.NDArray[np.complexfloating[Any, Any]], Floats]:
    """Return the row spectra and the energies of (N, H, W, 3) panoramas."""
    small = resized(panoramas, SIZE).astype(np.float64)
    # Rows near the poles are stretched: they count by their solid angle.
    small *= np.sqrt(SIZE[0] * solid_angles(SIZE[0]))[:, None, None]
    return np.fft.rfft(small, axis=2), np.square(small).sum(axis=(1, 2, 3))


def _yaw(column: int) -> float:
    half = SIZE[1] // 2
    return float((column + half) % SIZE[1] - half) / SIZE[1] * 2.0 * np.pi


def seen_before(
    depth: Floats, pose: Pose2, memory: Sequence[tuple[Floats, Pose2]]
) -> tuple[Mask, Mask]:
    """Return which pixels of a real panorama show what was in view before, and which did not.

    Pixels of unknown depth are in neither mask.

    Parameters
    ----------
    depth : (H, W)
        Metres along the rays of the real panorama; 0 where unknown.
    pose : Pose2
        Where it was taken, in the frame of ``memory``'s poses.
    memory : sequence of (depth, pose)
        What had been seen, all with the camera at the same height.
    """
    known = depth > 0.0
    points = panorama.unproject(depth)
    seen = np.zeros(depth.shape, np.bool_)
    for past, where in memory:
        move = (where.inverse() * pose).matrix()
        local = points @ move[:3, :3].T + move[:3, 3]
        pixels, distance = panorama.project(local, *past.shape)
        x, y = (np.rint(pixels[..., k]) for k in (0, 1))
        inside = known & np.isfinite(x) & np.isfinite(y)
        rows = np.clip(np.where(inside, y, 0).astype(np.intp), 0, past.shape[0] - 1)
        columns = np.where(inside, x, 0).astype(np.intp) % past.shape[1]
        low, high = (edge[rows, columns] for edge in _around(past))
        slack = _SLACK_M + _AGREEMENT * distance
        seen |= inside & (distance >= low - slack) & (distance <= high + slack)
    return seen, known & ~seen


def _around(depth: Floats) -> tuple[Floats, Floats]:
    """Return least and greatest known depth of each pixel and its four neighbours."""
    low = np.where(depth > 0.0, depth, np.inf)
    high = np.asarray(depth)
    stacks = []
    for image in (low, high):
        up = np.concatenate([image[:1], image[:-1]])
        down = np.concatenate([image[1:], image[-1:]])
        stacks.append(np.stack([image, up, down, np.roll(image, 1, 1), np.roll(image, -1, 1)]))
    return np.asarray(stacks[0].min(axis=0)), np.asarray(stacks[1].max(axis=0))
