"""How unlike a place is to where a goal photo was taken, whichever way the robot looks.

The measure is classical, with nothing learned or downloaded: the robot's pictures are compared by
their joint colour distribution. Around one place that distribution changes slowly and smoothly
(floors, walls and furniture enter and leave the picture piece by piece), so it grades places long
before the goal itself comes into view, and it hardly notices the blur and the holes of an imperfect
world model. Distances over aligned pixels, edge orientation or local features do not have that
property; the page ``docs/policies.md`` gives the numbers.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb, View
from wiw_core.plans import TURN_RAD

HEADINGS = panorama.TURNS_PER_CIRCLE
"""Headings at which a place is looked at: every 22.5 degrees."""
_SIDE = 32
_PANORAMA_HW = (144, 256)
_BANDS = 3
_LIGHTNESS_BINS, _COLOUR_BINS = 8, 20
_COLOUR_RANGE = 50.0
"""CIELAB a and b beyond this are counted in the last bin."""
_DEFAULT_FOV_RAD = math.pi / 2

Signature = npt.NDArray[np.float32]


def goal_signature(goal: View) -> tuple[Signature, float]:
    """Return the signature (S,) of a perspective goal view, and its field of view in radians.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if it is a panorama, or not as wide as it is high.
    """
    return picture_signature(goal.rgb), photo_fov(goal)


def picture_signature(rgb: Rgb) -> Signature:
    """Return the signature (S,) of a picture (H, W, 3) uint8 of any shape."""
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(_signatures(np.asarray(small, np.uint8)[None])[0])


def picture_distance(a: Signature, b: Signature) -> float:
    """Return the squared Hellinger distance of two pictures' signatures, 0 to 1."""
    return min(1.0, max(0.0, 1.0 - float(a @ b)))


def photo_fov(goal: View) -> float:
    """Return a goal view's field of view in radians; 90 degrees if its intrinsics are not known.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if it is a panorama, or not as wide as it is high.
    """
    height, width = goal.size
    if goal.projection is not Projection.PERSPECTIVE or height != width:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"The goal view must be a square perspective picture; it is {height}x{width}.",
        )
    if goal.intrinsics[0, 0] > 0.0:
        return float(pinhole.horizontal_fov(goal.intrinsics, width))
    return _DEFAULT_FOV_RAD


def nearest_heading(goal: Signature, rgb: Rgb, fov_rad: float) -> float:
    """Return the distance, 0 to 1, of the goal to the most alike of 16 headings at a place.

    It says whether this is the goal, where :func:`place_distance` also says whether this is the
    right part of the home. Parameters and errors as there.
    """
    return float(_distances(goal, rgb, fov_rad).min())


def place_distance(goal: Signature, rgb: Rgb, fov_rad: float) -> float:
    """Return the distance, 0 to 1, of a place to the goal; equal for a place seen at any heading.

    Half of it is the nearest of 16 headings (is this the goal?), half their mean (is this the right
    part of the home?); each heading's distance is the squared Hellinger distance of the signatures.

    Parameters
    ----------
    goal : (S,) float32
        Of :func:`goal_signature`.
    rgb : (H, W, 3) uint8
        The panorama at the place; turning it by multiples of 22.5 degrees changes nothing.
    fov_rad : float
        The goal camera's field of view.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the panorama cannot be turned exactly.
    """
    distances = _distances(goal, rgb, fov_rad)
    # fsum is exact, so the order of the headings cannot change the mean: turned places tie.
    mean = math.fsum(distances.tolist()) / len(distances)
    return 0.5 * (float(distances.min()) + mean)


def _distances(goal: Signature, rgb: Rgb, fov_rad: float) -> Signature:
    """Return (16,) distances of the headings at a place to the goal."""
    return np.asarray(1.0 - _signatures(_crops(rgb, fov_rad)) @ goal)


def _crops(rgb: Rgb, fov_rad: float) -> Rgb:
    # Refuses a width that cannot be turned exactly.
    panorama.columns_of_yaw(TURN_RAD, rgb.shape[1])
    height, width = _PANORAMA_HW
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    map_x, map_y = _crop_map(fov_rad)
    shift = width // HEADINGS
    # Turning the picture, not the map, keeps the 16 crops the same whatever the robot's heading.
    turned = [np.roll(small, k * shift, axis=1) for k in range(HEADINGS)]
    return np.stack(
        [cv2.remap(t, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP) for t in turned]
    )


@lru_cache(maxsize=8)
def _crop_map(fov_rad: float) -> tuple[panorama.Map, panorama.Map]:
    return panorama.perspective_map(_SIDE, _SIDE, fov_rad, 0.0, _PANORAMA_HW)


def _signatures(images: Rgb) -> Signature:
    """Return (N, S) unit vectors: square roots of a colour histogram per horizontal band.

    Bins are CIELAB (8 x 20 x 20), each pixel shared linearly between the 8 nearest, so that a
    slight change of light moves a little weight to a neighbour and not all of it.
    """
    count = len(images)
    lab = cv2.cvtColor(
        images.reshape(count * _SIDE, _SIDE, 3).astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB
    ).reshape(count, _SIDE, _SIDE, 3)
    bins = np.array([_LIGHTNESS_BINS, _COLOUR_BINS, _COLOUR_BINS])
    low = np.array([0.0, -_COLOUR_RANGE, -_COLOUR_RANGE], dtype=np.float32)
    high = np.array([100.0, _COLOUR_RANGE, _COLOUR_RANGE], dtype=np.float32)
    at = (lab - low) / (high - low) * bins.astype(np.float32) - np.float32(0.5)
    at = np.clip(at, 0.0, (bins - 1).astype(np.float32))
    floor = np.minimum(at.astype(np.int64), bins - 2)
    share = at - floor

    band = np.arange(_SIDE) * _BANDS // _SIDE
    first = (np.arange(count)[:, None] * _BANDS + band[None, :])[:, :, None]
    total = int(bins.prod())
    histogram = np.zeros(count * _BANDS * total, dtype=np.float64)
    for corner in np.ndindex(2, 2, 2):
        index = floor + corner
        weight = np.where(corner, share, 1.0 - share).prod(axis=-1)
        flat = ((first * bins[0] + index[..., 0]) * bins[1] + index[..., 1]) * bins[2]
        flat = flat + index[..., 2]
        histogram += np.bincount(flat.ravel(), weight.ravel(), len(histogram))
    per_image = histogram.reshape(count, _BANDS * total) / _SIDE**2
    return np.sqrt(per_image).astype(np.float32)
