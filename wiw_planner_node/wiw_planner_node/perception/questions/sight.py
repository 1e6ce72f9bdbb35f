"""What an imagined panorama seems to show, as probabilities: furniture and small objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wiw_core.observation import Rgb
from wiw_planner_node.perception.questions.patches import name_patches
from wiw_planner_node.perception.questions.segment import FURNITURE, Floats, Segmenter
from wiw_planner_node.perception.recognise import Recogniser

_LEAST_PLACES = 8
"""So many of 72 x 128 places are 500 pixels of 576 x 1024, by which a piece shows well."""


@dataclass(frozen=True)
class Sight:
    """What a picture seems to show, as probabilities.

    Attributes
    ----------
    furniture : mapping
        Per noun, that a piece of it shows well.
    objects : mapping
        Per small noun and colour, the highest probability of all patches; absent without any.
    """

    furniture: Mapping[str, float]
    objects: Mapping[tuple[str, str], float]


class Eyes:
    """Looks at pictures; the segmenter names furniture, the recogniser patches of one colour.

    Parameters
    ----------
    segmenter : Segmenter
    recogniser : Recogniser
    """

    def __init__(self, segmenter: Segmenter, recogniser: Recogniser) -> None:
        self._segmenter = segmenter
        self._recogniser = recogniser

    @classmethod
    def shipped(cls) -> Eyes:
        """Return those that come with the package."""
        return cls(Segmenter.shipped(), Recogniser.shipped())

    def see(self, image: Rgb) -> Sight:
        """Return what a panorama (H, W, 3) seems to show; the robot's heading matters little."""
        shown = furniture_shown(self._segmenter.probabilities(image))
        return Sight(shown, name_patches(image, self._recogniser))


def furniture_shown(places: Floats) -> dict[str, float]:
    """Return, per piece of furniture, the probability that a picture shows it well.

    Parameters
    ----------
    places : (72, 128, 18) float32
        As :meth:`.segment.Segmenter.probabilities` returns it. What counts is the mean over the
        8 places that most likely show it.
    """
    flat = places.reshape(-1, places.shape[-1])
    top = np.sort(flat, axis=0)[-_LEAST_PLACES:].mean(axis=0)
    return {noun: float(p) for noun, p in zip(FURNITURE, top[1:])}
