"""Cases: what was seen, what was done, what came of it, and what else could have been done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Rgb
from wiw_core.plans import Plan
from wiw_learn.dataset import Dataset, Shard, Trajectory, held_out
from wiw_learn.measure.metrics import METRICS

MEMORY = 16
"""Observations before now that a model with memory is given, at most."""


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes
    ----------
    cases : int
        Starting points, spread over the held-out scenes.
    horizon : int
        Most actions of a plan.
    plans : int
        M: the executed plan and M - 1 others.
    films : int
        Cases whose frames are kept to be looked at.
    held_out : bool
        Only scenes that are held out from training; False for data that nothing is trained on.
    """

    cases: int = 48
    horizon: int = 6
    plans: int = 6
    seed: int = 0
    films: int = 4
    held_out: bool = True

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for a number that is too small."""
        least = {"cases": 1, "horizon": 1, "plans": 2, "films": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"'{name}' is {getattr(self, name)}; it is {low} at least.",
                )


@dataclass(frozen=True)
class Case:
    """One starting point.

    Attributes
    ----------
    observations : tuple of Observation
        Oldest first; the last one is now.
    plans : tuple of Plan
        The first one was really executed, the others are as long.
    choices : mapping
        For ``action_choice`` and its like, the plans among which it chooses; the first is 0.
    real : (L, H, W, 3) uint8
        What was seen after each action of the executed plan.
    others : (M - 1, H, W, 3) uint8
        Other real views nearby, not of the executed plan's end; the first is the view of now, if
        that is elsewhere. Empty where there are fewer.
    truth : Any
        What the kind of dataset alone knows.
    """

    scene: int
    shard: int
    start: int
    observations: tuple[Observation, ...]
    plans: tuple[Plan, ...]
    choices: Mapping[str, tuple[int, ...]]
    real: Rgb
    others: Rgb
    truth: Any = None

    @property
    def name(self) -> str:
        """A name to find it again: scene, shard and first action."""
        return f"{self.scene}/{self.shard}/{self.start}"


@dataclass
class Scores:
    """What one model's frames are worth in one case.

    Attributes
    ----------
    values : dict
        By metric; absent or NaN where it cannot be measured.
    curves : dict
        By metric, one number per frame: how it drifts.
    pairs : dict
        By metric, (N, 2) rows of a statistic over all cases.
    """

    values: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


class Kind(Protocol):
    """What depends on the kind of dataset."""

    @property
    def arrays(self) -> tuple[str, ...]:
        """What it needs of a trajectory."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """What this kind adds to the metrics that all have."""
        ...

    def starts(self, trajectory: Trajectory, horizon: int) -> Sequence[int]:
        """Return the places of a trajectory at which a case may begin."""
        ...

    def case(
        self,
        trajectory: Trajectory,
        shard: Shard,
        index: int,
        start: int,
        settings: Settings,
        rng: np.random.Generator,
    ) -> Case:
        """Return the case that begins there; all chance comes from ``rng``."""
        ...

    def right(self, frame: Rgb, truth: Rgb) -> float:
        """Return the share of right pixels: what a confidence is to state."""
        ...

    def score(self, case: Case, frames: Rgb) -> Scores:
        """Return this kind's own scores of the executed plan's (L, H, W, 3) frames."""
        ...


def shards_to_judge(data: Dataset, settings: Settings) -> dict[int, int]:
    """Return how many cases each shard gives, by index: evenly, in a seeded order.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the dataset has no held-out scene, or is not of the train split.
    """
    shards = [
        k
        for k, shard in enumerate(data.manifest.shards)
        if held_out(shard.scene) or not settings.held_out
    ]
    if not shards:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset '{data.folder}' has no held-out scene.",
            "Collect more scenes: of ten in a row, one is held out from training.",
        )
    if data.manifest.split != "train":
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The dataset '{data.folder}' is of the {data.manifest.split} split.",
            "Models are measured on held-out train scenes; val scenes are for closed loops.",
        )
    order = np.random.default_rng([settings.seed, 0]).permutation(len(shards))
    counts: dict[int, int] = {}
    for k in range(settings.cases):
        shard = shards[order[k % len(shards)]]
        counts[shard] = counts.get(shard, 0) + 1
    return dict(sorted(counts.items()))


def metric_names(kind: Kind) -> tuple[str, ...]:
    """Return every metric that this kind of dataset allows, in the order shown."""
    common = {
        "psnr_db",
        "psnr_last_db",
        "ssim",
        "lpips",
        "sharpness",
        "action_choice",
        "action_rank",
        "action_gap_db",
        "future_choice",
        "diversity",
        "calibration_error",
        "confidence_rank",
        "seconds_per_frame",
        "seconds_per_end",
    }
    mine = common | set(kind.metrics)
    return tuple(name for name in METRICS if name in mine)
