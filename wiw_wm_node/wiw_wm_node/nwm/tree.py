"""Plans as a tree: what they begin with alike is imagined once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wiw_core.plans import Action, Plan
from wiw_wm_node.video.course import TURNS

Prefix = tuple[Action, ...]


@dataclass(frozen=True)
class Level:
    """What is to be imagined after as many actions as ``depth``.

    Attributes
    ----------
    prefixes : tuple
        Distinct beginnings of the plans, in order of their first plan.
    ending : tuple of int
        Plans of which this is the last frame wanted.
    """

    depth: int
    prefixes: tuple[Prefix, ...]
    ending: tuple[int, ...]


def levels(plans: Sequence[Plan], frames: Sequence[int]) -> list[Level]:
    """Return the levels from depth 1 to the last frame wanted.

    Parameters
    ----------
    frames : sequence of int
        Per plan, how many of its actions matter.
    """
    found = []
    for depth in range(1, max(frames, default=0) + 1):
        reaching = [plan.actions[:depth] for plan, last in zip(plans, frames) if last >= depth]
        ending = tuple(index for index, last in enumerate(frames) if last == depth)
        found.append(Level(depth, tuple(dict.fromkeys(reaching)), ending))
    return found


def heading_of(prefix: Prefix) -> int:
    """Return the turns to the left of actions that all turn one way; 0 if they do anything else."""
    names = {action.name for action in prefix}
    return TURNS.get(names.pop(), 0) * len(prefix) if len(names) == 1 else 0
