"""``meta/stats.json`` of a LeRobotDataset: how to normalise each feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_learn.lerobot_files import DEPTH

PIXEL_STEP = 8
"""Every so many rows and columns of a picture count."""

Array = npt.NDArray[Any]


class Stats:
    """Least, greatest, mean and standard deviation of each feature, gathered as episodes come.

    Pictures have one value per channel, shape (C, 1, 1): colours as 0 to 1, depth in millimetres.
    """

    def __init__(self) -> None:
        self._sums: dict[str, _Sums] = {}

    def add(
        self, rows: Mapping[str, Array], videos: Mapping[str, Array], depth: Array | None
    ) -> None:
        """Take in one episode, as :meth:`wiw_learn.lerobot_files.Files.add` does."""
        frames = len(next(iter(rows.values())))
        for name, values in rows.items():
            self._of(name).add(values.reshape(frames, -1).astype(np.float64), frames)
        for name, pictures in videos.items():
            some = pictures[:, ::PIXEL_STEP, ::PIXEL_STEP].reshape(-1, 3) / 255.0
            self._of(name, picture=True).add(some, frames)
        if depth is not None:
            some = depth[:, ::PIXEL_STEP, ::PIXEL_STEP].reshape(-1, 1).astype(np.float64)
            self._of(DEPTH, picture=True).add(some, frames)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return what the file holds."""
        return {name: sums.as_dict() for name, sums in self._sums.items()}

    def _of(self, name: str, picture: bool = False) -> _Sums:
        return self._sums.setdefault(name, _Sums(picture))


class _Sums:
    def __init__(self, picture: bool) -> None:
        self._picture, self._frames, self._count = picture, 0, 0
        self._low = self._high = self._sum = self._squares = np.zeros(0)

    def add(self, values: Array, frames: int) -> None:
        low, high = values.min(axis=0), values.max(axis=0)
        total, squares = values.sum(axis=0), (values**2).sum(axis=0)
        if self._count:
            low, high = np.minimum(low, self._low), np.maximum(high, self._high)
            total, squares = total + self._sum, squares + self._squares
        self._low, self._high, self._sum, self._squares = low, high, total, squares
        self._count += len(values)
        self._frames += frames

    def as_dict(self) -> dict[str, Any]:
        mean = self._sum / self._count
        std = np.sqrt(np.maximum(self._squares / self._count - mean**2, 0.0))
        found = {"min": self._low, "max": self._high, "mean": mean, "std": std}
        shape = (-1, 1, 1) if self._picture else (-1,)
        listed = {name: value.reshape(shape).tolist() for name, value in found.items()}
        return {**listed, "count": [self._frames]}
