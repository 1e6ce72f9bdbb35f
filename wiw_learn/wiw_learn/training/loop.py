"""The steps of a training: draw, update, average, log, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.training import checkpoint
from wiw_learn.training.checkpoint import Place
from wiw_learn.training.config import Config
from wiw_learn.training.curves import Curves
from wiw_learn.training.ema import Ema
from wiw_learn.training.loader import Draws, batches
from wiw_learn.training.steps import learning_rate, make_network, make_optimiser, update

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from wiw_learn.recipes import Batch, Recipe, Samples
    from wiw_learn.weights import Tensors

LOOK_EVERY, LOOK_EVERY_S = 10, 2.0
"""Steps and seconds between looks at the losses: a look waits for the GPU."""
SAVE_EVERY_S = 120.0


@dataclass(frozen=True)
class Progress:
    """Where a training is, for its display.

    Attributes
    ----------
    step, steps : int
    loss : float
        Mean of the latest steps.
    samples_per_s, left_s : float
        By this sitting.
    """

    step: int
    steps: int
    loss: float
    samples_per_s: float
    left_s: float


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes
    ----------
    tensors : dict of torch.Tensor
        The averaged weights, on the CPU.
    seconds : float
        Of training, over all sittings.
    """

    tensors: Tensors
    seconds: float


