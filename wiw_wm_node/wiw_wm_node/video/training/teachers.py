"""Whose token relations are distilled: frozen networks that make features of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_wm_node.video import hub

KINDS = ("depth", "dino")
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, as DINOv2 was trained on."""


class Teacher(nn.Module):
    """Frozen; in evaluation mode."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return (B, T, h, w, D) features of (B, T, 3, H, W) float32 frames from 0 to 1."""
        features = self.features(frames.flatten(0, 1))
        return features.reshape(*frames.shape[:2], *features.shape[1:]).permute(0, 1, 3, 4, 2)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, D, h, w) features of (N, 3, H, W) images."""
        raise NotImplementedError


class DepthTeacher(Teacher):
    """Our own depth estimator's inner features: it knows surfaces, of panoramas only.

    Parameters
    ----------
    weights : str
        As :func:`wiw_learn.weights.choose` takes it.
    """

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        from wiw_wm_node.depth.estimator import NAME
        from wiw_wm_node.depth.network import OPTIONS, DepthNetwork
        from wiw_wm_node.networks import trained

        self.network, self.revision = trained(DepthNetwork, OPTIONS, NAME, weights)
        self.requires_grad_(False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the middle of the trunk says."""
        found: list[torch.Tensor] = []
        middle = self.network.trunk.middle[-1]
        handle = middle.register_forward_hook(lambda _, __, output: found.append(output))
        try:
            size = self.network.size
            self.network(functional.interpolate(images, size, mode="bilinear", antialias=True))
        finally:
            handle.remove()
        return found[0]


class DinoTeacher(Teacher):
    """A vision transformer of the DINOv2 kind: the patch tokens of its last layer.

    Parameters
    ----------
    weights : str
        A folder, or a repository that is in the hub's local cache.
    """

    def __init__(self, weights: str) -> None:
        super().__init__()
        folder = Path(weights) if Path(weights).is_dir() else hub.cached(weights)
        if folder is None:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The teacher '{weights}' is no folder and not in the local cache.",
                f"Run '{hub.fetching(weights)}'.",
            )
        self.network = _vision_model(folder)
        self.patch = int(self.network.config.patch_size)
        self.requires_grad_(False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the patch tokens of images whose sides are cut to whole patches."""
        rows, columns = (max(1, side // self.patch) for side in images.shape[2:])
        size = (rows * self.patch, columns * self.patch)
        images = functional.interpolate(images, size, mode="bilinear", antialias=True)
        mean, deviation = (
            torch.tensor(values).view(1, 3, 1, 1).to(images) for values in (_MEAN, _DEVIATION)
        )
        found = self.network(pixel_values=(images - mean) / deviation).last_hidden_state
        patches = found[:, -rows * columns :]  # class and register tokens come first
        grid: torch.Tensor = patches.transpose(1, 2).unflatten(2, (rows, columns))
        return grid


def make_teacher(name: str, view: str) -> Teacher | None:
    """Return the teacher of a recipe's ``teacher`` option.

    Parameters
    ----------
    name : str
        Empty for none; ``depth`` or ``depth:PATH`` for our own; ``dino:FOLDER`` or
        ``dino:REPOSITORY`` for a DINOv2.
    view : str
        What the clips show.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another name, or ``depth`` without panoramas; ``MODEL_UNAVAILABLE``.
    """
    if not name:
        return None
    kind, _, where = name.partition(":")
    if kind not in KINDS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "teacher", kind, KINDS)
    if kind == "depth" and view != "panorama":
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "The teacher 'depth' knows panoramas only.",
            "Name dino:FOLDER, or train on panoramas.",
        )
    return DepthTeacher(where) if kind == "depth" else DinoTeacher(where)


def _vision_model(folder: Path) -> Any:
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise hub.needs_extras("transformers") from error
    try:
        return AutoModel.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE, f"The teacher in '{folder}' cannot be loaded: {error}."
        ) from error
