"""What the calls of text-driven pipelines share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wiw_wm_node.video.adapter import Batch

_SHARE_OF_ACTIVATIONS = 0.2


def arguments(batch: Batch) -> dict[str, Any]:
    """Return the arguments of one call for M images and M texts, as most pipelines name them."""
    at = batch.settings
    return {
        "image": batch.images,
        "prompt": batch.prompts,
        "negative_prompt": [at.negative] * len(batch) if at.negative else None,
        "height": at.height,
        "width": at.width,
        "num_frames": at.frames,
        "num_inference_steps": at.steps,
        "guidance_scale": at.guidance,
        "generator": batch.generators,
        "callback_on_step_end": batch.on_step,
        "output_type": "pt",
    }


def trimming(batch: Batch, frames_per_latent: int) -> Callable[..., dict[str, Any]]:
    """Return ``batch.on_step`` that at the last step drops latents that nobody needs decoded.

    For VAEs that decode causally, latent after latent: the first ``batch.last`` + 1 frames are then
    the same, bit by bit.

    Parameters
    ----------
    frames_per_latent : int
        Frames of every latent but the first, which is one frame.
    """
    needed = 1 + math.ceil(batch.last / frames_per_latent)

    def on_step(pipe: Any, i: int, t: Any, given: dict[str, Any]) -> dict[str, Any]:
        given = batch.on_step(pipe, i, t, given)
        if i + 1 == pipe.num_timesteps:
            given["latents"] = given["latents"][:, :, :needed]
        return given

    return on_step


def memory_gib(*billions: float) -> float:
    """Return the GPU memory expected for components of so many billion parameters.

    Two bytes each (bfloat16), all of them on the GPU at once, and a fifth for activations: computed
    from parameter counts, not measured.
    """
    return float(round(sum(billions) * 1e9 * 2 * (1 + _SHARE_OF_ACTIVATIONS) / 2**30))
