"""From a config and a dataset to judged weights with their card, and from a card to a judge."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import Interval
from wiw_learn import weights
from wiw_learn.dataset import Dataset
from wiw_learn.files import owned, write
from wiw_learn.recipes import Recipe, Samples, make_recipe
from wiw_learn.training import checkpoint, checks
from wiw_learn.training.card import data_hash, make_card, markdown
from wiw_learn.training.config import Config
from wiw_learn.training.curves import FOLDER as LOGS
from wiw_learn.training.loop import Loop, Progress, Trained
from wiw_learn.training.steps import make_accelerator
from wiw_learn.training.verdicts import finished, judge

if TYPE_CHECKING:
    from accelerate import Accelerator

NOT_IDENTITY = ("overfit_steps", "overfit_ratio", "package", "judge_on")
"""Settings of a config that change no weight."""


def nothing(*_: Any) -> None:
    """Take any news and say nothing."""


@dataclass(frozen=True)
class Options:
    """How a training is run; none of it changes a weight on a CPU.

    Attributes
    ----------
    threads : int
        Of torch, in each process.
    workers : int
        Processes that draw samples ahead; 0 draws in the training's own.
    check : bool
        Look at the data and overfit one batch first.
    fresh : bool
        Replace what an earlier training left in the folder.
    keep : collection of int
        Steps after which the weights are kept too, unjudged, in ``step_<number>/``.
    """

    threads: int = 1
    workers: int = 0
    check: bool = True
    fresh: bool = False
    keep: Collection[int] = ()


def train(
    config: Config,
    data: Dataset,
    folder: Path,
    options: Options,
    *,
    say: Callable[[str], None] = nothing,
    tell: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Train, judge on held-out scenes, and write weights and card into the folder.

    An interrupted training is gone on with, bit by bit the same on a CPU. In a process group that
    ``accelerate launch`` has started, every process calls this.

    Parameters
    ----------
    folder : Path
        Gets ``<name>.safetensors``, its cards ``<name>.json`` and ``<name>.md``, the checkpoint and
        ``logs/`` for TensorBoard.
    say : callable
        Given sentences about what goes on.
    tell : callable
        Given the progress, about every two seconds.
    stop : callable
        True ends the training, saved.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``, ``CONTRACT_VIOLATION``, ``RECORD_CORRUPT``, ``RECORDING_FAILED`` with
        what to do, ``BUSY`` if another command trains there, ``ABORTED_BY_USER`` after ``stop``.
    """
    import torch

    torch.set_num_threads(options.threads)
    accelerator = make_accelerator(config)
    main = accelerator.is_main_process
    data = checks.chosen(data, config)
    recipe = make_recipe(config.recipe, **config.options)
    limits = _limits(recipe, config)
    with ExitStack() as stack:
        if main:
            stack.enter_context(owned(folder))
            if options.fresh:
                _clear(folder, config.name)
        learn, judged = (recipe.samples(data, held_out=part) for part in (False, True))
        accelerator.wait_for_everyone()
        loop = Loop(
            config, recipe, learn, folder, identity(config, data), accelerator, options.workers
        )
        _check_keep(options.keep, loop.step, config, folder)
        if loop.step:
            say(f"Goes on after step {loop.step} of {config.steps}.")
        elif options.check and main:
            _check(config, data, recipe, (learn, judged), accelerator, say, stop)
        accelerator.wait_for_everyone()

        def keep(where: Path, step: int, trained: Trained, metrics: Mapping[str, Interval]) -> None:
            device, tensors = _device(accelerator), trained.tensors
            card = make_card(config, data, limits, tensors, metrics, step, trained.seconds, device)
            weights.save(where, config.name, tensors, card)
            page = markdown(weights.load(where, config.name)[1])
            write(where / (config.name + weights.PAGE_SUFFIX), page.encode())

        trained = loop.run(
            tell,
            stop,
            options.keep,
            lambda step, now: keep(_kept(folder, step), step, now, {}),
        )
        if not main:
            return {}
        del loop  # a large network may not fit beside the one that is judged
        accelerator.free_memory()
        start = time.monotonic()
        metrics = judge(config, recipe, judged, trained.tensors)
        say(f"Judged on held-out scenes in {time.monotonic() - start:.0f} s.")
        keep(folder, config.steps, trained, metrics)
        export = getattr(recipe, "export", None)
        if export is not None:
            export(finished(config, recipe, trained.tensors), folder)
        return weights.load(folder, config.name)[1]


def identity(config: Config, data: Dataset) -> str:
    """Return the hash of everything that decides the weights."""
    settings = {k: v for k, v in config.to_json().items() if k not in (*NOT_IDENTITY, "data")}
    text = json.dumps([settings, data_hash(data)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check(
    config: Config,
    data: Dataset,
    recipe: Recipe,
    samples: tuple[Samples, Samples],
    accelerator: Accelerator,
    say: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    start = time.monotonic()
    checks.check_data(data)
    checks.check_samples(samples[0], config, "to train on")
    checks.check_samples(samples[1], config, "held out")
    looked = time.monotonic()
    say(
        f"{len(samples[0])} samples to train on, {len(samples[1])} held out; looked at in"
        f" {looked - start:.0f} s."
    )
    if config.overfit_steps:
        before, after, steps = checks.overfit(config, recipe, samples[0], accelerator, stop)
        say(
            f"One batch is learnt: loss {before:.4g} to {after:.4g} in {steps} steps,"
            f" {time.monotonic() - looked:.0f} s."
        )


def _kept(folder: Path, step: int) -> Path:
    return folder / f"step_{step}"


def _check_keep(keep: Collection[int], done: int, config: Config, folder: Path) -> None:
    """Raise ``BAD_PARAMETER`` for a step whose weights can no longer, or never, be kept."""
    for step in keep:
        if not 1 <= step <= config.steps:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Step {step} cannot be kept: the training has steps 1 to {config.steps}.",
            )
        card = _kept(folder, step) / (config.name + weights.CARD_SUFFIX)
        if step <= done and not card.is_file():
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Step {step} cannot be kept: the training is past it, at {done}.",
                "Begin anew with --fresh, or choose another folder with --out.",
            )


def _limits(recipe: Recipe, config: Config) -> str:
    text = getattr(recipe, "limits", "")
    if not isinstance(text, str) or not text.strip():
        raise WiwError(
            ErrorCode.CONTRACT_VIOLATION,
            f"The recipe '{config.recipe}' does not say what its network cannot do.",
            "Give it an attribute 'limits'.",
        )
    return text


def _device(accelerator: Accelerator) -> str:
    import torch

    if accelerator.device.type == "cuda":
        name = torch.cuda.get_device_name(accelerator.device)
    else:
        name = f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s)"
    return name if accelerator.num_processes == 1 else f"{accelerator.num_processes} x {name}"


def _clear(folder: Path, name: str) -> None:
    """Remove what a training leaves, and nothing else."""
    for part in (folder, *folder.glob("step_*")):
        for suffix in (weights.SUFFIX, weights.CARD_SUFFIX, weights.PAGE_SUFFIX):
            (part / f"{name}{suffix}").unlink(missing_ok=True)
    (folder / checkpoint.FILE).unlink(missing_ok=True)
    for events in (folder / LOGS).glob("events.out.tfevents.*"):
        events.unlink()
