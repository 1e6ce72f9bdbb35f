"""The trained distance, ready for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wiw_core.observation import Rgb, View
from wiw_learn import weights
from wiw_planner_node.perception.goal_distance import views
from wiw_planner_node.perception.goal_distance.likeness import (
    Floats,
    goal_colours,
    likeness,
    place_colours,
)

if TYPE_CHECKING:
    import torch

PACKAGE, NAME = "wiw_planner_node", "goal_distance"


@dataclass(frozen=True)
class Goal:
    """A goal photo as the network remembers it."""

    cells: torch.Tensor
    shown: torch.Tensor
    colours: Floats


class GoalDistance:
    """Metres of way from a place, seen as a panorama, to where a goal photo was taken.

    The same panorama turned by multiples of 22.5 degrees has the same distance, to the last bit. It
    is a guess from pictures: what is far or hidden is judged by what such apartments are like.

    Parameters
    ----------
    where : str
        Folder or path of the weights; empty for the shipped ones, see
        :func:`wiw_learn.weights.choose`.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without the weights, ``RECORD_CORRUPT`` if they are not the card's.
    """

    def __init__(self, where: str = "") -> None:
        from wiw_planner_node.perception.goal_distance.network import GoalDistanceNetwork

        tensors, self.card = weights.choose(PACKAGE, NAME, where)
        options = self.card.get("config", {}).get("options", {})
        self._network = GoalDistanceNetwork(**options)
        self._network.load_state_dict({key: value.float() for key, value in tensors.items()})
        self._network.eval()

    def goal(self, photo: View) -> Goal:
        """Return what is to be remembered of a goal photo.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if it is a panorama, or not as wide as it is high.
        """
        import torch

        from wiw_planner_node.perception.goal_distance.network import as_input, shown

        part, where = views.goal_part(photo)
        rgb, known = (torch.from_numpy(a.copy())[None] for a in (part, where))
        with torch.inference_mode():
            cells = self._network.encode(as_input(rgb, known), wrap=False)
            return Goal(cells[None], shown(known)[None], goal_colours(part, where))

    def metres(self, goal: Goal, panorama: Rgb) -> float:
        """Return the expected metres of way from where a panorama (H, W, 3) uint8 was taken.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if its width is no multiple of 16.
        """
        import torch

        from wiw_planner_node.perception.goal_distance.network import as_input, metres

        # One at a time, so that equal pictures give equal bits.
        small = np.ascontiguousarray(views.band(views.canonical(panorama)))
        alike = torch.from_numpy(likeness(place_colours(small), goal.colours))
        with torch.inference_mode():
            cells = self._network.encode(as_input(torch.from_numpy(small)[None]), wrap=True)
            said = self._network.compare(
                cells[None], goal.cells, goal.shown, alike[None, None, None]
            )
            return float(metres(said["expected"]))
