"""CDiT, the conditional diffusion transformer of NWM, from the paper's text (arXiv 2412.03572).

The frame to be denoised is a grid of tokens. Each block lets them look at one another, then at the
tokens of the context frames (cross-attention), then thinks about each alone. What conditions a
frame (diffusion time, action, relative time) scales, shifts and gates all of that (adaLN, as in
DiT, arXiv 2212.09748). So the cost grows linearly with the context, not quadratically.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

LATENT_CHANNELS = 4
"""Of a latent of the Stable Diffusion VAE."""
WAVES = 256
"""Sines and cosines of each conditioning number (DiT's choice)."""
MODULATION = (
    *("self_shift", "self_scale", "self_gate"),
    *("context_shift", "context_scale"),
    *("cross_shift", "cross_scale", "cross_gate"),
    *("mlp_shift", "mlp_scale", "mlp_gate"),
)
"""What the condition makes in each block, in our order: vectors as wide as a token."""


def waves(numbers: torch.Tensor) -> torch.Tensor:
    """Return (B, 256) cosines and sines of (B,) numbers, wavelengths from 2 pi to 20 000 pi."""
    half = WAVES // 2
    rates = torch.exp(-math.log(1e4) / half * torch.arange(half, device=numbers.device))
    angles = numbers.float()[:, None] * rates[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


class Embedder(nn.Module):
    """Turns a number into a vector: waves, then two linear layers, as in the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(WAVES, width)
        self.second = nn.Linear(width, width)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return (B, width) of (B,)."""
        result: torch.Tensor = self.second(
            F.silu(self.first(waves(numbers).to(self.first.weight.dtype)))
        )
        return result


class Attention(nn.Module):
    """Attention of tokens to tokens, of the same set or of another one."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)  # queries, keys, values
        self.output = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Return (B, N, width) for (B, N, width) ``tokens`` that look at (B, S, width)."""
        width = tokens.shape[-1]
        query = F.linear(tokens, self.inputs.weight[:width], self.inputs.bias[:width])
        both = F.linear(source, self.inputs.weight[width:], self.inputs.bias[width:])
        q, k, v = (self._split(part) for part in (query, *both.chunk(2, dim=-1)))
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        result: torch.Tensor = self.output(seen)
        return result

    def _split(self, tokens: torch.Tensor) -> torch.Tensor:
        batch, count, width = tokens.shape
        return tokens.reshape(batch, count, self.heads, width // self.heads).transpose(1, 2)


def normed(tokens: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the (B, N, width) tokens normalised, then scaled and shifted by (B, width)."""
    plain = F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
    return plain * (1.0 + scale[:, None]) + shift[:, None]


class Block(nn.Module):
    """Self-attention, cross-attention to the context, and two linear layers, all conditioned."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, len(MODULATION) * width)
        self.self_attention = Attention(width, heads)
        self.cross_attention = Attention(width, heads)
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(
        self, tokens: torch.Tensor, context: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        """Return (B, N, width) of (B, N, width), (B, S, width) and (B, width)."""
        made = self.modulation(F.silu(condition)).chunk(len(MODULATION), dim=-1)
        m = dict(zip(MODULATION, made))
        own = normed(tokens, m["self_shift"], m["self_scale"])
        tokens = tokens + m["self_gate"][:, None] * self.self_attention(own, own)
        own = normed(tokens, m["cross_shift"], m["cross_scale"])
        seen = normed(context, m["context_shift"], m["context_scale"])
        tokens = tokens + m["cross_gate"][:, None] * self.cross_attention(own, seen)
        own = normed(tokens, m["mlp_shift"], m["mlp_scale"])
        thought = self.second(F.gelu(self.first(own), approximate="tanh"))
        result: torch.Tensor = tokens + m["mlp_gate"][:, None] * thought
        return result


class CDiT(nn.Module):
    """Predicts the noise in a latent frame, given the frames before it and the motion to it.

    The defaults are CDiT-XL/2 for frames of 224 x 224: 1.0 billion parameters.

    Parameters
    ----------
    side : int
        Height and width of a latent frame; 28 is 224 pixels through an encoder that shrinks by 8.
    patch : int
        Latent pixels per side of a token.
    channels : int
        Of the latent frame.
    context : int
        Frames before the one to be predicted.
    variance : bool
        Also predict the variance of a denoising step, as DiT does: twice the output channels.
    """

    def __init__(
        self,
        side: int = 28,
        patch: int = 2,
        channels: int = LATENT_CHANNELS,
        width: int = 1152,
        depth: int = 28,
        heads: int = 16,
        context: int = 4,
        variance: bool = True,
    ) -> None:
        super().__init__()
        self.side, self.patch, self.channels, self.context = side, patch, channels, context
        self.outputs = channels * (2 if variance else 1)
        tokens = (side // patch) ** 2
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.zeros(context + 1, tokens, width))
        self.time = Embedder(width)
        self.relative_time = Embedder(width)
        self.action = nn.ModuleList(Embedder(width // 3) for _ in range(3))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.last_modulation = nn.Linear(width, 2 * width)
        self.last = nn.Linear(width, patch * patch * self.outputs)

    def forward(
        self,
        noisy: torch.Tensor,
        time: torch.Tensor,
        context: torch.Tensor,
        action: torch.Tensor,
        relative_time: torch.Tensor,
    ) -> torch.Tensor:
        """Return (B, outputs, side, side): the noise, then what tells the variance, if predicted.

        Parameters
        ----------
        noisy : (B, channels, side, side)
            The frame to be denoised.
        time : (B,)
            Step of the diffusion, 0 to 999.
        context : (B, context, channels, side, side)
            Frames before it, oldest first.
        action : (B, 3)
            dx, dy and dyaw from the last of them, as :func:`wiw_core.action_api.body_deltas`.
        relative_time : (B,)
            Time from the last of them.
        """
        batch, frames = context.shape[:2]
        # The context comes first in ``positions``, oldest first; the predicted frame comes last.
        before = self._tokens(context.flatten(0, 1))
        before = before.reshape(batch, frames, *before.shape[1:]) + self.positions[None, :-1]
        before = before.flatten(1, 2)
        tokens = self._tokens(noisy) + self.positions[-1]
        moves = [embed(action[:, axis]) for axis, embed in enumerate(self.action)]
        condition = self.time(time) + self.relative_time(relative_time) + torch.cat(moves, dim=-1)
        for block in self.blocks:
            tokens = block(tokens, before, condition)
        shift, scale = self.last_modulation(F.silu(condition)).chunk(2, dim=-1)
        return self._frame(self.last(normed(tokens, shift, scale)))

    def _tokens(self, frames: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.patches(frames).flatten(2).transpose(1, 2)
        return tokens

    def _frame(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (B, outputs, side, side) of (B, N, patch * patch * outputs), channels last."""
        places, batch = self.side // self.patch, tokens.shape[0]
        grid = tokens.reshape(batch, places, places, self.patch, self.patch, self.outputs)
        return grid.permute(0, 5, 1, 3, 2, 4).reshape(batch, self.outputs, self.side, self.side)
