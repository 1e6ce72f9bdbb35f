"""Shipped weights: safetensors beside a card, loaded only if their hash is the card's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.files import write

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

SUFFIX, CARD_SUFFIX, PAGE_SUFFIX = ".safetensors", ".json", ".md"


def choose(package: str, name: str, where: str = "") -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the card that a model's ``weights`` parameter names.

    Parameters
    ----------
    package, name : str
        Whose weights, and which, if ``where`` does not say otherwise.
    where : str
        ``""`` for those that ship in the package; else a path: a folder that holds
        ``<name>.safetensors``, or ``FOLDER/OTHER`` for the file ``FOLDER/OTHER.safetensors``.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if they are missing; ``RECORD_CORRUPT`` if they are not what the card
        says.
    """
    if not where:
        return shipped(package, name)
    path = Path(where)
    if path.is_dir():
        return load(path, name)
    return load(path.parent, path.name.removesuffix(SUFFIX), config=name)


def shipped(package: str, name: str) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the card of weights that ship in ``<package>/weights/``.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if they are missing; ``RECORD_CORRUPT`` if they are not what the card
        says.
    """
    return load(shelf(package), name)


def shelf(package: str) -> Traversable:
    """Return the folder of the weights that ship in a package; it need not exist."""
    return resources.files(package) / "weights"


def missing(package: str, *names: str) -> str:
    """Return a sentence that names the first of these shipped weights that is not there, or ''.

    It only looks: a changed byte is found when they are loaded.
    """
    for name in names:
        if not (shelf(package) / (name + SUFFIX)).is_file():
            return f"Its weights '{name}' are not there: wiw train {name} --ship."
    return ""


def load(
    folder: Path | Traversable, name: str, *, config: str = ""
) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors of ``<name>.safetensors`` and the card of ``<name>.json``.

    Parameters
    ----------
    config : str
        Whose training makes them, for the errors' advice; ``name`` if it is not given.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if either is missing; ``RECORD_CORRUPT`` if the weights are not what
        the card says.
    """
    from safetensors.torch import load as read_tensors

    weights, card_file = folder / (name + SUFFIX), folder / (name + CARD_SUFFIX)
    rebuild = f"Make them again: wiw train {config or name} --ship."
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


def halved(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Return tensors as they ship: float32 rounded to float16, on the CPU, others as they are.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a value is not finite, or too large for float16.
    """
    import torch

    small = {
        key: (value.half() if value.dtype == torch.float32 else value).detach().cpu().contiguous()
        for key, value in tensors.items()
    }
    for key, value in small.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The weights '{key}' hold values that half precision cannot.",
                "Train with a lower learning_rate, or more weight_decay.",
            )
    return small


def save(
    folder: Path, name: str, tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]
) -> None:
    """Write weights in half precision with their card, whose ``sha256`` is set here.

    Each file is written at once or not at all; numbers that JSON cannot hold become null.
    """
    from safetensors.torch import save as to_bytes

    data = to_bytes(halved(tensors))
    write(folder / (name + SUFFIX), data)
    text = json.dumps(
        _plain({**card, "sha256": hashlib.sha256(data).hexdigest()}), indent=1, allow_nan=False
    )
    write(folder / (name + CARD_SUFFIX), text.encode() + b"\n")


def ship(folder: Path, name: str, package: str) -> Path:
    """Copy weights and their cards into the ``weights/`` folder of a package, and return it.

    Raises
    ------
    WiwError
        As :func:`load`; ``RECORDING_FAILED`` if it cannot be written there.
    """
    load(folder, name)  # refuses what is not intact
    target = shelf(package)
    if not isinstance(target, Path):
        raise WiwError(ErrorCode.RECORDING_FAILED, f"The package '{package}' is not a folder.")
    for suffix in (SUFFIX, CARD_SUFFIX, PAGE_SUFFIX):
        write(target / (name + suffix), (folder / (name + suffix)).read_bytes())
    return target


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
