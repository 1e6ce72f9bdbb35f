"""What has been seen so far: things by noun, place and, where they are small, colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Projection, SceneObject, View
from wiw_planner_node.perception.crops import Gaze, look, pixels_across
from wiw_planner_node.perception.questions.words import COLOURS, SMALL, TOPS
from wiw_planner_node.perception.recognise import Recogniser

_SAME_SMALL_M, _SAME_FURNITURE_M = 0.3, 1.0
_FLOOR_SIZE_M, _TOP_SIZE_M = 0.27, 0.18
_STANDS_ON_FLOOR_M = 0.4
_ON_M = 1.1
_UNIFORM = np.full(len(COLOURS), 1.0 / len(COLOURS))


@dataclass
class Thing:
    """One remembered thing.

    Attributes
    ----------
    x_m, y_m, z_m : float
        Its middle in odom, z from the floor; of the nearest sighting.
    range_m : float
        How near that sighting was.
    colours : (8,) float64
        Probability of each of ``words.COLOURS``, of the sighting with most pixels.
    pixels : float
        How many pixels that sighting spans.
    """

    noun: str
    x_m: float
    y_m: float
    z_m: float
    range_m: float
    colours: npt.NDArray[np.float64] = field(default_factory=lambda: _UNIFORM.copy())
    pixels: float = 0.0

    @property
    def small(self) -> bool:
        """Whether it is a small object and not furniture."""
        return self.noun in SMALL

    @property
    def on_floor(self) -> bool:
        """Whether it is too low to stand on furniture."""
        return self.z_m < _STANDS_ON_FLOOR_M

    @property
    def colour(self) -> str:
        """The most probable colour."""
        return COLOURS[int(np.argmax(self.colours))]

    @property
    def colour_confidence(self) -> float:
        """Probability of that colour."""
        return float(self.colours.max())

    def distance_m(self, x_m: float, y_m: float) -> float:
        """Return metres on the floor from its middle to a place in odom."""
        return math.hypot(self.x_m - x_m, self.y_m - y_m)


class ObjectMemory:
    """Things detected so far in one episode; empty when made.

    Detections give nouns and middles; colours are read off the panorama's pixels by the recogniser.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self.things: list[Thing] = []

    def update(self, observation: Observation, objects: Sequence[SceneObject]) -> None:
        """Add what is detected now (``objects``, in ``base_link``), or see again what is known."""
        view = next(
            (v for v in observation.views if v.projection is Projection.EQUIRECTANGULAR), None
        )
        taken: set[int] = set()
        for found in objects:
            if not all(math.isfinite(v) for v in (found.x_m, found.y_m, found.z_m)):
                continue
            seen = self._seen(found, observation.base_pose, view)
            index = self._same(seen, taken)
            if index is None:
                taken.add(len(self.things))
                self.things.append(seen)
                continue
            taken.add(index)
            known = self.things[index]
            if seen.range_m < known.range_m:
                known.x_m, known.y_m, known.z_m = seen.x_m, seen.y_m, seen.z_m
                known.range_m = seen.range_m
            if seen.pixels > known.pixels:
                known.colours, known.pixels = seen.colours, seen.pixels

    def of(self, nouns: Sequence[str]) -> Iterator[Thing]:
        """Yield the things of these nouns, in the order they were first seen."""
        return (thing for thing in self.things if thing.noun in nouns)

    def support(self, thing: Thing) -> Thing | None:
        """Return the furniture that a small thing stands on, None on the floor or if unseen."""
        if thing.on_floor:
            return None
        near = [
            (top.distance_m(thing.x_m, thing.y_m), index, top)
            for index, top in enumerate(self.of(TOPS))
        ]
        if not near or min(near)[0] > _ON_M:
            return None
        return min(near)[2]

    def _same(self, seen: Thing, taken: set[int]) -> int | None:
        reach = _SAME_SMALL_M if seen.small else _SAME_FURNITURE_M
        near = [
            (known.distance_m(seen.x_m, seen.y_m), index)
            for index, known in enumerate(self.things)
            if known.noun == seen.noun and index not in taken
        ]
        return min(near)[1] if near and min(near)[0] <= reach else None

    def _seen(self, found: SceneObject, base: Pose2, view: View | None) -> Thing:
        place = base * Pose2(found.x_m, found.y_m)
        range_m = math.hypot(found.x_m, found.y_m)
        thing = Thing(found.name, place.x_m, place.y_m, found.z_m, range_m)
        if thing.small and view is not None:
            camera = view.T_base_camera[:3, 3]
            offset = np.array([found.x_m, found.y_m, found.z_m]) - camera
            away = max(float(np.linalg.norm(offset)), 0.05)
            size_m = _FLOOR_SIZE_M if thing.on_floor else _TOP_SIZE_M
            gaze = Gaze(offset / away, 2.0 * math.atan2(size_m / 2.0, away))
            labels = [f"{colour} {thing.noun}" for colour in COLOURS]
            thing.pixels = pixels_across(view, gaze)
            thing.colours = self._recogniser.probabilities(
                look(view, gaze)[None], np.array([thing.pixels]), labels
            )[0]
        return thing
