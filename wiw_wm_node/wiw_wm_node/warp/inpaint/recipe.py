"""How the inpainter is trained and judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_wm_node.warp.inpaint.judging import judged
from wiw_wm_node.warp.inpaint.network import Inpainter
from wiw_wm_node.warp.inpaint.samples import WarpSamples
from wiw_wm_node.warp.inpaint.trust import right

if TYPE_CHECKING:
    from wiw_learn.recipes import Samples

_TRUST_WEIGHT = 0.05
_OUTLIER = 0.25  # differences from which on an error counts linearly
_FEW = 0.02  # frames with a smaller share of holes count less than others


class InpainterRecipe:
    """Learns to fill the holes of warped frames, and to tell where the result is right.

    Parameters
    ----------
    width : int
        Channels of the network's finest level.
    perspective : float
        Share of samples seen by a pinhole camera instead of a panorama.
    """

    limits = (
        "It was trained on our generated apartments with exact depth; on real rooms, or with"
        " estimated depth, neither its colours nor its confidence are calibrated. What lies in a"
        " hole is one plausible guess: it invents no furniture, and two frames of one plan may"
        " differ where nobody has looked."
    )

    def __init__(self, width: int = 16, perspective: float = 0.1) -> None:
        self.width, self.perspective = width, perspective

    def network(self) -> nn.Module:
        """Return a new inpainter."""
        return Inpainter(self.width)

    def samples(self, data: Dataset, *, held_out: bool) -> WarpSamples:
        """Return pairs of the dataset; those to judge by are panoramas only."""
        return WarpSamples(data, held_out, 0.0 if held_out else self.perspective)

    def losses(self, network: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``loss``: the Huber error of colours in holes, and the cross entropy of trust."""
        colours, logit = network(batch["features"], batch["wraps"])
        hole = ~batch["known"]
        error = functional.huber_loss(
            colours, batch["truth"], reduction="none", delta=_OUTLIER
        ).mean(dim=1)
        pixels = hole.sum(dim=(1, 2)).clamp(min=_FEW * hole[0].numel())
        colour = ((error * hole).sum(dim=(1, 2)) / pixels).mean() / _OUTLIER
        frame = torch.where(hole[:, None], colours.detach(), batch["features"][:, :3])
        good = right(frame, batch["truth"]).to(logit.dtype)
        trust = functional.binary_cross_entropy_with_logits(logit, good)
        return {"loss": colour + _TRUST_WEIGHT * trust, "colour": colour, "trust": trust}

    def judge(self, network: nn.Module, held_out: Samples, seed: int) -> dict[str, Interval]:
        """Return errors beside those of the smooth fill, and how well trust is calibrated."""
        assert isinstance(held_out, WarpSamples)
        return judged(network, held_out, seed)
