"""What a hand must do for each family of goals, once it is decided which object is meant.

The paper gives its VLM one worked example per family (arXiv 2510.18135, appendix B.4); these are
ours. They hold what an example shows: order and height of the tool poses, where a thing is held,
how wide it is. They do not hold which object the words mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import Array

TABLE_M = 0.75
"""Height of the table top."""
_CLEAR_M = 0.2
"""Height above the table at which the hand passes over everything."""

_PRESS_M = 0.797
"""Height of the tool when it has pushed a button: the finger tips are 12 mm lower."""

_BLOCK_M, _FINGER_M = 0.04, 0.011
"""Half a block's side; half a finger's thickness along the push."""
_BEHIND_M = 0.035
"""Room between block and finger when the hand comes down behind the block."""
_SLIDE_M = 0.785
"""Height of the tool that pushes a block: its middle or just above."""

_HANDLE: Array = np.array([-0.056, 0.0, 0.035])
"""Where a ring is held, from its middle: towards the arm, above."""
_OVER_SPOKE_M, _ON_SPOKE_M = 1.1, 0.835
"""Height of the tool when a held ring is over a spoke (it comes in a slant, above the others), and
when it is let go around it."""
_RAISED_M = 0.012
"""A ring whose middle is that much higher than on the table lies on something."""
_LYING_M = 0.762

_RIM: Array = np.array([0.0, 0.0405, 0.028])
"""Where a cup is held, from its middle: the rim on the left."""
_CUP_M = 0.038
"""Half a cup's height."""
_NEST_M = 0.04
"""How far above the cup below a cup is let go, middle to middle."""
_THERE_M = 0.04
"""A block or ring so near to a square or spoke, seen from above, is there."""
_PILE_M = 0.035
"""Cups nearer than this, seen from above, are one pile."""


@dataclass(frozen=True)
class Step:
    """A tool pose: ``place`` (x, y, z) in metres, fingers along y turned by ``yaw_rad``.

    ``anchor`` says which object the place was read from: one misreading per object.
    """

    place: tuple[float, float, float]
    opened: bool
    yaw_rad: float = 0.0
    anchor: int = -1


@dataclass(frozen=True)
class Binding:
    """One reading of the goal: which object is meant, in words, and what to do then."""

    text: str
    steps: tuple[Step, ...]


Skeleton = Callable[[Sequence[Array], int], list[list[Binding]]]
"""From the objects' places and the index of the one in hand (-1: none) to groups of readings, the
likelier group first; within a group none is likelier than another."""


def push(places: Sequence[Array], held: int) -> list[list[Binding]]:
    """Push a button from above with closed fingers."""
    return [[Binding(f"push object {k + 1}", _pushed(p, k)) for k, p in enumerate(places)]]


def slide(places: Sequence[Array], held: int) -> list[list[Binding]]:
    """Push the block, which is the highest object, straight to one of the squares."""
    block = max(range(len(places)), key=lambda k: float(places[k][2]))
    bindings = {
        k: Binding(f"slide object {block + 1} to object {k + 1}", _slid(places[block], p, block))
        for k, p in enumerate(places)
        if k != block
    }
    return _elsewhere_first(bindings, places, places[block])


def peg(places: Sequence[Array], held: int) -> list[list[Binding]]:
    """Take the ring, whose height is unlike the spokes', and put it around one of them."""
    heights = np.array([p[2] for p in places])
    ring = int(np.argmax(np.abs(heights - np.median(heights)))) if held < 0 else held
    taken = () if held >= 0 else _ring_taken(places[ring], ring)
    bindings = {
        k: Binding(
            f"put object {ring + 1} on object {k + 1}",
            (*taken, *_ring_put(p, k, retreat=len(taken) < 3)),
        )
        for k, p in enumerate(places)
        if k != ring
    }
    return _elsewhere_first(bindings, places, places[ring])


def cups(places: Sequence[Array], held: int) -> list[list[Binding]]:
    """Take a cup by its rim and let it go in another one; what is stacked already comes first.

    The highest cup of a pile may also be lifted and put back: it may stand askew.
    """
    piles = _piles(places, held)
    groups: dict[int, list[Binding]] = {}
    if held >= 0:
        for pile in piles:
            binding = Binding(
                f"put object {held + 1} in object {pile[0] + 1}", _cup_put(pile, places)
            )
            groups.setdefault(-len(pile), []).append(binding)
    for source, target in itertools.permutations(piles if held < 0 else (), 2):
        cup = source[-1]
        steps = (*_cup_taken(places[cup], cup), *_cup_put(target, places))
        binding = Binding(f"put object {cup + 1} in object {target[0] + 1}", steps)
        groups.setdefault(len(source) - len(target), []).append(binding)
    for pile in piles if held < 0 else ():
        if len(pile) > 1:
            steps = (*_cup_taken(places[pile[-1]], pile[-1]), *_cup_put(pile[:-1], places))
            binding = Binding(f"put object {pile[-1] + 1} straight", steps)
            groups.setdefault(0, []).append(binding)
    return [groups[rank] for rank in sorted(groups)]


