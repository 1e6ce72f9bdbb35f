"""Live progress of an evaluation: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from wiw.study import Job, Study
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import WiwError, describe
from wiw_core.metrics import is_fault

LINE_EVERY_S = 10.0
"""Seconds between plain lines."""


class Tally:
    """A context manager that shows each job's outcome."""

    def __init__(self, study: Study, console: Console) -> None:
        self._study, self._console = study, console
        self._successes: dict[tuple[str, str], int] = defaultdict(int)
        self._ended: dict[tuple[str, str], int] = defaultdict(int)
        self._said_faults: set[str] = set()
        self._start = self._said = time.monotonic()
        self._bars: dict[tuple[str, str], TaskID] = {}
        self._left = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[so_far]}"),
            console=console,
        )

    def __enter__(self) -> Tally:
        settings = self._study.settings
        if self._console.is_terminal:
            for task in settings.tasks:
                for arm in settings.labels():
                    self._bars[task, arm] = self._progress.add_task(
                        f"{task:>6} {arm:<13}", total=settings.count(task), so_far=""
                    )
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def begin(self, jobs: Sequence[Job]) -> None:
        """Show how much an earlier sitting has done already."""
        settings = self._study.settings
        left = Counter((job.task, job.arm) for job in jobs)
        self._left = len(jobs)
        for sentence in self._study.left_out():
            self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        for (task, row), bar in self._bars.items():
            self._progress.update(bar, completed=settings.count(task) - left[task, row])
            self._progress.update(bar, visible=row in self._study.rows(task))

    def ended(self, job: Job, outcome: EpisodeResult | WiwError) -> None:
        """Count one outcome and show it."""
        key = job.task, job.arm
        self._ended[key] += 1
        self._left -= 1
        if isinstance(outcome, WiwError) or is_fault(outcome):
            text = outcome.message if isinstance(outcome, EpisodeResult) else str(outcome)
            text = "as before" if text in self._said_faults else text
            self._said_faults.add(text)
            self._console.print(
                f"fault in {job.task}/{job.arm}/{job.episode_id}: {describe(outcome.code)}: {text}",
                markup=False,
                highlight=False,
            )
        else:
            self._successes[key] += outcome.success
        if self._console.is_terminal:
            so_far = f"success {self._successes[key]}/{self._ended[key]}"
            self._progress.update(self._bars[key], advance=1, so_far=so_far)
        elif time.monotonic() - self._said > LINE_EVERY_S:
            self._line()

    def _line(self) -> None:
        self._said = time.monotonic()
        ended = sum(self._ended.values())
        passed = self._said - self._start
        arms = ", ".join(
            f"{task}/{arm} {self._successes[task, arm]}/{n}"
            for (task, arm), n in self._ended.items()
        )
        self._console.print(
            f"[{passed:4.0f} s] {ended} episodes done, {self._left} left,"
            f" about {self._left * passed / ended:.0f} s; successes: {arms}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
