"""One step of a training: its rate, its network and optimiser, its update."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.training.config import Config

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from wiw_learn.recipes import Batch, Recipe


def learning_rate(config: Config, step: int) -> float:
    """Return the rate of step number ``step``, from 0: a rise, then half a cosine to zero."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    passed = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))


def make_network(recipe: Recipe, seed: int) -> torch.nn.Module:
    """Return the recipe's network as a training of this seed begins."""
    import torch

    torch.manual_seed(seed)
    return recipe.network()


def make_optimiser(network: torch.nn.Module, config: Config) -> torch.optim.Optimizer:
    """Return AdamW at the config's highest rate."""
    import torch

    return torch.optim.AdamW(
        [p for p in network.parameters() if p.requires_grad],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )


def make_accelerator(config: Config) -> Accelerator:
    """Return the devices and the precision of a training."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if AcceleratorState._shared_state:  # an earlier training of this process, of any precision
        AcceleratorState._reset_state()
    return Accelerator(mixed_precision=config.mixed_precision)


def update(
    accelerator: Accelerator,
    recipe: Recipe,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    clip: float,
    parts: int = 1,
) -> dict[str, torch.Tensor]:
    """Take one step and return its losses by name, with the gradient's norm before clipping.

    Parameters
    ----------
    parts : int
        Equal parts of the batch that are taken one after the other; a divisor of its size.
    """
    optimiser.zero_grad(set_to_none=True)
    means: dict[str, torch.Tensor] = {}
    for part in range(parts):
        losses = recipe.losses(
            network,
            {
                name: value.chunk(parts)[part].to(accelerator.device)
                for name, value in batch.items()
            },
        )
        if "loss" not in losses or losses["loss"].ndim:
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION, "The recipe's losses hold no scalar named 'loss'."
            )
        accelerator.backward(losses["loss"] / parts)
        for name, value in losses.items():
            mean = value.detach() / parts
            means[name] = means[name] + mean if part else mean
    norm = accelerator.clip_grad_norm_(network.parameters(), clip)
    optimiser.step()
    return {**means, "gradient": norm.detach()}
