"""Batches whose samples depend on the seed, the step and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError

if TYPE_CHECKING:
    import torch

    from wiw_learn.recipes import Samples


class Draws:
    """The samples of a whole training, by number: step 0 first, ``batch`` of them per step.

    Every sample is used once before any is used again, in an order that changes with each round.
    Nothing is remembered, so that a resumed training, another number of worker processes, or
    several GPUs draw the very same samples.

    Parameters
    ----------
    samples : Samples
    batch, seed : int
    """

    def __init__(self, samples: Samples, batch: int, seed: int) -> None:
        self._samples, self._batch, self._seed = samples, batch, seed
        self._round, self._order = -1, np.zeros(0, np.int64)

    def __getitem__(self, number: int) -> Mapping[str, Any]:
        """Return sample ``number % batch`` of step ``number // batch``."""
        step, place = divmod(number, self._batch)
        return self._samples.sample(
            self._index(number), np.random.default_rng([self._seed, step, place])
        )

    def _index(self, number: int) -> int:
        turn, position = divmod(number, len(self._samples))
        if turn != self._round:
            # Four numbers, so that no sample's generator has the same seed.
            rng = np.random.default_rng([self._seed, turn, 0, 1])
            self._round, self._order = turn, rng.permutation(len(self._samples))
        return int(self._order[position])


def stack(rows: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return samples as one batch, arrays by name with a batch axis in front.

    Raises
    ------
    WiwError
        ``CONTRACT_VIOLATION`` if samples differ in names, shapes or types.
    """
    batch = {}
    for name, first in rows[0].items():
        try:
            arrays = [np.asarray(row[name]) for row in rows]
            if len({(array.shape, array.dtype) for array in arrays}) > 1:
                raise ValueError(f"shapes {sorted({a.shape for a in arrays})}")
            batch[name] = np.stack(arrays)
        except (KeyError, ValueError) as error:
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION,
                f"The samples' '{name}' of {np.asarray(first).shape} do not make a batch: {error}.",
            ) from error
    return batch


def tensors(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Return samples as one batch of tensors."""
    import torch

    return {name: torch.from_numpy(array) for name, array in stack(rows).items()}


def batches(
    draws: Draws, batch: int, first: int, last: int, rank: int, ranks: int, workers: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the batch of every step from ``first`` to ``last`` (excluded).

    Parameters
    ----------
    rank, ranks : int
        This process' share of each batch.
    workers : int
        Processes that draw ahead; 0 draws in this one. They are forked, so that they share the
        dataset's memory.
    """
    import torch
    from torch.utils.data import DataLoader

    share = batch // ranks
    starts = (step * batch + rank * share for step in range(first, last))
    numbers = (list(range(start, start + share)) for start in starts)
    yield from DataLoader(
        draws,  # type: ignore[arg-type]  # it has what a map-style dataset needs
        batch_sampler=numbers,
        num_workers=workers,
        collate_fn=tensors,
        # Of its own, so that torch's global generator is left alone.
        generator=torch.Generator().manual_seed(0),
        multiprocessing_context="fork" if workers else None,
    )
