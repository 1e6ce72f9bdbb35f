"""How far a goal is reached, as a picture of the table shows it: one gauge per family of goals.

A gauge is made from the episode's first real view, where it finds the things that stay, and then
reads any picture of the same camera, real or imagined. It knows what the things of each task look
like and how big they are, as an example shows them; it reads no state of the world.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Rgb, View
from wiw_planner_node.perception.tabletop.camera import TableCamera
from wiw_planner_node.perception.tabletop.colours import (
    Colour,
    Floats,
    coloured,
    hsv,
    named_colour,
    whiteness,
)
from wiw_planner_node.perception.tabletop.goal import ArmGoal
from wiw_planner_node.perception.tabletop.patches import (
    disc,
    hues,
    level_polygon,
    place_of,
    square,
)

Gauge = Callable[[Rgb], float]
"""From an (H, W, 3) uint8 picture of the table to a score: higher is nearer to the goal, NaN if it
cannot be told."""

# Sizes of the things, and heights of what is seen of them above the floor; metres.
_BUTTON_M, _PLATE_M, _PLATE_HALF_M = 0.776, 0.772, 0.043
_RIM_M, _RIM_RADIUS_M, _AROUND_RADIUS_M = 0.776, 0.036, 0.055
_SQUARE_M, _BLOCK_M, _BLOCK = 0.751, 0.78, Colour(0.0)
_SPOKE_M, _ON_PLATE_M, _ON_SPOKE_M = 0.814, 0.798, 0.878
_RING_HALF_M, _HOLE_HALF_M = 0.044, 0.024
_CUP_M, _STACKED_M = 0.8, (0.811, 0.837, 0.858)
"""Middle of what is seen of a cup that stands; of one in a stack: between two, on one, on two."""

_SEEN_SHARE = 0.5
"""Share of a button's plate that must be seen to tell what is on it."""
_PALE_SHARE, _NEARLY = 0.3, 0.0
"""Share of the place around a spoke that is pale if a ring is there; the score of one on top."""
_NESTED_M, _LIFT_M = 0.03, 0.15
"""A cup nearer than this is stacked; one that is not still has the way up and down to go."""
_FAR_M = 0.5
"""A thing that is nowhere to be seen counts as so far away."""


@dataclass(frozen=True)
class _First:
    """The first real view: where the things that stay are found."""

    camera: TableCamera
    image: Floats
    named: Colour

    def place(self, colour: Colour, z_m: float) -> Array:
        """Return where a colour is; raises ``BAD_IMAGE`` if it is not to be seen."""
        place = place_of(self.image, colour, self.camera, z_m)
        if place is None:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"Nothing of hue {colour.hue_deg:.0f} degrees is seen on the table.",
                "Look at the table from a view that shows all of it.",
            )
        return place

    def others(self, most: int) -> list[Colour]:
        """Return the colours of the things that are not named."""
        return hues(self.image, self.camera, (self.named,))[:most]


def make_gauge(goal: ArmGoal, first: View) -> Gauge:
    """Return the gauge of a goal for pictures of the camera that took ``first``.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` for a view without calibration, or that does not show what the goal names;
        ``UNPARSABLE`` for an unknown colour.
    """
    seen = _First(TableCamera.of(first), hsv(first.rgb), named_colour(goal.colour))
    return _FAMILIES[goal.family](seen)


def _buttons(first: _First) -> Gauge:
    """A pushed button's cap and rim are white: the named one's counts for, any other's against.

    Only as far as its plate is seen, and more than what is around it: the hand is white too.
    """
    others = [(colour, first.place(colour, _BUTTON_M)) for colour in first.others(2)]
    named = (first.named, first.place(first.named, _BUTTON_M))

    def lit(image: Floats, camera: TableCamera, colour: Colour, place: Array) -> float:
        top = level_polygon(camera, disc(place, _RIM_RADIUS_M), _RIM_M)
        plate = level_polygon(camera, square(place, _PLATE_HALF_M), _PLATE_M) & ~top
        around = level_polygon(camera, disc(place, _AROUND_RADIUS_M), _RIM_M) & ~top
        white = whiteness(image)
        seen = min(1.0, float(coloured(image, colour)[plate].mean()) / _SEEN_SHARE)
        return seen * max(0.0, float(white[top].mean()) - float(white[around].mean()))

    def gauge(rgb: Rgb) -> float:
        image, camera = hsv(rgb), first.camera.at(rgb.shape[:2])
        wrong = max((lit(image, camera, *button) for button in others), default=0.0)
        return lit(image, camera, *named) - wrong

    return gauge


def _block(first: _First) -> Gauge:
    """Minus the metres from the red block to the middle of the named square."""
    target = first.place(first.named, _SQUARE_M)

    def gauge(rgb: Rgb) -> float:
        place = place_of(hsv(rgb), _BLOCK, first.camera.at(rgb.shape[:2]), _BLOCK_M)
        return math.nan if place is None else -float(np.hypot(*(place - target)))

    return gauge


def _ring(first: _First) -> Gauge:
    """How pale the place around the named spoke's foot is, if a ring is there.

    Else minus the metres from that spoke to the one that the ring is around, and less still if it
    is around none; on top of the named spoke, not around it, is nearly there.
    """
    named = first.place(first.named, _SPOKE_M)
    others = [first.place(colour, _SPOKE_M) for colour in first.others(2)]

    def pale(image: Floats, camera: TableCamera, place: Array, z_m: float) -> float:
        around = level_polygon(camera, square(place, _RING_HALF_M), z_m)
        hole = level_polygon(camera, square(place, _HOLE_HALF_M), z_m)
        return float(whiteness(image)[around & ~hole].mean())

    def gauge(rgb: Rgb) -> float:
        image, camera = hsv(rgb), first.camera.at(rgb.shape[:2])
        right = pale(image, camera, named, _ON_PLATE_M)
        if right >= _PALE_SHARE:
            return right
        if pale(image, camera, named, _ON_SPOKE_M) >= _PALE_SHARE:
            return _NEARLY
        wrong = [pale(image, camera, place, _ON_PLATE_M) for place in others]
        if max(wrong, default=0.0) < _PALE_SHARE:
            return -_FAR_M
        return -float(np.hypot(*(others[int(np.argmax(wrong))] - named)))

    return gauge


def _cups(first: _First) -> Gauge:
    """Minus the metres by which the other cups miss the named one, and it has left its place."""
    home = first.place(first.named, _CUP_M)
    others = first.others(2)

    def gauge(rgb: Rgb) -> float:
        image, camera = hsv(rgb), first.camera.at(rgb.shape[:2])
        base = place_of(image, first.named, camera, _CUP_M)
        missed = 0.0 if base is None else float(np.hypot(*(base - home)))
        # A stacked cup is higher: where on the table is it seen, if one takes it to stand there?
        steps = [np.append(home, height) for height in _STACKED_M]
        nested = camera.on_plane(camera.pixels(np.stack(steps)), _CUP_M)
        for colour in others:
            place = place_of(image, colour, camera, _CUP_M)
            gap = _FAR_M if place is None else float(np.hypot(*(nested - place).T).min())
            missed += min(gap if gap < _NESTED_M else gap + _LIFT_M, _FAR_M)
        return -missed

    return gauge


_FAMILIES: dict[str, Callable[[_First], Gauge]] = {
    "push": _buttons,
    "slide": _block,
    "peg": _ring,
    "cups": _cups,
}
