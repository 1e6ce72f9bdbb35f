"""The trainings of a study: those that are missing, each by ``wiw train`` in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wiw.datasets import dataset_of
from wiw.findings.plan import Checkpoint
from wiw.workers.orphans import end_with_parent
from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.training.config import Config, load_config

LOG = "train.log"
POLL_S = 0.5


@dataclass(frozen=True)
class Training:
    """One run of ``wiw train`` and the steps whose weights are kept.

    Attributes
    ----------
    folder : Path
    config : str
    changes : tuple of str
        For ``--set``.
    steps : tuple of int
    """

    folder: Path
    config: str
    changes: tuple[str, ...]
    steps: tuple[int, ...]

    @property
    def loaded(self) -> Config:
        """The config as it is trained."""
        return load_config(self.config, self.changes)

    @property
    def done(self) -> bool:
        """Whether all its weights are there."""
        name = self.loaded.name
        places = [self.folder, *(self.folder / f"step_{step}" for step in self.steps)]
        return all((place / f"{name}.json").is_file() for place in places)

    def command(self) -> list[str]:
        """Return the command that makes it, or goes on with it."""
        words = [sys.executable, "-m", "wiw", "train", self.config, "--no-checks"]
        for change in self.changes:
            words += ["--set", change]
        for step in self.steps:
            words += ["--keep", str(step)]
        return [*words, "--out", str(self.folder)]


def trainings(checkpoints: Iterable[Checkpoint], folder: Path) -> list[Training]:
    """Return the trainings that the checkpoints come from, each once."""
    steps: dict[str, set[int]] = {}
    first: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        first.setdefault(checkpoint.training, checkpoint)
        kept = steps.setdefault(checkpoint.training, set())
        kept.update([checkpoint.step] if checkpoint.step else [])
    return [
        Training(
            folder / name,
            checkpoint.train,
            tuple(f"{key}={value}" for key, value in checkpoint.set.items()),
            tuple(sorted(steps[name])),
        )
        for name, checkpoint in first.items()
    ]


def train_missing(wanted: Iterable[Training], workers: int, say: Callable[[str], None]) -> float:
    """Train what is not there, ``workers`` at a time; return the seconds it took.

    Interrupted, it ends the trainings, which go on where they were in the next call.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` with the end of its log if a training fails; what ``wiw collect``
        raises.
    """
    start = time.monotonic()
    waiting = [training for training in wanted if not training.done]
    if not waiting:
        return 0.0
    for training in waiting:
        # Here and not in the trainings, which would collect the same data side by side.
        dataset_of(training.loaded, workers, say)
    running: dict[Training, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                training = waiting.pop(0)
                say(f"Trains {training.folder.name}; {len(waiting)} more to begin.")
                running[training] = _begin(training)
            for training in [t for t, process in running.items() if process.poll() is not None]:
                _end(training, running.pop(training), say)
            time.sleep(POLL_S)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    return time.monotonic() - start


def _begin(training: Training) -> subprocess.Popen[bytes]:
    training.folder.mkdir(parents=True, exist_ok=True)
    with (training.folder / LOG).open("ab") as log:
        return subprocess.Popen(
            training.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for this process, which ends it in order
            preexec_fn=end_with_parent,
        )


def _end(training: Training, process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    log = training.folder / LOG
    if process.returncode or not training.done:
        tail = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:]
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The training '{training.folder.name}' failed: {' '.join(tail) or 'it said nothing'}",
            f"See '{log}'.",
        )
    say(f"Trained {training.folder.name}.")
