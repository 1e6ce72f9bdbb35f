"""``wiw eval`` and ``wiw run``: open a study, run what is left of it, print what it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import typer
from rich.console import Console

from wiw import results
from wiw.columns import rich_tables
from wiw.evaluate import evaluate
from wiw.progress import Tally
from wiw.study import Settings, Study
from wiw.workers.crew import Crew
from wiw_core.errors import ErrorCode, WiwError, unknown_name

BY = ("difficulty",)


def counts(texts: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return the number of episodes, and the ``NAME=NUMBER`` that differ from it.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` unless exactly one is a number alone.
    """
    alone = [text for text in texts if "=" not in text]
    if len(alone) != 1 or not alone[0].isdecimal():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{' '.join(alone)}' is not one whole number of episodes.",
            "For example: --episodes 100 --episodes manipulation=50",
        )
    return int(alone[0]), tuple(text for text in texts if "=" in text)


def run_study(
    settings: Settings,
    out: Path,
    console: Console,
    *,
    fresh: bool = False,
    workers: int = 0,
    ray: str = "",
    by: str = "",
) -> Study:
    """Run what is left of a study, write its results and print them; return it, closed.

    Parameters
    ----------
    workers : int
        Processes at work; 0: one per core, here or in the cluster.
    ray : str
        Address of a Ray cluster; empty: this machine.
    by : str
        ``difficulty`` prints a table of each level too.
    """
    if by and by not in BY:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "grouping", by, BY)
    study = Study.open(out, settings, fresh=fresh)
    try:
        _run(study, console, workers, ray)
        _print(study, console, by)
    finally:
        study.close()
    return study


def _run(study: Study, console: Console, workers: int, ray: str) -> None:
    if study.made_by_other:
        console.print("This study was begun by other code or versions: --fresh runs it anew.")
    try:
        with Tally(study, console) as tally:
            cores = workers or len(os.sched_getaffinity(0))
            evaluate(study, cores, tally, _cluster(study, ray, workers) if ray else None)
    except KeyboardInterrupt:
        console.print("Interrupted. The same command goes on where it was.")
        raise typer.Exit(130) from None


def _cluster(study: Study, address: str, workers: int) -> Callable[[], Crew]:
    from wiw.workers.cluster import RayCrew

    return lambda: RayCrew(study, address, workers)


def _print(study: Study, console: Console, by: str) -> None:
    tables = results.tables(results.read_records(study))
    results.write(study, tables)
    rows = [*tables.rows, *tables.pooled]
    for table in rich_tables(rows, console.width):
        console.print(table)
    if by:
        for table in rich_tables(tables.levels, console.width):
            console.print(table)
    console.print(results.NOTE)
    for sentence in [*results.sentences(rows), *study.left_out()]:
        console.print(sentence, highlight=False, soft_wrap=True)
    console.print(f"Records and tables: {study.folder}", highlight=False, soft_wrap=True)
