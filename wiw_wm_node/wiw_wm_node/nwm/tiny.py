"""A fake: CDiT and a VAE of the real kind, tiny and random. It proves plumbing and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wiw_wm_node.nwm.network import CDiT
from wiw_wm_node.nwm.settings import TINY_SIDE

_SEED = 20241203
_SPREAD, _SPREAD_OF_ACTIONS = 0.12, 0.5  # so wide that every part, actions above all, has effect


def tiny() -> tuple[CDiT, Any]:
    """Return a network and a VAE with random weights, always the same, for 64 x 64 frames."""
    return tiny_network(), tiny_vae()


def tiny_network() -> CDiT:
    """Return a CDiT of two narrow blocks."""
    with _seeded():
        network = CDiT(side=TINY_SIDE // 8, width=48, depth=2, heads=2)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=_SPREAD)
        for parameter in network.action.parameters():
            torch.nn.init.normal_(parameter, std=_SPREAD_OF_ACTIONS)
    return network.eval().requires_grad_(False)


def tiny_vae() -> Any:
    """Return an ``AutoencoderKL`` that shrinks by 8 into 4 channels, as Stable Diffusion's does."""
    from diffusers import AutoencoderKL

    with _seeded():
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            norm_num_groups=4,
            latent_channels=4,
        )
    return vae.eval().requires_grad_(False)


@contextmanager
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        yield
