"""A training of the fake recipe: a second of work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wiw_learn import fakes
from wiw_learn.dataset import Dataset
from wiw_learn.training.config import Config, make_config

SCENES = range(2000, 2020)


def write_data(folder: Path, scenes=SCENES, split="train", **odd) -> Dataset:
    return fakes.write_numbers(folder, scenes, split, **odd)


def content(**changes) -> dict[str, Any]:
    return {
        "name": "tiny",
        "recipe": "fake",
        "package": "wiw_learn",
        "data": {"kind": fakes.KIND, "scenes": len(SCENES)},
        "batch": 8,
        "steps": 20,
        "learning_rate": 0.01,
        "warmup": 3,
        "weight_decay": 0.01,
        "ema": 0.9,
        **changes,
    }


def config(**changes) -> Config:
    return make_config(content(**changes))
