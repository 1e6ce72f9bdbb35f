"""The dataset of a training: opened, or collected first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.dataset import MANIFEST, Dataset
from wiw_learn.training.config import Config

DATA = Path("runs/data")
"""Where a training looks for its data, and collects it."""


def folder_of(config: Config) -> Path:
    """Return the folder of a config's dataset."""
    return DATA / config.data_name


def dataset_of(config: Config, workers: int, say: Callable[[str], None]) -> Dataset:
    """Return a config's dataset, collecting what is missing of it.

    Parameters
    ----------
    workers : int
        Processes that collect; 0: one per core.
    say : callable
        Given sentences about what goes on.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the folder's dataset was collected with other settings than the
        config's; what collecting raises.
    """
    folder = folder_of(config)
    if (folder / MANIFEST).is_file():
        dataset = Dataset.open(folder)
        _same_settings(config, dataset)
        return dataset
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{folder}' holds no dataset, and several processes would collect it.",
            f"Collect it first: wiw collect {config.data['kind']}.",
        )
    from wiw.commands.collect import collect_shown

    say(f"Collects the data first, into {folder}.")
    return collect_shown(config.data_settings, folder, workers)


def _same_settings(config: Config, dataset: Dataset) -> None:
    made = dataset.manifest.provenance.get("config", {})
    for key, value in config.data_settings.items():
        if key in made and made[key] != value:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The dataset in '{dataset.folder}' was collected with {key} = {made[key]}, the"
                f" config wants {value}.",
                "Train on it all the same with --data, on fewer scenes with --set train_scenes=N,"
                " or collect another with --set data.folder=NAME.",
            )
