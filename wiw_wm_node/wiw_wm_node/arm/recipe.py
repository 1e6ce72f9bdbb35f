"""How the arm's network is trained and judged: the recipe ``arm``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_wm_node.arm.judge import TOLERANCE, judge
from wiw_wm_node.arm.network import ArmNetwork, composed
from wiw_wm_node.arm.samples import ArmSamples

_CHANGED = 0.08
"""A pixel that differs more than this from before has changed; colours are 0 to 1."""
_SATURATED = 0.35
"""A pixel whose strongest and weakest colour differ more than this belongs to a thing."""
_OF_CHANGED, _OF_THINGS, _OF_TRUST = 3.0, 16.0, 0.02
"""What a changed pixel, a thing's pixel, and the trust weigh in the loss beside any other pixel."""


class ArmRecipe:
    """Trains the network that composes and paints the arm's imagined frames.

    Parameters
    ----------
    widths : sequence of int
        Channels at a half, a quarter, ... of the picture's size; multiples of 8.
    fine : int
        Channels before the last layer.
    """

    limits = (
        "One table, one arm and one still camera: other tables, arms and views were never seen. "
        "A plan may grasp one thing; of things knocked over, or pushed by a thing that is pushed, "
        "it knows little. The gripper's straight way and its reach are taken for granted."
    )

    def __init__(self, widths: Sequence[int] = (24, 48, 80, 96), fine: int = 32) -> None:
        if not widths or any(width < 8 or width % 8 for width in (*widths, fine)):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The widths {list(widths)} and {fine} are not all multiples of 8.",
            )
        self._widths, self._fine = tuple(widths), fine

    def network(self) -> ArmNetwork:
        """Return a new network."""
        return ArmNetwork(self._widths, self._fine)

    def samples(self, data: Dataset, *, held_out: bool) -> ArmSamples:
        """Return the samples of the scenes to train on, or of those held out."""
        return ArmSamples(data, held_out=held_out)

    def losses(
        self, network: torch.nn.Module, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return the weighted absolute error and the trust's cross entropy."""
        maps, after = batch["maps"], batch["after"]
        painted = network(maps, batch["pictures"], batch["covers"], batch["facts"])
        now = maps[:, :3]
        frame = composed(painted, now, batch["pictures"], batch["covers"])
        error = (frame - after).abs()
        changed = ((after - now).abs().amax(1, keepdim=True) > _CHANGED).float()
        things = torch.maximum(_saturated(after), _saturated(now)) * changed
        weight = 1.0 + _OF_CHANGED * changed + _OF_THINGS * things
        colour = (weight * error).sum() / (3.0 * weight.sum())
        right = (error.detach().amax(1, keepdim=True) < TOLERANCE).float()
        trust = F.binary_cross_entropy_with_logits(painted.trust, right)
        return {"loss": colour + _OF_TRUST * trust, "colour": colour, "trust": trust}

    def judge(
        self, network: torch.nn.Module, held_out: ArmSamples, seed: int
    ) -> dict[str, Interval]:
        """Return the card's metrics; see :func:`wiw_wm_node.arm.judge.judge`."""
        return judge(network, held_out, seed)


def _saturated(image: torch.Tensor) -> torch.Tensor:
    """Return (B, 1, H, W): 1 where a thing's strong colour is."""
    spread: Any = image.amax(1, keepdim=True) - image.amin(1, keepdim=True)
    saturated: torch.Tensor = (spread > _SATURATED).float()
    return saturated
