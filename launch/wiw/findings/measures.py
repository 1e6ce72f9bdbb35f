"""The measures of a study's checkpoints, by ``wiw measure``; each is measured once."""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from wiw.arms import parse
from wiw.datasets import folder_of
from wiw.files import write_json
from wiw.findings.plan import Checkpoint, Plan
from wiw.findings.sittings import WEIGHTS
from wiw.measuring.subjects import make_subject
from wiw.results import plain
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_learn.training.config import load_config

FOLDER = "measures"
CASES = 32
"""Starting points that each checkpoint is measured from, the same ones for all."""

Measured = Mapping[str, Interval]


def measure_missing(
    plan: Plan,
    checkpoints: Sequence[Checkpoint],
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> None:
    """Measure the checkpoints that have not been, ``workers`` at a time.

    Raises
    ------
    WiwError
        What ``wiw measure`` raises.
    """
    waiting = [c for c in checkpoints if not _file(folder, c.name).is_file()]
    if waiting:
        say(f"Measures {len(waiting)} checkpoints on held-out train scenes.")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            jobs = {
                pool.submit(
                    measure, checkpoint.arm(folder / WEIGHTS), data_of(checkpoint), plan.seed
                ): checkpoint.name
                for checkpoint in waiting
            }
            try:
                for job in as_completed(jobs):
                    write_json(_file(folder, jobs[job]), plain(job.result()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # those not begun
                raise


def measure(arm: str, data: Path, seed: int) -> dict[str, dict[str, float]]:
    """Measure one arm's model on the held-out scenes of a dataset; return intervals by measure.

    Raises
    ------
    WiwError
        What the model, the dataset or the measurement raises.
    """
    import torch

    from wiw_learn.measure import Settings, measure

    torch.set_num_threads(1)
    dataset = Dataset.open(data)
    model = make_subject(parse(arm), dataset)
    try:
        report = measure({arm: model}, dataset, Settings(CASES, seed=seed, films=0))
    finally:
        model.close()
    row = report.row(arm)
    return {name: asdict(row.estimate(name, seed).value) for name in report.shown()}


def read(folder: Path, names: Sequence[str]) -> dict[str, Measured]:
    """Return what has been measured, by checkpoint."""
    return {name: _read(_file(folder, name)) for name in names if _file(folder, name).is_file()}


def data_of(checkpoint: Checkpoint) -> Path:
    """Return the dataset whose held-out scenes judge a checkpoint: that of its training."""
    return folder_of(load_config(checkpoint.train))


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"


def _read(path: Path) -> Measured:
    try:
        content = json.loads(path.read_text("utf-8"))
        return {
            name: Interval(*(math.nan if v is None else float(v) for v in values.values()))
            for name, values in content.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"'{path}' holds no measures ({error}).", "Delete it."
        ) from error
