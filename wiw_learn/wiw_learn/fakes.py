"""A fake recipe and its dataset of numbers: what training does, in a second, without pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wiw_core.statistics import Interval, mean_interval
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, held_out, pack
from wiw_learn.files import write

if TYPE_CHECKING:
    import torch

    from wiw_learn.recipes import Batch

KIND = "numbers"
SIZE = 6
"""Numbers in each ``x``."""
LENGTH = 9


def write_numbers(
    folder: Path, scenes: Iterable[int], split: str = "train", **odd: npt.NDArray[Any]
) -> Dataset:
    """Write trajectories whose ``y`` is a fixed linear function of ``x``, and a little noise.

    Parameters
    ----------
    odd : ndarray
        Arrays that every trajectory is given in place of its own, or besides.
    """
    shards = []
    for scene in scenes:
        rng = np.random.default_rng(scene)
        x = rng.normal(size=(LENGTH, SIZE)).astype(np.float32)
        y = (x @ np.linspace(-1, 1, SIZE) + 0.01 * rng.normal(size=LENGTH)).astype(np.float32)
        data = pack({"x": x, "y": y, **odd})
        name = f"{scene}.npz"
        write(folder / name, data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(name, digest, scene, "line", "", scene, LENGTH))
    settings = {"kind": KIND, "scenes": len(shards)}
    manifest = Manifest(KIND, split, ("go",), tuple(shards), {"config": settings})
    write(folder / MANIFEST, manifest.to_json().encode())
    return Dataset.open(folder)


class FakeSamples:
    """Rows of ``x`` (6,) float32 with a little noise that the generator draws, and ``y``."""

    ranges: Mapping[str, tuple[float, float]] = {"x": (-10.0, 10.0)}

    def __init__(self, data: Dataset, part: bool) -> None:
        shards = data.manifest.shards
        found = [data.trajectory(k) for k in range(len(data)) if held_out(shards[k].scene) == part]
        self.x, self.y = (np.concatenate([rows[name] for rows in found]) for name in ("x", "y"))

    def __len__(self) -> int:
        return len(self.x)

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return one row."""
        noise = rng.normal(scale=0.01, size=SIZE).astype(np.float32)
        return {"x": self.x[index] + noise, "y": self.y[index]}


class FakeRecipe:
    """Learns a line, with all that makes a training hard to repeat: dropout, running statistics.

    Parameters
    ----------
    width : int
        Of the network.
    plain : bool
        Without dropout and running statistics, which depend on the number of processes.
    fault : str
        ``blows up``: the loss is not a number at the 34th step; ``learns nothing``.
    """

    limits = "It knows lines only."

    def __init__(self, width: int = 8, plain: bool = False, fault: str = "") -> None:
        self._width, self._plain, self._fault, self._calls = width, plain, fault, 0

    def network(self) -> torch.nn.Module:
        """Return a new network."""
        from torch import nn

        rough = [] if self._plain else [nn.BatchNorm1d(self._width), nn.Dropout(0.1)]
        first, last = nn.Linear(SIZE, self._width), nn.Linear(self._width, 1)
        return nn.Sequential(first, *rough, nn.GELU(), last)

    def samples(self, data: Dataset, *, held_out: bool) -> FakeSamples:
        """Return the rows of a part."""
        return FakeSamples(data, held_out)

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the mean squared error, and the largest."""
        error = network(batch["x"])[:, 0] - batch["y"]
        loss = error.square().mean()
        self._calls += 1
        if self._fault == "blows up" and self._calls == 34:
            loss = loss * float("nan")
        if self._fault == "learns nothing":
            loss = loss.detach() + 0 * error.sum()
        return {"loss": loss, "worst": error.detach().abs().max()}

    def judge(
        self, network: torch.nn.Module, held_out: FakeSamples, seed: int
    ) -> dict[str, Interval]:
        """Return the mean absolute error."""
        import torch

        error = network(torch.from_numpy(held_out.x))[:, 0] - torch.from_numpy(held_out.y)
        return {"absolute error": mean_interval(error.abs().tolist())}
