"""The episodes of RLBench's tasks: drawn from a seed, or stored in a folder by RLBench itself."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

TRAIN_SEED = 1_000_000
"""Added to the seeds of training episodes: no seed is in both splits."""


@dataclass(frozen=True)
class Record:
    """One episode.

    Attributes
    ----------
    variation : int
        Of the task; -1: chosen by the seed.
    stored : int
        Number of the stored episode; -1: drawn from the seed.
    """

    id: str
    split: str
    seed: int
    variation: int = -1
    stored: int = -1


def drawn(count: int) -> tuple[Record, ...]:
    """Return episodes of both splits that are drawn from their seeds."""
    return tuple(
        Record(f"{split}_{k:04d}", split, first + k)
        for split, first in (("val", 0), ("train", TRAIN_SEED))
        for k in range(count)
    )


def stored(root: Path, task: str) -> tuple[Record, ...]:
    """Return the episodes in ``root/task/variationN/episodes/episodeM``, by their numbers."""
    numbers = []
    for folder in (root / task).glob("variation*/episodes/episode*"):
        variation = re.fullmatch(r"variation(\d+)", folder.parent.parent.name)
        episode = re.fullmatch(r"episode(\d+)", folder.name)
        if variation and episode and folder.is_dir():
            numbers.append((int(variation.group(1)), int(episode.group(1))))
    return tuple(
        Record(f"v{v:03d}_e{e:03d}", "val", zlib.crc32(f"{task}/{v}/{e}".encode()), v, e)
        for v, e in sorted(numbers)
    )
