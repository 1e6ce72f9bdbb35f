"""From parameters to a network and a VAE that are ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.nwm import checkpoint, source
from wiw_wm_node.nwm.network import LATENT_CHANNELS, CDiT
from wiw_wm_node.video import hub


def load(file: Path, folder: Path, key_map: str) -> tuple[CDiT, Any]:
    """Return the network and the VAE, on the CPU.

    Parameters
    ----------
    file : Path
        A checkpoint.
    folder : Path
        Holds an ``AutoencoderKL``.
    key_map : str
        Path of a key map; empty: the one that ships.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` or ``BAD_PARAMETER`` for another kind of VAE; ``RECORD_CORRUPT`` if
        the checkpoint does not fit the network.
    """
    keys = checkpoint.read_map(key_map)
    vae = _vae(folder)
    with torch.device("meta"):  # a billion numbers need not be drawn to be replaced
        network = CDiT()
    checkpoint.fill(network, checkpoint.read_state(file), keys, file.name)
    return network.eval().requires_grad_(False), vae


def _vae(folder: Path) -> Any:
    from diffusers import AutoencoderKL

    try:
        vae = AutoencoderKL.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"'{folder}' holds no VAE that can be loaded: {str(error).splitlines()[0]}",
            f"Try '{hub.fetching(source.VAE)}' again.",
        ) from error
    if vae.config.latent_channels != LATENT_CHANNELS:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The VAE in '{folder}' has {vae.config.latent_channels} latent channels;"
            f" NWM takes {LATENT_CHANNELS}.",
        )
    return vae.eval().requires_grad_(False)
