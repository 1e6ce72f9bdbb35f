"""A world whose pictures show the last action in colour, and tiny pipelines in scale for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack
from wiw_wm_node.video import tiny
from wiw_wm_node.video.adapter import Batch
from wiw_wm_node.video.training.families.base import encoded_clip, pictures

ACTIONS = ("forward", "turn_left", "turn_right")
RED, CYAN = (255, 0, 0), (0, 255, 255)
STRAIGHT, WINDING = (0,), (1, 2)
"""What a walk repeats: going forward paints the next picture red, a turn cyan."""


def start_picture(height: int, width: int) -> np.ndarray:
    """The picture that every walk begins with; left and right are alike."""
    rng = np.random.default_rng(5)
    half = rng.integers(0, 256, (height // 8, width // 16, 3), dtype=np.uint8)
    return np.kron(np.concatenate([half, half[:, ::-1]], axis=1), np.ones((8, 8, 1), np.uint8))


def colour_walks(
    folder: Path, scenes: Sequence[int], length: int, size: tuple[int, int], repeats=None
) -> Dataset:
    """Write a dataset of one walk per scene: straight ones in even places, winding in odd."""
    shards = []
    for place, scene in enumerate(scenes):
        pattern = (repeats or (STRAIGHT, WINDING))[place % 2]
        actions = np.array([pattern[k % len(pattern)] for k in range(length)], np.int8)
        views = np.stack(
            [start_picture(*size)]
            + [np.full((*size, 3), CYAN if action else RED, np.uint8) for action in actions]
        )
        data = pack({"panorama": views, "front": views, "action": actions})
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "walk", "", scene, length))
    manifest = Manifest("navigation", "train", ACTIONS, tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return Dataset.open(folder)


def in_scale(family: str, folder: Path, frames: torch.Tensor) -> str:
    """Save a tiny pipeline whose latents of these (B, T, 3, H, W) frames have deviation 1.

    The VAE of a tiny pipeline is random: without this all its latents would be nearly the same.
    """
    pipe = tiny.build(family)
    with torch.no_grad():
        if family == "svd":
            latents = pipe.vae.encode(frames.flatten(0, 1)).latent_dist.mode()
            pipe.vae.register_to_config(scaling_factor=float(1.0 / latents.std()))
        else:
            latents = encoded_clip(pipe, frames)
            pipe.vae.latents_mean.copy_(latents.mean(dim=(0, 2, 3, 4)))
            pipe.vae.latents_std.copy_(latents.std(dim=(0, 2, 3, 4)))
    pipe.save_pretrained(folder)
    return str(folder)


def asked_for(family, lesson, steps: int, seed: int = 0, **changes) -> Batch:
    """What the engine would ask a family for: the clips of a lesson's first frames and controls."""
    frames, height, width = lesson.frames.shape[1], *lesson.frames.shape[3:]
    plain = {"weights": "tiny", "device": "cpu", "dtype": "float32", "guidance": 1.0}
    shape = {"frames": frames, "actions": frames - 1, "height": height, "width": width}
    settings = replace(family.defaults, **{**plain, **shape, "steps": steps, **changes})
    return Batch(
        images=pictures(lesson.frames[:, 0]),
        prompts=list(lesson.captions),
        controls=[control.numpy() for control in lesson.control],
        turns=[tuple(turns.tolist()) for turns in lesson.turns],
        generators=[torch.Generator().manual_seed(seed) for _ in range(len(lesson))],
        settings=settings,
        last=frames - 1,
        on_step=lambda pipe, i, t, kwargs: kwargs,
        check=lambda: None,
    )


def reconstructed(pipe, frames: torch.Tensor) -> torch.Tensor:
    """True clips (B, T, 3, H, W) from -1 to 1 as the VAE of SVD shows them, from 0 to 1."""
    count, length = frames.shape[:2]
    latents = pipe.vae.encode(frames.flatten(0, 1)).latent_dist.mode()
    latents = latents.unflatten(0, (count, length)) * pipe.vae.config.scaling_factor
    return pipe.decode_latents(latents, length, length).permute(0, 2, 1, 3, 4) / 2 + 0.5
