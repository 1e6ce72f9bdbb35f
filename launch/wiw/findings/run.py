"""A study from its plan to its page: train, run, measure, answer; whatever is done is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from wiw.evaluate import Watcher
from wiw.files import write_json
from wiw.findings import control, measures, page, scaling, sittings, trainings, worth
from wiw.findings.claims import Finding
from wiw.findings.evidence import Evidence
from wiw.findings.plan import Checkpoint, Plan
from wiw.findings.sittings import CHECKPOINTS, TASKS, TRAINING, WEIGHTS, Sitting
from wiw.settings import AT
from wiw.study import Study
from wiw_core.errors import ErrorCode, WiwError

LETTERS = "abcde"
TIMES = "times.json"


def run(
    plan: Plan,
    name: str,
    out: Path,
    workers: int,
    watcher: Callable[[Study], AbstractContextManager[Watcher]],
    say: Callable[[str], None],
    only: str = LETTERS,
) -> tuple[Path, list[Finding]]:
    """Do what is left of a study and write its page; interrupted, the next call goes on.

    Parameters
    ----------
    name : str
        Of the plan, as the user gave it.
    only : str
        Letters of the findings to work for; the page shows what there is of the others.

    Returns
    -------
    Path, list of Finding
        The page, and what is on it.

    Raises
    ------
    WiwError
        What trainings, runs and measures raise.
    """
    if not only or set(only) - set(LETTERS):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{only}' are not findings.",
            f"They are the letters {', '.join(LETTERS)}; for example --only ad.",
        )
    clock = _Clock(out / TIMES)
    wanted = trainings.trainings(_checkpoints(plan, only), out / WEIGHTS)
    say(_left(plan, out, only, wanted))
    with clock.counting("training_s"):
        trainings.train_missing(wanted, workers, say)
    with clock.counting("wall_s"):
        for sitting in sittings.sittings(plan, out):
            if _wanted(sitting, only):
                say(f"Runs '{sitting.name}'.")
                sittings.run(sitting, out, workers, watcher, say)
        if "e" in only:
            measures.measure_missing(plan, _tried(plan, out), out, workers, say)
    found = findings(plan, out)
    made = page.Made(name, out, clock.seconds("wall_s"), clock.seconds("training_s"))
    return page.write(out, plan, found, made), found


def findings(plan: Plan, out: Path) -> list[Finding]:
    """Return the five findings, (a) to (e), as far as the study in ``out`` has come."""
    runs = {s.name: sittings.records_of(s, out) for s in sittings.sittings(plan, out)}
    names = [checkpoint.name for checkpoint in plan.checkpoints]
    evidence = Evidence(plan, runs, measures.read(out, names))
    return [
        worth.helps(evidence),
        worth.training(evidence),
        scaling.data(evidence),
        scaling.thinking(evidence),
        control.control(evidence),
    ]


def _left(plan: Plan, out: Path, only: str, wanted: Sequence[trainings.Training]) -> str:
    """Return what is left to do, in a sentence."""
    training = sum(not t.done for t in wanted)
    episodes = sum(
        sittings.left(sitting, out)
        for sitting in sittings.sittings(plan, out)
        if _wanted(sitting, only)
    )
    measured = measures.read(out, [c.name for c in plan.checkpoints])
    measuring = len(plan.checkpoints) - len(measured) if "e" in only else 0
    return (
        f"Left to do: {training} trainings, at most {episodes} episodes and {measuring}"
        " measurements."
    )


def _wanted(sitting: Sitting, only: str) -> bool:
    letters = {TASKS: "ab", TRAINING: "b", CHECKPOINTS: "ce"}.get(sitting.name, "d")
    return bool(set(letters) & set(only))


def _tried(plan: Plan, out: Path) -> list[Checkpoint]:
    """Return the checkpoints that have been in the loop: those of other tasks' models have not."""
    rows = {
        row
        for sitting in sittings.sittings(plan, out)
        if sitting.name == CHECKPOINTS
        for (_, row), mine in sittings.records_of(sitting, out).items()
        if mine
    }
    return [c for c in plan.checkpoints if any(r.partition(AT)[0] == c.name for r in rows)]


def _checkpoints(plan: Plan, only: str) -> list[Checkpoint]:
    """Return the checkpoints that the findings need."""
    if set("ce") & set(only):
        return list(plan.checkpoints)
    wanted = set(plan.models) if set("ab") & set(only) else set()
    if "b" in only:
        wanted |= {name for pair in plan.against for name in pair}
    return [checkpoint for checkpoint in plan.checkpoints if checkpoint.name in wanted]


class _Clock:
    """Seconds of work over all sittings, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seconds(self, name: str) -> float:
        """Return the seconds so far."""
        try:
            return float(json.loads(self._path.read_text("utf-8")).get(name, 0.0))
        except (OSError, ValueError):
            return 0.0

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count the seconds of a block, however it ends."""
        start = time.monotonic()
        try:
            yield
        finally:
            every = {key: self.seconds(key) for key in ("training_s", "wall_s")}
            every[name] += time.monotonic() - start
            write_json(self._path, every)
