"""``wiw check``: does a plugin keep its contract?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

EPILOG = (
    "Examples: `wiw check model warp` · `wiw check model my_models/fog.py:FogModel --set"
    " fade_per_m=0.3` · `wiw check model ltx --set weights=tiny` ·"
    " `wiw check reviser place --task ignav`"
)
console = Console(width=None if sys.stdout.isatty() else 160)


def check(
    kind: Annotated[str, typer.Argument(help="model, proposer, reviser, env or task.")],
    name: Annotated[
        str, typer.Argument(help="Registered name, or FILE.py:CLASS before it is registered.")
    ],
    parameters: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the plugin, as key=value.")
    ] = None,
    task: Annotated[str, typer.Option(help="Task whose first episode is used.")] = "",
    levels: Annotated[
        int,
        typer.Option(
            min=0,
            max=8,
            help="By how many of 255 a batched model's pixels may differ between a plan alone and"
            " the same plan among others.",
        ),
    ] = 0,
) -> None:
    """Check a plugin against every promise of its contract, and say which one it breaks.

    A world model, for one, must give as many frames as were asked for, the same ones for the same
    request, and no result that depends on the other plans; it must stop when it is cancelled or
    late, and say what it lacks instead of guessing. Whether the frames are right it cannot see:
    that is for wiw measure and wiw eval.
    """
    from wiw.checking import check as run

    kept = True
    for outcome in run(kind, name, parameters or [], task, levels):
        verdict = f"[red]broken:[/red] {outcome.broken}" if outcome.broken else "every promise kept"
        console.print(f"{outcome.where}: {verdict}")
        kept = kept and not outcome.broken
    raise typer.Exit(not kept)
