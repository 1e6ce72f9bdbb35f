"""Names of colours, and where a picture shows them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

HUES_DEG = {
    "red": 0.0, "maroon": 0.0, "crimson": 348.0, "brown": 20.0, "orange": 30.0, "gold": 48.0,
    "yellow": 60.0, "olive": 60.0, "lime": 90.0, "green": 120.0, "mint": 150.0, "turquoise": 167.0,
    "teal": 180.0, "cyan": 180.0, "azure": 210.0, "blue": 240.0, "navy": 240.0, "indigo": 270.0,
    "violet": 270.0, "purple": 300.0, "magenta": 300.0, "rose": 330.0, "pink": 330.0,
}  # fmt: skip
"""Hue of each colour that the policy knows, in degrees: 0 red, 120 green, 240 blue."""
_PALE = {"pink": 0.5, "mint": 0.5, "turquoise": 0.75}
"""Saturation of the names that do not mean a full colour."""

_WINDOW_DEG = 29.0
"""Greatest difference in hue from the name."""
_LEAST_VALUE = 0.08
_WHITE_VALUE, _WHITE_SATURATION = 0.55, 0.3


@dataclass(frozen=True)
class Colour:
    """A hue in degrees and a saturation of 0 to 1; lightness is the light's."""

    hue_deg: float
    saturation: float = 1.0


def named_colour(name: str) -> Colour:
    """Return the colour of a name; raises ``UNPARSABLE`` if the policy does not know it."""
    if name not in HUES_DEG:
        raise WiwError(
            ErrorCode.UNPARSABLE,
            f"The policy knows no colour '{name}'.",
            f"It knows {', '.join(sorted(HUES_DEG))}.",
        )
    return Colour(HUES_DEG[name], _PALE.get(name, 1.0))


def hsv(rgb: Rgb) -> Floats:
    """Return hue in degrees, saturation and value in [0, 1] of (H, W, 3) uint8 pixels."""
    unit = np.asarray(rgb, np.float32) / np.float32(255.0)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2HSV), np.float32)


def hue_gap_deg(a: Floats | float, b: float) -> Floats:
    """Return the difference of hues in degrees, 0 to 180."""
    return np.asarray(np.abs((np.asarray(a) - b + 180.0) % 360.0 - 180.0), np.float32)


def coloured(image: Floats, colour: Colour) -> Mask:
    """Return which pixels of an HSV image show the colour, in light or in shade.

    Wood has an orange's hue but a third of its saturation: so much is asked for as the name says.
    """
    hue, saturation, value = image[..., 0], image[..., 1], image[..., 2]
    full = saturation >= max(0.3, 0.65 * colour.saturation)
    return np.asarray(
        (hue_gap_deg(hue, colour.hue_deg) <= _WINDOW_DEG) & full & (value >= _LEAST_VALUE)
    )


def whiteness(image: Floats) -> Floats:
    """Return (H, W) numbers: 1 where an HSV image is white, 0 where it is coloured or dark."""
    bright = np.clip((image[..., 2] - _WHITE_VALUE) / 0.2 + 0.5, 0.0, 1.0)
    pale = np.clip((_WHITE_SATURATION - image[..., 1]) / 0.2 + 0.5, 0.0, 1.0)
    return np.asarray(bright * pale, np.float32)
