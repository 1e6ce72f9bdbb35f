"""Pictures as a language model is shown them: sized, boxed, side by side under captions."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from wiw_core.cameras import panorama
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Box, Projection, Rgb
from wiw_planner_node.perception.frontal import FOV_DEG

CELL = 384
"""Height in pixels of an imagined frame (arXiv 2510.18135, the released solvers)."""
FRONT_RAD = math.radians(FOV_DEG)
"""Field of view of a look straight ahead, and of imagined frames that are no panoramas."""
_QUALITY = 90
_BAR, _GAP, _BOX = 28, 6, 2
_RED = (255, 0, 0)
_MAX_SIDE = 8192


@dataclass(frozen=True)
class Picture:
    """An (H, W, 3) uint8 picture; the caption is sent as a text before it."""

    rgb: Rgb
    caption: str = ""


def data_uri(rgb: Rgb, picture_format: str = "jpeg") -> str:
    """Return an (H, W, 3) uint8 picture as a data URI, ``jpeg`` or ``png``.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` for any other array, or one without pixels; ``TOO_LARGE``.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"A picture is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}.",
        )
    if max(rgb.shape) > _MAX_SIDE:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"A picture of {rgb.shape[1]}x{rgb.shape[0]} is too large to be sent.",
        )
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if picture_format == "jpeg" else []
    suffix = ".jpg" if picture_format == "jpeg" else ".png"
    _, encoded = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return f"data:image/{picture_format};base64," + base64.b64encode(encoded.tobytes()).decode()


def sized(rgb: Rgb, height: int = CELL) -> Rgb:
    """Return the picture at a height in pixels, its shape kept."""
    rows, columns = rgb.shape[:2]
    if rows == height:
        return rgb
    way = cv2.INTER_AREA if rows > height else cv2.INTER_LINEAR
    size = (max(1, round(columns * height / rows)), height)
    return np.asarray(cv2.resize(rgb, size, interpolation=way), np.uint8)


def front(rgb: Rgb, projection: Projection, side: int = CELL) -> Rgb:
    """Return what lies straight ahead: 90 degrees of a panorama, all of a perspective frame."""
    if projection is not Projection.EQUIRECTANGULAR:
        return sized(rgb, side)
    maps = _ahead_map(side, (int(rgb.shape[0]), int(rgb.shape[1])))
    seen = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(seen, np.uint8)


def boxed(rgb: Rgb, box: Box | None) -> Rgb:
    """Return the picture with a red rectangle on the box; one that wraps round has two parts."""
    if box is None:
        return rgb
    drawn, width = rgb.copy(), rgb.shape[1]
    x0, y0, x1, y1 = box
    for shift in (0, width) if x1 > width else (0,):
        cv2.rectangle(drawn, (x0 - shift, y0), (x1 - shift - 1, y1 - 1), _RED, _BOX)
    return drawn


def strip(cells: Sequence[tuple[Rgb, str]], height: int = CELL) -> Rgb:
    """Return pictures side by side, each ``height`` pixels high under its caption.

    Parameters
    ----------
    cells : sequence of (rgb, caption)
        At least one; captions are words of ours.
    """
    columns = []
    for rgb, caption in cells:
        picture = sized(rgb, height)
        bar = np.full((_BAR, picture.shape[1], 3), 255, np.uint8)
        cv2.putText(
            bar, caption, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA
        )
        columns += [np.vstack([bar, picture]), np.full((_BAR + height, _GAP, 3), 255, np.uint8)]
    return np.hstack(columns[:-1])


@lru_cache(maxsize=8)  # every frame of an episode is looked at the same way
def _ahead_map(side: int, pano_hw: tuple[int, int]) -> tuple[panorama.Map, panorama.Map]:
    return panorama.perspective_map(side, side, FRONT_RAD, 0.0, pano_hw)
