"""Memory and speed: what of a loaded pipeline lies where, in what numbers, and what is skipped."""

from __future__ import annotations

from typing import Any

import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Family
from wiw_wm_node.video.hub import needs_extras
from wiw_wm_node.video.loading import Loaded, modules
from wiw_wm_node.video.settings import Settings

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that a compiled model is given: each new one is compiled anew."""


def make_ready(loaded: Loaded, family: Family, settings: Settings) -> None:
    """Quantise, place, cache and compile a pipeline as the settings say.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for what this device or this family cannot do; ``MODEL_UNAVAILABLE`` for
        a package that is missing; ``OUT_OF_MEMORY`` if the weights do not fit the device.
    """
    pipe = loaded.pipe
    if loaded.device.type == "cuda":  # the contract: the same request repeats bit by bit
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    denoisers = [modules(pipe)[n] for n in family.denoisers if n in modules(pipe)]
    for denoiser in denoisers:
        _quantise(denoiser, settings, loaded.dtype)
    if settings.tiling:
        pipe.vae.enable_tiling()
    _place(loaded, settings)
    for denoiser in denoisers:
        if settings.step_cache != "none":
            _cache_steps(denoiser, family, settings)
        if settings.compile:
            _compile(denoiser, family)


def bucket(count: int, limit: int) -> int:
    """Return to how many candidates a batch of ``count`` is filled up for a compiled model."""
    return min(limit, next(size for size in BUCKETS if size >= count))


def _quantise(denoiser: Any, settings: Settings, dtype: torch.dtype) -> None:
    if settings.quantise == "fp8":
        denoiser.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
    elif settings.quantise == "int8":
        try:
            from torchao.quantization import Int8WeightOnlyConfig, quantize_
        except ImportError as error:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "quantise=int8 needs the package 'torchao', which is not installed.",
                "pip install torchao.",
            ) from error
        quantize_(denoiser, Int8WeightOnlyConfig())


def _place(loaded: Loaded, settings: Settings) -> None:
    pipe, device = loaded.pipe, loaded.device
    try:
        if settings.offload == "none":
            pipe.to(device)
        elif device.type == "cpu":
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"offload={settings.offload} moves weights off a GPU, and there is none.",
                "Set offload=none.",
            )
        elif settings.offload == "model":
            pipe.enable_model_cpu_offload(device=device)
        else:
            pipe.enable_sequential_cpu_offload(device=device)
    except torch.OutOfMemoryError as error:
        raise WiwError(
            ErrorCode.OUT_OF_MEMORY,
            f"The weights do not fit '{device}'.",
            "Set offload=model or quantise=fp8, or take a larger GPU.",
        ) from error
    except ImportError as error:
        raise needs_extras("accelerate") from error


def _cache_steps(denoiser: Any, family: Family, settings: Settings) -> None:
    if not hasattr(denoiser, "enable_cache"):
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"'{family.name}' cannot skip steps.", "Set step_cache=none."
        )
    from diffusers import FirstBlockCacheConfig

    denoiser.enable_cache(FirstBlockCacheConfig(threshold=settings.step_cache_threshold))


def _compile(denoiser: Any, family: Family) -> None:
    if not getattr(denoiser, "_repeated_blocks", None):
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"'{family.name}' cannot be compiled.", "Set compile=false."
        )
    denoiser.compile_repeated_blocks(fullgraph=True)
