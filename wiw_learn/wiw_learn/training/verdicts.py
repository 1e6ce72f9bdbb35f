"""How good weights are on held-out scenes, and whether that is what their card states."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import Interval
from wiw_learn import weights
from wiw_learn.dataset import Dataset
from wiw_learn.recipes import Recipe, Samples, make_recipe
from wiw_learn.training import checks
from wiw_learn.training.card import metrics_of
from wiw_learn.training.config import Config
from wiw_learn.training.steps import make_network

if TYPE_CHECKING:
    import torch

JUDGE_SEED = 0


@dataclass(frozen=True)
class Verdict:
    """One metric, as a card states it and as it is now."""

    name: str
    stated: Interval
    now: Interval

    @property
    def holds(self) -> bool:
        """Tell whether the value now lies in the stated interval.

        An interval without bounds holds only the very same value, and not-a-number itself.
        """
        if math.isnan(self.stated.low) or math.isnan(self.stated.high):
            same = self.now.estimate == self.stated.estimate
            return same or (math.isnan(self.now.estimate) and math.isnan(self.stated.estimate))
        return self.stated.low <= self.now.estimate <= self.stated.high


def judge(
    config: Config, recipe: Recipe, held_out: Samples, tensors: weights.Tensors
) -> dict[str, Interval]:
    """Return the metrics of weights, rounded as they ship, on the device that the config names.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if the tensors are not those of the recipe's network.
    """
    import torch

    network = finished(config, recipe, tensors)
    if config.judge_on == "accelerator" and torch.cuda.is_available():
        network.to("cuda")
    torch.manual_seed(JUDGE_SEED)
    with torch.inference_mode():
        return recipe.judge(network, held_out, JUDGE_SEED)


def finished(config: Config, recipe: Recipe, tensors: weights.Tensors) -> torch.nn.Module:
    """Return the network of weights, rounded as they ship, on the CPU, in evaluation mode.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if the tensors are not those of the recipe's network.
    """
    network = make_network(recipe, config.seed)
    try:
        network.load_state_dict(weights.halved(tensors))
    except RuntimeError as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The weights '{config.name}' are not those of the recipe '{config.recipe}'.",
            f"Make them again: wiw train {config.name} --ship.",
        ) from error
    return network.eval()


def judge_again(
    config: Config, data: Dataset, folder: Path | Traversable, threads: int = 1
) -> list[Verdict]:
    """Judge weights once more on the held-out scenes, and compare with what their card states.

    Parameters
    ----------
    config : Config
        Whose recipe and name; its options must be the card's.
    folder : Path or Traversable
        Of the weights: :func:`wiw_learn.weights.shelf`, for those that ship.

    Raises
    ------
    WiwError
        As :func:`wiw_learn.weights.load`; ``BAD_PARAMETER`` if the card is of another recipe or
        other options, or the data have other held-out scenes.
    """
    import torch

    torch.set_num_threads(threads)
    tensors, card = weights.load(folder, config.name)
    if (card["recipe"], card["options"]) != (config.recipe, config.to_json()["options"]):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The card of '{config.name}' is of another recipe or other options than its config.",
            f"Make it again: wiw train {config.name} --ship.",
        )
    data = checks.chosen(data, config)
    if list(checks.scenes(data, judged=True)) != card["data"]["held_out_scenes"]:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset in '{data.folder}' holds out other scenes than the card was judged on.",
            "Collect it as the config says, in another folder.",
        )
    recipe = make_recipe(config.recipe, **config.options)
    return compare(card, judge(config, recipe, recipe.samples(data, held_out=True), tensors))


def compare(card: Mapping[str, Any], metrics: Mapping[str, Interval]) -> list[Verdict]:
    """Return each metric of a card beside what it is now; one that is gone is not-a-number."""
    gone = Interval(math.nan, math.nan, math.nan)
    return [Verdict(n, value, metrics.get(n, gone)) for n, value in metrics_of(card).items()]
