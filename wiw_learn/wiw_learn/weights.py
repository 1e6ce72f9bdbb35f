"""Shipped weights: safetensors beside a card, loaded only if their hash is the card's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]


def shipped(package: str, name: str) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the card of weights that ship in ``<package>/weights/``.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if they are missing; ``RECORD_CORRUPT`` if they are not what the card
        says.
    """
    return load(resources.files(package) / "weights", name)


def load(folder: Path | Traversable, name: str) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors of ``<name>.safetensors`` and the card of ``<name>.json``.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if either is missing; ``RECORD_CORRUPT`` if the weights are not what
        the card says.
    """
    from safetensors.torch import load as read_tensors

    weights, card_file = folder / f"{name}.safetensors", folder / f"{name}.json"
    rebuild = f"Make them again: wiw train {name}."
    if not (weights.is_file() and card_file.is_file()):
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE, f"The weights '{name}' are not in '{folder}'.", rebuild
        )
    data = weights.read_bytes()
    try:
        card = json.loads(card_file.read_text("utf-8"))
        expected = card["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"The card of the weights '{name}' cannot be read.", rebuild
        ) from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The weights '{name}' are not the ones that their card names.",
            rebuild,
        )
    return read_tensors(data), card


def save(folder: Path, name: str, tensors: Tensors, card: Mapping[str, Any]) -> None:
    """Write weights in half precision with their card, whose ``sha256`` is set here."""
    import torch
    from safetensors.torch import save as to_bytes

    small = {
        key: (value.half() if value.dtype == torch.float32 else value).contiguous()
        for key, value in tensors.items()
    }
    data = to_bytes(small)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(data)
    text = json.dumps({**card, "sha256": hashlib.sha256(data).hexdigest()}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
