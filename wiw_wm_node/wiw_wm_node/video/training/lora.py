"""Low-rank adapters of a transformer (Hu et al., arXiv 2106.09685), through peft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import hub

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
"""The layers of every attention."""


def add_lora(transformer: Any, rank: int, targets: Sequence[str] = TARGETS) -> None:
    """Give a diffusers transformer a new LoRA that asks for gradients, in float32; freeze the rest.

    Its scale is 1 (alpha is the rank), so that the weights alone say what it does. It begins as no
    change at all; where it begins comes from torch's global generator.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a rank below 1, or targets that the transformer lacks;
        ``MODEL_UNAVAILABLE`` without peft.
    """
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise hub.needs_extras("peft") from error
    if rank < 1:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"A LoRA of rank {rank} learns nothing.")
    transformer.requires_grad_(False)
    try:
        transformer.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets), lora_dropout=0.0)
        )
    except ValueError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"No LoRA can be added to {', '.join(targets)}: {error}."
        ) from error
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


@contextmanager
def without_lora(transformer: Any) -> Iterator[None]:
    """Make the transformer what it was before its LoRA, for a while."""
    transformer.disable_adapters()
    try:
        yield
    finally:
        transformer.enable_adapters()
