"""Detections without privilege: nouns from the segmenter, places from the panorama's depth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, SceneObject, View
from wiw_planner_node.perception.mapping.sweep import panorama_of, points_of
from wiw_planner_node.perception.questions.patches import Patch, find_patches
from wiw_planner_node.perception.questions.segment import CLASSES, FURNITURE, Floats, Segmenter
from wiw_planner_node.perception.questions.words import FOOTPRINT_M
from wiw_planner_node.perception.recognise import Recogniser

_RANGE_M = 5.0
_LEAST_PLACES = 6
_INSIDE = 0.4
"""How far behind its seen surface the middle of a piece lies, as a share of its footprint."""
_SMALL_P = 0.3
_SIZE_M = (0.06, 0.45)
_ALL_ROUND = np.ones((3, 3), np.bool_)


class Detector:
    """Finds furniture and small objects in a panorama with depth; make it with :meth:`shipped`.

    It replaces the privilege ``object_detections``, and makes mistakes where that makes none.
    """

    def __init__(self, segmenter: Segmenter, recogniser: Recogniser) -> None:
        self._segmenter = segmenter
        self._recogniser = recogniser

    @classmethod
    def shipped(cls) -> Detector:
        """Return one with the weights that come with the package."""
        return cls(Segmenter.shipped(), Recogniser.shipped())

    def detect(self, observation: Observation) -> tuple[SceneObject, ...]:
        """Return what the panorama shows within 5 m, in ``base_link``, nearest first.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED`` or ``DEPTH_REQUIRED`` without a panorama with depth.
        """
        view = panorama_of(observation)
        points, valid = points_of(view, Pose2())
        p = self._segmenter.probabilities(view.rgb)
        found = _furniture(p, _sampled(points, p), _sampled(valid, p))
        found += self._small(view, p, points, valid)
        near = [thing for thing in found if math.hypot(thing.x_m, thing.y_m) <= _RANGE_M]
        return tuple(sorted(near, key=lambda t: (math.hypot(t.x_m, t.y_m), t.name)))

    def _small(
        self, view: View, p: Floats, points: Floats, valid: npt.NDArray[np.bool_]
    ) -> list[SceneObject]:
        found = []
        for patch in find_patches(view.rgb, self._recogniser):
            likely = _within(p[..., CLASSES.index("small")], patch, view)
            inside = _within(points, patch, view)[_within(valid, patch, view)]
            if likely.max() < _SMALL_P or not len(inside):
                continue
            x, y, z = (float(v) for v in np.median(inside, axis=0))
            away = math.hypot(x, y, z - float(view.T_base_camera[2, 3]))
            if _SIZE_M[0] <= 2.0 * away * math.tan(patch.gaze.fov_rad / 2.0) <= _SIZE_M[1]:
                found.append(SceneObject(patch.noun, x, y, z))
        return found


def _furniture(p: Floats, points: Floats, valid: npt.NDArray[np.bool_]) -> list[SceneObject]:
    """Return one object per connected part of the picture that shows one noun."""
    best = p.argmax(axis=2)
    # Cut the round picture where the fewest pieces are cut in two.
    cut = -int(np.argmin(((best > 0) & (best <= len(FURNITURE))).sum(axis=0)))
    best, points = np.roll(best, cut, axis=1), np.roll(points, cut, axis=1)
    valid = np.roll(valid, cut, axis=1)
    found = []
    for index, noun in enumerate(FURNITURE, start=1):
        parts, count = ndimage.label(best == index, _ALL_ROUND)
        for part in range(1, count + 1):
            inside = points[(parts == part) & valid]
            if len(inside) < _LEAST_PLACES:
                continue
            x, y, z = (float(v) for v in np.median(inside, axis=0))
            farther = 1.0 + _INSIDE * FOOTPRINT_M[noun] / max(math.hypot(x, y), 0.1)
            found.append(SceneObject(noun, x * farther, y * farther, z))
    return found


def _sampled(image: npt.NDArray[Any], like: Floats) -> npt.NDArray[Any]:
    """Return an image's pixels at the middles of the places of ``like``."""
    rows, columns = (
        ((np.arange(n) + 0.5) * size / n).astype(np.int64)
        for n, size in zip(like.shape[:2], image.shape[:2])
    )
    return np.asarray(image[rows[:, None], columns])


def _within(image: npt.NDArray[Any], patch: Patch, view: View) -> npt.NDArray[Any]:
    """Return the part of an image, of any resolution, that a patch's box takes in."""
    height, width = view.size
    x0, y0, x1, y1 = patch.box
    top, left = y0 * image.shape[0] // height, x0 * image.shape[1] // width
    bottom = -(-y1 * image.shape[0] // height)
    right = -(-x1 * image.shape[1] // width)
    return np.asarray(image[top:bottom, left:right])