class Loop:
    """One training, which can be interrupted and gone on with, bit by bit the same on a CPU.

    Parameters
    ----------
    config : Config
    recipe : Recipe
    samples : Samples
        Those to train on.
    folder : Path
        Holds the checkpoint and the logs.
    identity : str
        A checkpoint of another identity is not gone on with.
    accelerator : Accelerator
        Precision and devices.
    workers : int
        Processes that draw samples ahead; 0 draws in this one.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a batch that the processes cannot share, or another training's
        checkpoint; ``RECORD_CORRUPT`` for one that cannot be read.
    """

    def __init__(
        self,
        config: Config,
        recipe: Recipe,
        samples: Samples,
        folder: Path,
        identity: str,
        accelerator: Accelerator,
        workers: int = 0,
    ) -> None:
        if config.batch % (accelerator.num_processes * config.accumulate):
            in_parts = f" in {config.accumulate} parts each" if config.accumulate > 1 else ""
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"A batch of {config.batch} cannot be shared by {accelerator.num_processes}"
                f" processes{in_parts}.",
                "Choose a multiple.",
            )
        self._config, self._recipe, self._samples = config, recipe, samples
        self._folder, self._identity, self._workers = folder, identity, workers
        self._accelerator = accelerator
        network = make_network(recipe, config.seed)
        self._network, self._optimiser = accelerator.prepare(
            network, make_optimiser(network, config)
        )
        self._bare = accelerator.unwrap_model(self._network)
        self._ema = Ema(self._bare, config.ema)
        self._step, self._before_s = 0, 0.0
        self._resume()

    @property
    def step(self) -> int:
        """Steps done."""
        return self._step

    def run(
        self,
        tell: Callable[[Progress], None],
        stop: Callable[[], bool],
        keep: Collection[int] = (),
        kept: Callable[[int, Trained], None] = lambda step, trained: None,
    ) -> Trained:
        """Take the steps that are left.

        Parameters
        ----------
        tell : callable
            Given the progress now and then.
        stop : callable
            True ends the training after this step, saved.
        keep : collection of int
            Numbers of steps after which ``kept`` is given the weights.

        Raises
        ------
        WiwError
            ``ABORTED_BY_USER`` after ``stop``; ``BAD_PARAMETER`` if a loss or gradient is not
            finite, with the last good checkpoint left; ``RECORDING_FAILED``.
        """
        config, main = self._config, self._accelerator.is_main_process
        alone = self._accelerator.num_processes == 1
        first, start = self._step, time.monotonic()
        saved_at, looked_at, pending = start, start, list[dict[str, "torch.Tensor"]]()
        curves = Curves(self._folder, first + 1, main)
        self._network.train()
        for batch in self._batches():
            pending.append(self._take(batch))
            now, last = time.monotonic(), self._step == config.steps
            look = last or self._step in keep or self._step % LOOK_EVERY == 0
            # Several processes must look after the same step; one alone may whenever it likes.
            if not look and not (alone and (stop() or now - looked_at > LOOK_EVERY_S)):
                continue
            looked_at, means = now, self._means(pending)
            pending.clear()
            rate = (self._step - first) / max(1e-9, now - start)
            curves.add(self._step, {**means, "samples_per_s": rate * config.batch})
            tell(
                Progress(
                    self._step,
                    config.steps,
                    means["loss"],
                    rate * config.batch,
                    (config.steps - self._step) / rate,
                )
            )
            stopped = self._agree(stop())
            if main and (last or stopped or self._step in keep or now - saved_at > SAVE_EVERY_S):
                self._save(self._before_s + now - start)
                saved_at = time.monotonic()
            if main and self._step in keep:
                kept(self._step, self._trained(start))
            if stopped and not last:
                curves.close()
                raise WiwError(
                    ErrorCode.ABORTED_BY_USER,
                    f"Stopped and saved after step {self._step} of {config.steps}.",
                    "The same command goes on.",
                )
        curves.close()
        return self._trained(start)

    def _take(self, batch: Batch) -> dict[str, torch.Tensor]:
        import torch

        config, rank = self._config, self._accelerator.process_index
        # Seeded for every step, so that a resumed training needs no generator's state.
        state = np.random.SeedSequence([config.seed, self._step, rank, 2]).generate_state(1)
        torch.default_generator.manual_seed(int(state[0]))
        if self._accelerator.device.type == "cuda":
            torch.cuda.manual_seed(int(state[0]))
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(config, self._step)
        losses = update(
            self._accelerator,
            self._recipe,
            self._network,
            self._optimiser,
            batch,
            config.clip,
            config.accumulate,
        )
        self._ema.update(self._bare, self._step)
        self._step += 1
        return losses

    def _means(self, pending: list[dict[str, torch.Tensor]]) -> dict[str, float]:
        """Return the means of the latest steps; raises ``BAD_PARAMETER`` if any is not finite."""
        import torch

        means = {}
        for name in pending[0]:
            mine = torch.stack([losses[name].float() for losses in pending])
            values = self._accelerator.reduce(mine, "mean").cpu()  # all processes see the same
            if not bool(values.isfinite().all()):
                bad = self._step - len(pending) + int((~values.isfinite()).nonzero()[0]) + 1
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"The {name} of step {bad} is not finite; the last good checkpoint is kept.",
                    "Lower learning_rate or clip, and begin anew: --fresh.",
                )
            means[name] = float(values.mean())
        return means

    def _agree(self, stopped: bool) -> bool:
        """Tell whether any process is to stop: all of them stop after the same step."""
        import torch

        if self._accelerator.num_processes == 1:
            return stopped
        flag = torch.tensor(float(stopped), device=self._accelerator.device)
        return bool(self._accelerator.reduce(flag, "sum") > 0)

    def _batches(self) -> Iterator[Batch]:
        config, group = self._config, self._accelerator
        return batches(
            Draws(self._samples, config.batch, config.seed),
            config.batch,
            self._step,
            config.steps,
            group.process_index,
            group.num_processes,
            self._workers,
        )

    def _trained(self, start: float) -> Trained:
        tensors = {name: value.cpu().clone() for name, value in self._ema.tensors.items()}
        return Trained(tensors, self._before_s + time.monotonic() - start)

    def _save(self, seconds: float) -> None:
        place = Place(self._step, seconds, self._identity)
        path = self._folder / checkpoint.FILE
        checkpoint.save(path, place, self._bare, self._optimiser, self._ema)

    def _resume(self) -> None:
        path = self._folder / checkpoint.FILE
        if not path.exists():
            return
        place, tensors = checkpoint.read(path)
        if place.identity != self._identity:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self._folder}' holds a training of another config or other data.",
                "Begin anew with --fresh, or choose another folder with --out.",
            )
        checkpoint.restore(tensors, self._bare, self._optimiser, self._ema)
        self._step, self._before_s = place.step, place.seconds
