"""From settings to a pipeline that is ready to run, or ready to be trained."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import hub
from wiw_wm_node.video.adapter import Family
from wiw_wm_node.video.settings import Settings

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A pipeline, where it shall run, and what it is."""

    pipe: Any
    device: torch.device
    dtype: torch.dtype
    revision: str


def load(family: Family, settings: Settings) -> Loaded:
    """Load a family's pipeline on the CPU, LoRA merged, nothing quantised or compiled.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if weights or packages are missing, or do not fit; ``BAD_PARAMETER``
        for a device that is not there.
    """
    family.check(settings)
    folder, _ = hub.located(settings, family.tiny or family.name)
    device, dtype = device_of(settings), dtype_of(settings)
    _quiet()
    try:
        pipe = family.load(folder, dtype, settings)
    except WiwError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"'{folder}' holds no weights that '{family.name}' can load: {_first_line(error)}.",
            f"Try '{hub.fetching(family.defaults.weights)}' again.",
        ) from error
    if settings.lora:
        _add_lora(family, pipe, lora_paths(settings))
    family.prepare(pipe, settings)
    pipe.set_progress_bar_config(disable=True)
    for component in modules(pipe).values():
        component.eval().requires_grad_(False)
    _LOG.info("%s: loaded from %s", family.name, folder)
    return Loaded(pipe, device, dtype, revision_of(family, settings))


def revision_of(family: Family, settings: Settings) -> str:
    """Return what identifies the weights; raises ``MODEL_UNAVAILABLE`` if they are not here."""
    _, revision = hub.located(settings, family.tiny or family.name)
    extra = [*map(Path, lora_paths(settings)), *family.extra_files(settings)]
    return f"{revision}+{hub.file_digest(*extra)}" if extra else revision


def lora_paths(settings: Settings) -> list[str]:
    """Return the LoRA files or folders; raises ``MODEL_UNAVAILABLE`` for one that is not there."""
    paths = [part.strip() for part in settings.lora.split(",") if part.strip()]
    for path in paths:
        if not Path(path).expanduser().exists():
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"There is no LoRA at '{path}'.",
                "Name a file or folder of this machine.",
            )
    return [str(Path(path).expanduser()) for path in paths]


def modules(pipe: Any) -> dict[str, torch.nn.Module]:
    """Return the pipeline's networks by name."""
    return {n: c for n, c in pipe.components.items() if isinstance(c, torch.nn.Module)}


def device_of(settings: Settings) -> torch.device:
    """Return the device; ``auto`` is a GPU if there is one. ``BAD_PARAMETER`` if it is not here."""
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(settings.device)
    except RuntimeError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"'{settings.device}' is no device; try auto, cpu or cuda."
        ) from error
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no device '{settings.device}' here.",
            "Set device=auto or device=cpu.",
        )
    return device


def dtype_of(settings: Settings) -> torch.dtype:
    """Return the type of the weights; ``auto`` is bfloat16 on a GPU and float32 on a CPU."""
    if settings.dtype == "auto":
        return torch.bfloat16 if device_of(settings).type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, settings.dtype)
    return dtype


def _add_lora(family: Family, pipe: Any, paths: list[str]) -> None:
    try:
        family.add_lora(pipe, paths)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The LoRA at {', '.join(paths)} does not fit '{family.name}': {_first_line(error)}.",
            "Name LoRA weights of this model.",
        ) from error


def _quiet() -> None:
    """Keep the libraries' bars and advice off a node's output."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
