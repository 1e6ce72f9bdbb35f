"""``wiw export``: recorded runs as datasets of other projects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wiw_core.errors import ErrorCode, WiwError

if TYPE_CHECKING:
    from wiw.recording.episodes import RecordedEpisode

EPILOG = (
    "Examples: `wiw export lerobot runs/bags/kitchen --out runs/kitchen_lerobot` ·"
    " `wiw export lerobot runs/bags --task stack_cups --successes --out runs/cups`"
)
app = typer.Typer(no_args_is_help=True, help="Write recorded runs as a dataset.")
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


@app.command(epilog=EPILOG)
def lerobot(
    recordings: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders that hold some.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the dataset; new or empty.")],
    task: Annotated[str, typer.Option(help="Only episodes of this task.")] = "",
    successes: Annotated[
        bool, typer.Option("--successes", help="Only episodes that succeeded.")
    ] = False,
) -> None:
    """Write recorded runs as one LeRobotDataset v3.0: what was seen at each decision, and done.

    Episodes that ended in a fault, or that a recording does not hold whole, are named and left out.
    """
    from wiw.recording.lerobot import export

    def wanted() -> Iterator[RecordedEpisode]:
        from wiw.recording.episodes import recorded_episodes

        for path in _recordings(recordings):
            for episode in recorded_episodes(path):
                of_task = task in ("", episode.begun.episode.task)
                failed = episode.result is not None and not episode.result.success
                if of_task and not (successes and failed):
                    yield episode

    count = export(wanted(), out, lambda text: console.print(text, markup=False, soft_wrap=True))
    console.print(f"LeRobotDataset v3.0 of {count} episodes: {out}", soft_wrap=True)


def _recordings(paths: list[Path]) -> Iterator[Path]:
    from wiw.recording.reading import is_recording

    for path in paths:
        inside = [path] if is_recording(path) else filter(is_recording, sorted(path.glob("*/")))
        found = list(inside)
        if not found:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{path}' holds no recording.")
        yield from found
