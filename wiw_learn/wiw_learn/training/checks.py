"""What is checked before a training, so that a long one does not fail late or learn nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.dataset import Dataset, held_out
from wiw_learn.training.config import Config
from wiw_learn.training.loader import Draws, stack, tensors
from wiw_learn.training.steps import make_network, make_optimiser, update

if TYPE_CHECKING:
    from accelerate import Accelerator

    from wiw_learn.recipes import Recipe, Samples

SHARDS = 4
"""Trajectories of each part, evenly apart, whose arrays are looked at. All are hashed when read."""
SAMPLES = 8
"""Samples of each part that are drawn twice."""


def chosen(data: Dataset, config: Config) -> Dataset:
    """Return the dataset with the config's ``train_scenes``, and every held-out scene.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if it is not of the config's kind or split, or has too few scenes.
    """
    manifest = data.manifest
    if manifest.split != "train":
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset in '{data.folder}' is of the split '{manifest.split}'.",
            "Train on the split 'train' only: the other judges.",
        )
    if manifest.kind != config.data["kind"]:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset in '{data.folder}' is of kind '{manifest.kind}', the config"
            f" wants '{config.data['kind']}'.",
            "Name another folder with --data.",
        )
    to_judge, to_train = scenes(data, judged=True), scenes(data, judged=False)
    wanted = config.train_scenes or len(to_train)
    if not to_judge or not to_train or len(to_train) < wanted:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset in '{data.folder}' has {len(to_train)} scenes to train on and"
            f" {len(to_judge)} held out; {max(1, wanted)} and 1 are needed.",
            "Collect more scenes, or set train_scenes lower.",
        )
    # One fixed order: a smaller number is part of every larger one, and no kind of scene is first.
    order = np.random.default_rng(0).permutation(len(to_train))[:wanted]
    kept = {*to_judge, *(to_train[k] for k in order)}
    shards = tuple(shard for shard in manifest.shards if shard.scene in kept)
    return Dataset(data.folder, replace(manifest, shards=shards))


def scenes(data: Dataset, *, judged: bool) -> tuple[int, ...]:
    """Return the scenes that are held out to judge by, or the others, sorted."""
    return tuple(scene for scene in data.scenes if held_out(scene) == judged)


def check_data(data: Dataset) -> None:
    """Raise ``RECORD_CORRUPT`` if a trajectory, of some looked at, holds a number not finite."""
    for part in (False, True):
        numbers = [k for k, s in enumerate(data.manifest.shards) if held_out(s.scene) == part]
        for place in sorted(set(np.linspace(0, len(numbers) - 1, SHARDS).astype(int))):
            for name, array in data.trajectory(numbers[place]).items():
                if not _finite(array):
                    raise WiwError(
                        ErrorCode.RECORD_CORRUPT,
                        f"'{data.manifest.shards[numbers[place]].file}' holds numbers in '{name}'"
                        " that are not finite.",
                        "Collect it again.",
                    )


def check_samples(samples: Samples, config: Config, part: str) -> None:
    """Draw some samples twice and look at them.

    Raises
    ------
    WiwError
        ``CONTRACT_VIOLATION`` if there are none, the same draw differs, they make no batch, or a
        number is not finite or out of the samples' ``ranges``.
    """
    if len(samples) == 0:
        raise _broken(f"There are no samples {part}")
    ranges: Mapping[str, tuple[float, float]] = getattr(samples, "ranges", {})
    first, again = (
        stack([draws[number] for number in range(SAMPLES)])
        for draws in (Draws(samples, SAMPLES, config.seed) for _ in range(2))
    )
    for name in ranges.keys() - first.keys():
        raise _broken(f"The samples {part} have ranges for '{name}', which they lack")
    for name, array in first.items():
        if array.dtype != again[name].dtype or array.tobytes() != again[name].tobytes():
            raise _broken(f"The samples' '{name}' {part} changes when it is drawn again")
        if not _finite(array):
            raise _broken(f"The samples' '{name}' {part} is not finite")
        low, high = ranges.get(name, (-np.inf, np.inf))
        if array.min() < low or array.max() > high:
            raise _broken(
                f"The samples' '{name}' {part} reaches from {array.min():g} to {array.max():g},"
                f" beyond {low:g} and {high:g}"
            )


def overfit(
    config: Config,
    recipe: Recipe,
    samples: Samples,
    accelerator: Accelerator,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[float, float, int]:
    """Learn one batch by heart, with a network of its own.

    Returns
    -------
    tuple
        The loss before and after, and the steps that this took: it ends as soon as the loss is low
        enough.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if it cannot: a long training would be in vain. ``ABORTED_BY_USER`` after
        ``stop``.
    """
    batch = tensors(
        [Draws(samples, config.batch, config.seed)[number] for number in range(config.batch)]
    )
    # Not prepared for several processes: each of them learns the same batch alone.
    network = make_network(recipe, config.seed).to(accelerator.device)
    optimiser = make_optimiser(network, config)
    network.train()
    before = loss = float("nan")
    for step in range(config.overfit_steps + 1):
        if stop():
            raise WiwError(ErrorCode.ABORTED_BY_USER, "Stopped before the training began.")
        with accelerator.autocast():
            losses = update(
                accelerator, recipe, network, optimiser, batch, config.clip, config.accumulate
            )
            loss = float(losses["loss"])
        if step == 0:
            before = loss
        if not np.isfinite(loss):
            break
        if step and loss <= config.overfit_ratio * before:
            return before, loss, step
    raise WiwError(
        ErrorCode.BAD_PARAMETER,
        f"The recipe cannot learn even one batch: {config.overfit_steps} steps took its loss from"
        f" {before:.4g} to {loss:.4g}, not to {config.overfit_ratio * before:.4g}.",
        "Look at the loss, the samples and learning_rate; --no-checks trains all the same.",
    )


def _finite(array: np.ndarray[Any, Any]) -> bool:
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def _broken(what: str) -> WiwError:
    return WiwError(ErrorCode.CONTRACT_VIOLATION, f"{what}.", "Correct the recipe.")
