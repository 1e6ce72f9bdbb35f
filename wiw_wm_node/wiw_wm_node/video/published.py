"""The SVD-dagger weights that the paper's authors published, put into the stock UNet.

``svd_action_keys.json`` says which of their tensors goes where. Theirs embeds the noise level alone
where stock SVD embeds frame rate, motion bucket and noise level together: the stock layer does the
same with zeros in the columns of the other two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.action import ActionEmbedding

KEYS = "svd_action_keys.json"
_FIRST = "add_embedding.linear_1.weight"
Tensors = dict[str, torch.Tensor]


def load(unet: Any, path: str, width: int, channels: int) -> ActionEmbedding:
    """Load published weights into ``unet`` and return their action embedding.

    Parameters
    ----------
    path : str
        A ``.safetensors`` file, or a folder of them.
    width, channels : int
        Of the embedding: see :class:`ActionEmbedding`.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if there is no such file, or its tensors are not those expected; the
        first names that do not match are told.
    """
    for_unet, for_action = split(_read(Path(path).expanduser()), unet.state_dict())
    hidden = for_action["lift.weight"].shape[0] if "lift.weight" in for_action else 0
    embedding = ActionEmbedding(width, hidden or 256, channels)
    _fill(unet, for_unet, path)
    _fill(embedding, {name: value.float() for name, value in for_action.items()}, path)
    return embedding


def split(
    found: Mapping[str, torch.Tensor], stock: Mapping[str, torch.Tensor]
) -> tuple[Tensors, Tensors]:
    """Return published tensors under the names of the stock UNet, and of the action embedding.

    Parameters
    ----------
    stock : mapping
        The stock UNet's own tensors; the shape of its noise-level layer is needed.
    """
    keys = json.loads((resources.files(__package__) / KEYS).read_text())
    for_unet: Tensors = {}
    for_action: Tensors = {}
    for name, value in found.items():
        if name in keys["action_embedding"]:
            for_action[keys["action_embedding"][name]] = value
        elif name in keys["noise_level"]:
            for_unet[keys["noise_level"][name]] = value
        elif not name.startswith(tuple(keys["dropped"])):
            for_unet[name] = value
    narrow = for_unet.get(_FIRST)
    if narrow is not None and narrow.shape[1] < stock[_FIRST].shape[1]:
        wide = torch.zeros(stock[_FIRST].shape, dtype=narrow.dtype)
        wide[:, -narrow.shape[1] :] = narrow  # time ids are frame rate, motion bucket, noise level
        for_unet[_FIRST] = wide
    return for_unet, for_action


def _read(path: Path) -> Tensors:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    tensors: Tensors = {}
    for file in files:
        if file.suffix != ".safetensors" or not file.is_file():
            raise _unusable(f"'{file}' is no file of type .safetensors")
        tensors.update(load_file(file))
    if not tensors:
        raise _unusable(f"'{path}' holds no .safetensors file")
    return tensors


def _fill(module: torch.nn.Module, tensors: Tensors, path: str) -> None:
    own = module.state_dict()
    wrong = sorted(
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )
    if wrong:
        names = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        raise _unusable(
            f"{len(wrong)} tensors of '{path}' are missing, unknown or of another shape: {names}"
        )
    module.load_state_dict(tensors)


def _unusable(what: str) -> WiwError:
    return WiwError(
        ErrorCode.MODEL_UNAVAILABLE,
        f"These SVD-dagger weights cannot be used: {what}.",
        f"Correct the path, or the names in wiw_wm_node/video/{KEYS}.",
    )
