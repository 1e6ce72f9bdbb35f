"""Published NWM weights, put into our CDiT by a map of names that is data, not code."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.nwm.network import MODULATION, CDiT

KEYS = Path(__file__).with_name("keys.json")
_SHOWN = 12
_NUMBER = re.compile(r"\.(\d+)\.")
_LEAF = re.compile(r"^(.*)[._](weight|bias)$")

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class KeyMap:
    """How a checkpoint names what our network has; see ``keys.json``."""

    containers: tuple[str, ...]
    prefixes: tuple[str, ...]
    ignored: frozenset[str]
    names: Mapping[str, str]
    modulation: tuple[str, ...]

    def ours(self, name: str) -> str:
        """Return our name of a checkpoint's name, or "" if the map does not know it.

        The map names modules, ``#`` stands for a block's number: ``blocks.7.attn.qkv.bias`` is
        ``blocks.#.attn.qkv`` in it.
        """
        module, leaf = name, ""
        if match := _LEAF.match(name):
            module, leaf = match.group(1), f".{match.group(2)}"
        number = _NUMBER.search(module)
        general = module.replace(number.group(), ".#.", 1) if number else module
        for pattern, shift in ((module, None), (general, number)):
            found = self.names.get(pattern)
            if found is not None:
                return (found.replace(".#.", shift.group(), 1) if shift else found) + leaf
        return ""


def read_map(path: str = "") -> KeyMap:
    """Return the key map of a file, ours if ``path`` is empty.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if it cannot be read, or lacks something.
    """
    try:
        data = json.loads(Path(path or KEYS).read_text(encoding="utf-8"))
        found = KeyMap(
            tuple(map(str, data["containers"])),
            tuple(map(str, data["prefixes"])),
            frozenset(data["ignored"]),
            {str(theirs): str(ours) for theirs, ours in data["names"].items()},
            tuple(data["modulation"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The key map '{path}' cannot be used: {error!r}.",
            f"Copy {KEYS.name} of the package and correct the copy.",
        ) from error
    if sorted(found.modulation) != sorted(MODULATION):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The key map's 'modulation' must order these: {', '.join(MODULATION)}.",
        )
    return found


def read_state(path: Path) -> Mapping[str, Any]:
    """Return what a checkpoint file holds; nothing in it is ever executed.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if it is damaged, or holds objects other than tensors and plain data.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"'{path.name}' holds more than tensors, or is damaged: {str(error).splitlines()[0]}",
            "Such a file can run any program. Where you trust it, save its tensors as safetensors.",
        ) from error
    except Exception as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"'{path.name}' cannot be read: {error}.", "Fetch it again."
        ) from error
    if not isinstance(state, Mapping):
        raise WiwError(ErrorCode.RECORD_CORRUPT, f"'{path.name}' is no table of tensors.")
    return state


def unpacked(state: Mapping[str, Any], keys: KeyMap) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint, out of their container and without prefixes.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if two then have the same name.
    """
    for container in keys.containers:
        if isinstance(state.get(container), Mapping):
            state = state[container]
            break
    tensors = {}
    for name, value in state.items():
        while dropped := next((p for p in keys.prefixes if name.startswith(p)), ""):
            name = name[len(dropped) :]
        if not isinstance(value, torch.Tensor) or name in keys.ignored:
            continue
        if name in tensors:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT, f"The checkpoint has two tensors named '{name}'."
            )
        tensors[name] = value
    return tensors


def fill(network: CDiT, state: Mapping[str, Any], keys: KeyMap, what: str) -> None:
    """Put a checkpoint's tensors into the network, which may be on ``meta``: all, or none.

    Parameters
    ----------
    what : str
        Name of the checkpoint, for the error.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` with what is not matched on either side, names and shapes.
    """
    own = network.state_dict()
    found: dict[str, torch.Tensor] = {}
    unknown = []
    for theirs, tensor in unpacked(state, keys).items():
        ours = keys.ours(theirs)
        if ours in own and ours not in found and _fits(tensor, own[ours]):
            found[ours] = _ordered(ours, tensor, keys).reshape(own[ours].shape)
        else:
            unknown.append(f"{theirs} {tuple(tensor.shape)}" + (f" -> {ours}" if ours else ""))
    missing = [f"{name} {tuple(own[name].shape)}" for name in own if name not in found]
    if unknown or missing:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"'{what}' does not fit CDiT: {len(unknown)} of its tensors are not matched"
            f" ({_some(unknown)}), {len(missing)} of the network's are missing ({_some(missing)}).",
            "Correct a copy of nwm/keys.json and name it in the parameter key_map.",
        )
    network.load_state_dict(found, assign=True)


def _fits(tensor: torch.Tensor, own: torch.Tensor) -> bool:
    """Tell whether shapes are equal, leading ones apart: positions may come as (1, F, N, C)."""
    return _squeezed(tensor) == _squeezed(own)


def _squeezed(tensor: torch.Tensor) -> tuple[int, ...]:
    shape = list(tensor.shape)
    while len(shape) > 1 and shape[0] == 1:
        shape.pop(0)
    return tuple(shape)


def _ordered(name: str, tensor: torch.Tensor, keys: KeyMap) -> torch.Tensor:
    """Return what makes a block's modulation in our order; anything else as it is."""
    if not re.fullmatch(r"blocks\.\d+\.modulation\.(weight|bias)", name):
        return tensor
    parts = dict(zip(keys.modulation, tensor.chunk(len(MODULATION), dim=0)))
    return torch.cat([parts[part] for part in MODULATION])


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "none"
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
