"""Stored demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Demo:
    """How a demonstration began."""

    variation: int
    seed: int

    def restore_state(self) -> None:
        """Let numpy's global generator be as it was."""
        np.random.seed(self.seed)


def stored(root: str, task: str, variation: int, episode: int) -> Demo:
    """Read one; the fake's file holds a seed. Raises ``RuntimeError`` if there is none."""
    folder = Path(root) / task / f"variation{variation}" / "episodes" / f"episode{episode}"
    if not root or not folder.is_dir():
        raise RuntimeError(f"Can't find the demos for {task} at: {folder}")
    return Demo(variation, int((folder / "seed").read_text()))
