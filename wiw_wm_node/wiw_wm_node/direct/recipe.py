"""How the direct model is trained and judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_wm_node.direct.judging import judge
from wiw_wm_node.direct.network import HEIGHT, WIDTH, WIDTHS, DirectNetwork
from wiw_wm_node.direct.samples import DirectSamples, walks
from wiw_wm_node.networks import solid_angle

if TYPE_CHECKING:
    from wiw_learn.recipes import Batch


class DirectRecipe:
    """L1 of the predicted panorama, weighted by the solid angle.

    Parameters
    ----------
    height, width : int
        Inside size: multiples of 8, the width also of 16.
    widths : sequence of int
        Channels of the trunk's levels.
    longest : int
        Most actions ahead.
    flow : bool
        Pixels may be fetched from elsewhere in the panorama; False paints every one of them.
    """

    limits = (
        "Trained on rendered apartments only, for a level panorama 1 m above the floor. It knows"
        " no walls beyond what the picture shows, blurs what it has to guess, and is the baseline"
        " that models with geometry are compared with."
    )

    def __init__(
        self,
        height: int = HEIGHT,
        width: int = WIDTH,
        widths: Sequence[int] = WIDTHS,
        longest: int = 14,
        flow: bool = True,
    ) -> None:
        self.height, self.width, self.widths = height, width, tuple(widths)
        self.longest, self.flow = longest, flow

    def network(self) -> DirectNetwork:
        """Return a new network."""
        return DirectNetwork(self.height, self.width, self.widths, self.flow)

    def samples(self, data: Dataset, *, held_out: bool) -> DirectSamples:
        """Return steps of the scenes to train on, or of those held out."""
        found = walks(data, (self.height, self.width), judged=held_out)
        return DirectSamples(found, self.longest, mirrored=not held_out)

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the ``loss``, in shares of the full range of a colour."""
        now, after = batch["now"].float() / 255.0, batch["after"].float() / 255.0
        predicted = network(now, batch["motion"])
        weight = solid_angle(self.height, self.width).to(predicted.device)
        return {"loss": ((predicted - after).abs() * weight).mean()}

    def judge(
        self, network: torch.nn.Module, held_out: DirectSamples, seed: int
    ) -> dict[str, Interval]:
        """Return the metrics of :func:`wiw_wm_node.direct.judging.judge`."""
        return judge(network, held_out, seed)
