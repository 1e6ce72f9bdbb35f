"""Where chance comes from: seeds that know the moment, and never a plan's place among others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from wiw_core.rollouts import RolloutRequest

if TYPE_CHECKING:
    import torch


def seed_of(request: RolloutRequest, own: bytes = b"") -> int:
    """Return the 63-bit seed of a clip, of the request's seed, the episode and the step.

    Parameters
    ----------
    own : bytes
        What else it shall depend on: the clip's own key, for noise of its own.
    """
    now = request.now
    text = f"{request.seed}|{now.episode_id}|{now.step}|".encode()
    return int.from_bytes(hashlib.blake2b(text + own, digest_size=8).digest(), "big") >> 1


def generators(seeds: list[int]) -> list[torch.Generator]:
    """Return fresh generators of the CPU: their numbers are the same on every device."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