SKELETONS: dict[str, Skeleton] = {"push": push, "slide": slide, "peg": peg, "cups": cups}
"""By family of goals."""


def _elsewhere_first(
    bindings: dict[int, Binding], places: Sequence[Array], here: Array
) -> list[list[Binding]]:
    """Return the bindings by target in two groups: those whose target is where the thing is, last.

    Had that one been meant, the episode would be over.
    """
    groups: tuple[list[Binding], list[Binding]] = ([], [])
    for k, binding in bindings.items():
        groups[float(np.hypot(*(places[k] - here)[:2])) < _THERE_M].append(binding)
    return [group for group in groups if group]


def _at(place: Array, z: float) -> tuple[float, float, float]:
    return float(place[0]), float(place[1]), z


def _pushed(button: Array, anchor: int) -> tuple[Step, ...]:
    over = Step(_at(button, TABLE_M + _CLEAR_M), False, anchor=anchor)
    return over, Step(_at(button, _PRESS_M), False, anchor=anchor), over


def _slid(block: Array, square: Array, anchor: int) -> tuple[Step, ...]:
    way = (square - block)[:2]
    length = float(np.hypot(*way))
    ahead = np.append(way / max(length, 1e-6), 0.0)
    yaw = math.atan2(ahead[1], ahead[0])
    yaw -= math.pi * round(yaw / math.pi)  # fingers are alike: half a turn changes nothing
    reach = _BLOCK_M + _FINGER_M
    start, end = block - ahead * (reach + _BEHIND_M), block + ahead * (length - reach)
    return (
        Step(_at(start, TABLE_M + _CLEAR_M), False, yaw, anchor),
        Step(_at(start, _SLIDE_M), False, yaw, anchor),
        Step(_at(end, _SLIDE_M), False, yaw, anchor),
        Step(_at(end, TABLE_M + _CLEAR_M), False, yaw, anchor),
    )


def _ring_taken(ring: Array, anchor: int) -> tuple[Step, ...]:
    grip = ring + _HANDLE
    over = _at(grip, float(grip[2]) + 0.12)
    taken = Step(over, True, anchor=anchor), Step(_at(grip, float(grip[2])), False, anchor=anchor)
    if ring[2] < _LYING_M + _RAISED_M:
        return taken
    return (*taken, Step(over, False, anchor=anchor))  # around a spoke: it leaves straight up


def _ring_put(spoke: Array, anchor: int, retreat: bool) -> tuple[Step, ...]:
    grip = spoke + _HANDLE
    over = Step(_at(grip, _OVER_SPOKE_M), False, anchor=anchor)
    put = over, Step(_at(grip, _ON_SPOKE_M), True, anchor=anchor)
    return (*put, Step(_at(grip, _OVER_SPOKE_M), True, anchor=anchor)) if retreat else put


def _cup_taken(cup: Array, anchor: int) -> tuple[Step, ...]:
    grip = cup + _RIM
    over = Step(_at(grip, TABLE_M + _CLEAR_M), True, anchor=anchor)
    return over, Step(_at(grip, float(grip[2])), False, anchor=anchor)


def _cup_put(pile: Sequence[int], places: Sequence[Array]) -> tuple[Step, ...]:
    base = places[pile[0]]
    top = max(float(places[k][2]) for k in pile)
    grip, height = base + _RIM, top + _NEST_M + float(_RIM[2])
    over = height + 4 * _CUP_M  # it comes in a slant, above the other cups
    return (
        Step(_at(grip, over), False, anchor=pile[0]),
        Step(_at(grip, height), True, anchor=pile[0]),
        Step(_at(grip, over), True, anchor=pile[0]),
    )


def _piles(places: Sequence[Array], held: int) -> list[list[int]]:
    """Return the objects' indices in piles, each from its lowest to its highest."""
    piles: list[list[int]] = []
    for k in sorted(range(len(places)), key=lambda k: float(places[k][2])):
        if k == held:
            continue
        for pile in piles:
            if float(np.hypot(*(places[k] - places[pile[0]])[:2])) < _PILE_M:
                pile.append(k)
                break
        else:
            piles.append([k])
    return piles
