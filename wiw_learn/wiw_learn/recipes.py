"""A recipe says what is trained: the network, its samples, its loss and what its card reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wiw_core.errors import ErrorCode
from wiw_core.registry import Kind, Registry
from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset

if TYPE_CHECKING:
    import torch

RECIPES = Kind("wiw.recipes", "recipe", ErrorCode.BAD_PARAMETER)

Batch = Mapping[str, "torch.Tensor"]


class Samples(Protocol):
    """Training samples drawn from a dataset; stateless, so any process may draw any of them.

    A class may also have ``ranges``, a mapping of array names to the lowest and highest value that
    they may hold: it is checked before a training.
    """

    def __len__(self) -> int:
        """Return how many samples make one epoch."""
        ...

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return one sample, arrays by name, without a batch axis; all chance comes from ``rng``.

        The same index and generator state give the same sample, bit by bit.
        """
        ...


class Recipe(Protocol):
    """One kind of network and how it is trained. Built from the config's ``options``.

    A class may also have ``export(network, folder)``: it is given the finished network, in
    evaluation mode, after its weights and card were written, to write beside them what its models
    load in another form. A network may leave out of its ``state_dict`` what is never trained.

    Attributes
    ----------
    limits : str
        What the network cannot do, in a sentence or two; printed in its card.
    """

    limits: str

    def network(self) -> torch.nn.Module:
        """Return a new network; its parameters come from torch's global generator."""
        ...

    def samples(self, data: Dataset, *, held_out: bool) -> Samples:
        """Return the samples of the scenes to train on, or of those held out to judge by."""
        ...

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return scalars by name; ``loss`` is minimised, the others are logged.

        Calls the network only as ``network(...)``: on several GPUs it is wrapped. Chance, if any,
        comes from torch's global generator, which is seeded for every step.
        """
        ...

    def judge(self, network: torch.nn.Module, held_out: Samples, seed: int) -> dict[str, Interval]:
        """Return the card's metrics on held-out samples, each with its 95 % interval.

        The network is on the CPU, unless the config's ``judge_on`` says otherwise, in evaluation
        mode, without gradients, with the weights that ship. The same network and seed give the
        same numbers.
        """
        ...


def make_recipe(name: str, **options: Any) -> Recipe:
    """Return a registered recipe; ``BAD_PARAMETER`` for an unknown name or option."""
    recipe: Recipe = Registry(RECIPES).create(name, **options)
    return recipe
