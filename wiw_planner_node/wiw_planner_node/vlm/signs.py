"""Small signs on pictures, for a VLM to name things by: a text on a plain ground."""

from __future__ import annotations

import cv2

from wiw_core.observation import Rgb

Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_EDGE = 3


def draw_sign(
    picture: Rgb,
    text: str,
    middle: tuple[float, float],
    ground: Colour,
    ink: Colour = BLACK,
    size: float = 0.5,
) -> None:
    """Draw a text on a plain box, in place; what is beyond the picture's edge is cut off.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        Contiguous and writable.
    middle : (float, float)
        Column and row of the middle of the box.
    size : float
        Of the letters; 0.5 is about 11 pixels high.
    """
    (width, height), _ = cv2.getTextSize(text, _FONT, size, 1)
    x, y = round(middle[0]) - width // 2, round(middle[1]) + height // 2
    low, high = (x - _EDGE, y - height - _EDGE), (x + width + _EDGE - 1, y + _EDGE)
    cv2.rectangle(picture, low, high, ground, -1)
    cv2.putText(picture, text, (x, y), _FONT, size, ink, 1, cv2.LINE_AA)
