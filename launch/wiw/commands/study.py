"""``wiw study``: the paper's five findings on our tasks."""

from __future__ import annotations

import os
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EPILOG = (
    "Examples: `wiw study` · `wiw study --only ad` · `wiw study --docs docs` · "
    "`wiw study --print-plan > mine.yaml` · `wiw study --plan mine.yaml --out runs/mine`"
)
console = Console(width=None if sys.stdout.isatty() else 160)


def study(
    plan: Annotated[
        str, typer.Option(help="Plan of the study: one that ships, or a YAML file.")
    ] = "reduced",
    out: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("runs/study"),
    workers: Annotated[int, typer.Option(help="Processes at work; 0: one per core.")] = 0,
    only: Annotated[str, typer.Option(help="Letters of the findings to work for.")] = "abcde",
    docs: Annotated[
        Path | None, typer.Option(help="Copy study.md and its pictures into this folder.")
    ] = None,
    print_plan: Annotated[
        bool, typer.Option("--print-plan", help="Print the plan and do nothing.")
    ] = False,
) -> None:
    """Ask the paper's five findings of our tasks: train, run, measure, and say what holds.

    (a) a world model against none, (b) trained against untrained, (c) success against training
    data, (d) against thinking, (e) against controllability and against looks. Interrupted, it goes
    on where it was.
    """
    if print_plan and not plan.endswith((".yaml", ".yml")):
        shipped = resources.files("wiw.findings") / "plans" / f"{plan}.yaml"
        print(shipped.read_text("utf-8"), end="")
        return
    from wiw.findings import page
    from wiw.findings.plan import load
    from wiw.findings.run import run
    from wiw.progress import Tally

    followed = load(plan)
    cores = workers or len(os.sched_getaffinity(0))
    try:
        written, found = run(followed, plan, out, cores, lambda s: Tally(s, console), _say, only)
    except KeyboardInterrupt:
        _say("Interrupted. The same command goes on where it was.")
        raise typer.Exit(130) from None
    for finding in found:
        for claim in finding.claims:
            _say(f"({finding.letter}) {claim.sentence}")
    if docs is not None:
        page.copy_document(out, docs)
    _say(f"Page: {written}")


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
