"""The running mean of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Ema:
    """The exponential moving average of a network's tensors, float32.

    Early on it follows faster, with decay ``(1 + step) / (10 + step)``, so that a short training
    does not ship its first, random weights. Tensors that are not floating point are copied.

    Parameters
    ----------
    network : torch.nn.Module
    decay : float
        0 keeps no mean: ``tensors`` are the network's own, which takes no memory.
    """

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self._decay = decay
        self.tensors = {
            name: tensor.detach().clone() if decay else tensor.detach()
            for name, tensor in network.state_dict().items()
        }

    @property
    def state(self) -> Mapping[str, torch.Tensor]:
        """What has to be saved to go on; nothing if no mean is kept."""
        return self.tensors if self._decay else {}

    def update(self, network: torch.nn.Module, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 0."""
        if not self._decay:
            self.tensors = {name: t.detach() for name, t in network.state_dict().items()}
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            mean = self.tensors[name]
            if mean.is_floating_point():
                mean.lerp_(tensor.detach(), 1 - decay)
            else:
                mean.copy_(tensor)

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from tensors that were saved."""
        for name, mean in self.state.items():
            mean.copy_(tensors[name])
