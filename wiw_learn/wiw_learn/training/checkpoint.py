"""A training's state on disk: safetensors, no pickle, written at once or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.files import write

if TYPE_CHECKING:
    import torch

    from wiw_learn.training.ema import Ema

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Place:
    """Where a training is.

    Attributes
    ----------
    step : int
        Steps done.
    seconds : float
        Of training so far, over all sittings.
    identity : str
        Hash of config and data: only the same training goes on.
    """

    step: int
    seconds: float
    identity: str


def save(
    path: Path,
    place: Place,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    ema: Ema,
) -> None:
    """Write the state of a training; raises ``RECORDING_FAILED``."""
    from safetensors.torch import save as to_bytes

    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    tensors.update({f"ema/{name}": value for name, value in ema.state.items()})
    for index, state in optimiser.state_dict()["state"].items():
        tensors.update({f"optimiser/{index}/{key}": value for key, value in state.items()})
    content = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"place": json.dumps([place.step, place.seconds, place.identity])}
    write(path, to_bytes(content, metadata))


def read(path: Path) -> tuple[Place, dict[str, torch.Tensor]]:
    """Return where a saved training is, and its tensors; raises ``RECORD_CORRUPT``."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            step, seconds, identity = json.loads(file.metadata()["place"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The checkpoint '{path}' cannot be read ({error}).",
            "Begin anew: --fresh.",
        ) from error
    return Place(int(step), float(seconds), str(identity)), tensors


def restore(
    tensors: dict[str, torch.Tensor],
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    ema: Ema,
) -> None:
    """Put saved tensors back; raises ``RECORD_CORRUPT`` if they are another network's."""
    groups: dict[str, dict[str, Any]] = {"network": {}, "ema": {}, "optimiser": {}}
    for name, value in tensors.items():
        group, _, rest = name.partition("/")
        groups[group][rest] = value
    state: dict[int, dict[str, Any]] = {}
    for name, value in groups["optimiser"].items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = value
    try:
        network.load_state_dict(groups["network"])
        ema.restore(groups["ema"])
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    except (RuntimeError, KeyError, ValueError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            "The checkpoint is that of another network.",
            "The recipe's code has changed: begin anew with --fresh.",
        ) from error
