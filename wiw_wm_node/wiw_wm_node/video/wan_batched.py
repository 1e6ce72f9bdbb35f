"""Wan's image-to-video pipeline with a given frame per candidate: the stock one takes one for all.

Importing this module imports diffusers.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import WanImageToVideoPipeline


class _PerCandidate:
    """Image embeddings of a whole batch, which stock code would repeat for each candidate."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows

    def repeat(self, *_: int) -> torch.Tensor:
        return self._rows


class WanBatched(WanImageToVideoPipeline):  # type: ignore[misc]
    """The stock pipeline, called with lists: M images, M prompts, M generators.

    Every given frame is encoded alone, once; stock code encodes the whole list once per candidate.
    """

    def check_inputs(
        self, prompt: Any, negative_prompt: Any, image: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Check the inputs as for one image; raises ``ValueError`` if the lists' lengths differ."""
        if len(image) != len(prompt):
            raise ValueError(f"{len(image)} images and {len(prompt)} prompts")
        super().check_inputs(prompt, negative_prompt, image[0], *args, **kwargs)

    def encode_image(self, image: Any, device: Any = None) -> Any:
        """Return the M images' embeddings, one row per candidate."""
        return _PerCandidate(super().encode_image(image, device))

    def prepare_latents(
        self,
        image: torch.Tensor,
        batch_size: int,
        num_channels_latents: int,
        height: int,
        width: int,
        num_frames: int,
        dtype: torch.dtype,
        device: torch.device,
        generator: list[torch.Generator],
        latents: torch.Tensor | None = None,
        last_image: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Return noise and conditions as the stock pipeline makes them, candidate by candidate."""
        size = (num_channels_latents, height, width, num_frames, dtype, device)
        made = [
            super(WanBatched, self).prepare_latents(
                image[m : m + 1], 1, *size, [generator[m]], None, last_image
            )
            for m in range(batch_size)
        ]
        noise, condition, *mask = zip(*made)
        return torch.cat(noise), torch.cat(condition), *(rows[0] for rows in mask)
