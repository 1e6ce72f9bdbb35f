"""How good a post-trained denoiser is on held-out clips, and whether it listens to the actions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from wiw_core.statistics import Interval, mean_interval, share_interval
from wiw_learn.training.loader import tensors
from wiw_wm_node.video.training.clips import ClipSamples, arrays
from wiw_wm_node.video.training.lora import without_lora
from wiw_wm_node.video.training.network import PostTrained

DRAWS = 4
"""Noises that every clip is judged with."""
TOLD = ("control", "caption")
"""What of a clip says its actions."""

Batch = Mapping[str, torch.Tensor]


def judge(
    network: PostTrained, held_out: ClipSamples, seed: int, count: int, *, lora: bool
) -> dict[str, Interval]:
    """Return metrics by name, each the mean over scenes with its 95 % interval.

    ``error`` weighted squared error of what the denoiser says, over ``DRAWS`` noises a clip ·
    ``base_error`` the same before training, for a LoRA · ``gain`` by what share training lowered
    it · ``follows`` how often the error is lower with the clip's own actions than with those of
    another clip, the noise being the same: one half, if the actions are not listened to.

    Parameters
    ----------
    count : int
        Clips, evenly apart among those held out.
    """
    chosen = [int(k) for k in np.unique(np.linspace(0, len(held_out) - 1, count).astype(int))]
    batches = [tensors([arrays(held_out.clips[k])]) for k in chosen]
    scenes = [held_out.clips[k].scene for k in chosen]
    errors, before, follows = (defaultdict[int, list[float]](list) for _ in range(3))
    for place, (scene, batch) in enumerate(zip(scenes, batches)):
        true = _errors(network, batch, [seed, place])
        errors[scene].append(float(true.mean()))
        if lora:
            with without_lora(network.denoiser):
                before[scene].append(float(_errors(network, batch, [seed, place]).mean()))
        other = _other(batches, place)
        if other is not None:
            told = {**batch, **{name: other[name] for name in TOLD}}
            follows[scene].append(float((true < _errors(network, told, [seed, place])).mean()))
    found = {"error": mean_interval([float(np.mean(rows)) for rows in errors.values()])}
    if lora:
        gains = [1.0 - np.sum(errors[scene]) / np.sum(before[scene]) for scene in errors]
        found["base_error"] = mean_interval([float(np.mean(rows)) for rows in before.values()])
        found["gain"] = mean_interval([float(gain) for gain in gains])
    found["follows"] = share_interval([float(np.mean(rows)) for rows in follows.values()])
    return found


def _errors(network: PostTrained, batch: Batch, seed: list[int]) -> np.ndarray:
    """Return the error of a batch of one with each of the noises of ``seed``."""
    device = next(network.parameters()).device
    there = {name: value.to(device) for name, value in batch.items()}
    found = []
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for draw in range(DRAWS):
            state = np.random.SeedSequence([*seed, draw]).generate_state(1)
            torch.manual_seed(int(state[0]))
            found.append(float(network(there)["error"][0]))
    return np.array(found)


def _other(batches: Sequence[Batch], place: int) -> Batch | None:
    """Return the next clip whose actions differ."""
    here = batches[place]
    for step in range(1, len(batches)):
        other = batches[(place + step) % len(batches)]
        if any(not torch.equal(here[name], other[name]) for name in TOLD):
            return other
    return None
