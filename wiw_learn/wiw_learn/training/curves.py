"""The curves of a training, for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = "logs"


class Curves:
    """Numbers by step, in ``logs/``.

    Parameters
    ----------
    run : Path
        Folder of the training.
    first : int
        What an earlier sitting logged from this step on is struck out.
    on : bool
        False writes nothing: of several processes one does.
    """

    def __init__(self, run: Path, first: int, on: bool) -> None:
        self._writer = None
        if on:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(run / FOLDER, purge_step=first)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each of the curves."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
