"""Small objects in a picture: patches of one strong colour, named by the recogniser."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_core.observation import Box, Projection, Rgb, View
from wiw_planner_node.perception.crops import Gaze, gaze_at_box, look, pixels_across
from wiw_planner_node.perception.questions.words import COLOURS, SMALL
from wiw_planner_node.perception.recognise import Recogniser

_HUE_RAD = np.radians([37.0, 61.0, 95.0, 141.0, -153.0, -59.0, -43.0, -5.0])
_CHROMA = np.array([85.0, 79.0, 84.0, 71.0, 38.0, 97.0, 77.0, 49.0])
"""Direction and strength of each of ``COLOURS`` in the CIELAB plane of a and b, in full light."""
_HUE_OFF_RAD = np.radians(14.0)
_LEAST_SHARE, _LEAST_CHROMA = 0.4, 22.0
_AREA = (15, 6000)
_HEIGHT_TO_WIDTH = (0.45, 2.6)
_LEAST_FILL = 0.5


@dataclass(frozen=True)
class Patch:
    """A compact patch of one strong colour: its box, and the probability of each name.

    Attributes
    ----------
    names : dict
        By small noun and colour; they sum to 1.
    """

    box: Box
    gaze: Gaze
    names: dict[tuple[str, str], float]

    @property
    def noun(self) -> str:
        """The small noun it most probably is."""
        return max(self.names, key=self.names.__getitem__)[0]


def name_patches(image: Rgb, recogniser: Recogniser) -> dict[tuple[str, str], float]:
    """Return the highest probability of each small noun and colour that a panorama shows.

    Parameters
    ----------
    image : (H, W, 3) uint8
        A panorama; areas are in pixels of one of 288 x 512. A patch across its edge is cut in two.
    """
    best: dict[tuple[str, str], float] = {}
    for patch in find_patches(image, recogniser):
        for name, p in patch.names.items():
            best[name] = max(p, best.get(name, 0.0))
    return best


def find_patches(image: Rgb, recogniser: Recogniser) -> list[Patch]:
    """Return every patch of a panorama (H, W, 3) that may be a small object, colour by colour."""
    boxes = patches(image)
    if not boxes:
        return []
    view = View("imagined", image, Projection.EQUIRECTANGULAR)
    gazes = [gaze_at_box(view, box) for box in boxes]
    crops = np.stack([look(view, gaze) for gaze in gazes])
    pixels = np.array([pixels_across(view, gaze) for gaze in gazes])
    names = [(noun, colour) for colour in COLOURS for noun in SMALL]
    p = recogniser.probabilities(crops, pixels, [f"{colour} {noun}" for noun, colour in names])
    return [
        Patch(box, gaze, dict(zip(names, (float(v) for v in row))))
        for box, gaze, row in zip(boxes, gazes, p)
    ]


def patches(image: Rgb) -> list[Box]:
    """Return boxes around compact patches of one strong colour each, colour by colour."""
    lab = cv2.cvtColor(image.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)
    hue, chroma = np.arctan2(lab[..., 2], lab[..., 1]), np.hypot(lab[..., 1], lab[..., 2])
    strong = np.flatnonzero(chroma.ravel() > _LEAST_CHROMA)
    off = np.abs((hue.ravel()[strong, None] - _HUE_RAD + np.pi) % (2.0 * np.pi) - np.pi)
    nearest = off.argmin(axis=1)
    of_colour = off.min(axis=1) < _HUE_OFF_RAD
    of_colour &= chroma.ravel()[strong] > _LEAST_SHARE * _CHROMA[nearest]
    which = np.full(chroma.size, -1)
    which[strong[of_colour]] = nearest[of_colour]
    found: list[Box] = []
    for index in range(len(COLOURS)):
        found += _boxes((which == index).reshape(chroma.shape))
    return found


def _boxes(mask: npt.NDArray[np.bool_]) -> list[Box]:
    labels, count = ndimage.label(mask)
    if count == 0:
        return []
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    scale = mask.shape[0] / 288.0
    low, high = _AREA[0] * scale**2, _AREA[1] * scale**2
    boxes = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not (low <= areas[label] <= high and min(height, width) >= 3):
            continue
        if not _HEIGHT_TO_WIDTH[0] < height / width < _HEIGHT_TO_WIDTH[1]:
            continue
        if areas[label] >= _LEAST_FILL * height * width:
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    return boxes
