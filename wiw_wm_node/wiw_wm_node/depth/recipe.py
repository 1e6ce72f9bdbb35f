"""How the depth estimator is trained and judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_wm_node.depth.judging import judge
from wiw_wm_node.depth.network import HEIGHT, WIDTH, WIDTHS, DepthNetwork
from wiw_wm_node.depth.samples import DepthSamples, looks
from wiw_wm_node.networks import solid_angle

if TYPE_CHECKING:
    from wiw_learn.recipes import Batch


class DepthRecipe:
    """L1 of log depth where depth is known, weighted by the solid angle, and of its slopes.

    The slopes' part keeps edges where they are (Li and Snavely 2018, arXiv 1804.00607, section 4).

    Parameters
    ----------
    height, width : int
        Inside size; multiples of 2^(levels).
    widths : sequence of int
        Channels of the trunk's levels.
    slopes : float
        Weight of the slopes' part.
    stride : int
        Every how many places of a trajectory are learnt from; neighbours are much alike.
    """

    limits = (
        "Trained on rendered apartments only, for a level panorama 1 m above the floor: elsewhere"
        " its metres are a guess. It gives every pixel a depth and does not say how sure it is;"
        " edges of furniture are soft."
    )

    def __init__(
        self,
        height: int = HEIGHT,
        width: int = WIDTH,
        widths: Sequence[int] = WIDTHS,
        slopes: float = 0.5,
        stride: int = 4,
    ) -> None:
        self.height, self.width, self.widths = height, width, tuple(widths)
        self.slopes, self.stride = slopes, stride

    def network(self) -> DepthNetwork:
        """Return a new network."""
        return DepthNetwork(self.height, self.width, self.widths)

    def samples(self, data: Dataset, *, held_out: bool) -> DepthSamples:
        """Return panoramas of the scenes to train on, or of those held out."""
        found = looks(data, (self.height, self.width), self.stride, judged=held_out)
        return DepthSamples(found, varied=not held_out)

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return ``loss`` and its parts ``log`` and ``slopes``, in natural logarithms."""
        depth = batch["depth"]
        known = (depth > 0.0).float()
        truth = depth.clamp_min(1e-3).log()
        wrong = (network(batch["rgb"].float() / 255.0) - truth) * known
        weight = solid_angle(self.height, self.width).to(wrong.device) * known
        log = (wrong.abs() * weight).sum() / weight.sum().clamp_min(1.0)
        slopes = wrong.new_zeros(())
        for step in (1, 4):
            across = (wrong.roll(-step, 2) - wrong).abs() * known.roll(-step, 2) * weight
            down = (wrong[:, step:] - wrong[:, :-step]).abs() * known[:, step:] * weight[:, :-step]
            slopes = slopes + across.mean() + down.mean()
        return {"loss": log + self.slopes * slopes, "log": log, "slopes": slopes}

    def judge(
        self, network: torch.nn.Module, held_out: DepthSamples, seed: int
    ) -> dict[str, Interval]:
        """Return the metrics of :func:`wiw_wm_node.depth.judging.judge`."""
        return judge(network, held_out, seed)
