"""``wiw collect``: datasets from train scenes, their statistics, a check for leaks, an export."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from wiw_core.errors import ErrorCode, WiwError

if TYPE_CHECKING:
    from wiw_learn.dataset import Dataset

    Tell = Callable[[int, int], None]

DATA = Path("runs/data")
EXPORT = "export"
LINE_EVERY_S = 10.0
"""Seconds between plain lines, where there is no terminal."""
EPILOG = (
    "Examples: `wiw collect navigation` · `wiw collect arm --scenes 200 --workers 2` · "
    "`wiw collect navigation --scenes 20 --set length=24 --set walks=random_walk --out runs/small`"
    " · `wiw collect --check runs/data/navigation` · "
    "`wiw collect export runs/data/arm --lerobot runs/arm_lerobot`"
)
console = Console(width=None if sys.stdout.isatty() else 160)


def collect(
    what: Annotated[str, typer.Argument(help="navigation, places, arm, or export.")] = "",
    folder: Annotated[Path | None, typer.Argument(help="Of the dataset to export.")] = None,
    scenes: Annotated[int | None, typer.Option(help="Train scenes; 240 if absent.")] = None,
    first_scene: Annotated[
        int | None, typer.Option(help="Seed of the first; 21000 if absent.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="The sampler's own, as key=value.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; runs/data/WHAT if absent.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one per core.")] = 0,
    check: Annotated[
        Path | None, typer.Option(help="Dataset to look for val scenes in, by seed and frame.")
    ] = None,
    lerobot: Annotated[Path | None, typer.Option(help="Folder of the LeRobotDataset.")] = None,
) -> None:
    """Collect a dataset in train scenes; val scenes are refused.

    Interrupted, the same command goes on. Beside the manifest it writes `statistics.html`.
    """
    if check is not None:
        _check(check)
    elif what == EXPORT:
        _export(folder, lerobot)
    elif what:
        _collect(what, scenes, first_scene, changes or [], out or DATA / what, workers)
    else:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, "Nothing is named to collect.", "See wiw collect --help."
        )


def collect_shown(settings: dict[str, object], folder: Path, workers: int) -> Dataset:
    """Collect with a display of how far it is, then write the statistics page."""
    from wiw.report.dataset import PAGE, write_dataset_page
    from wiw_env_bridge.collect import collect

    with display("collecting", "trajectories") as tell:
        data = collect(settings, folder, workers, tell)
    if not (folder / PAGE).is_file():
        write_dataset_page(data)
    return data


@contextmanager
def display(doing: str, things: str) -> Iterator[Tell]:
    """Give a callable that shows progress: a bar in a terminal, a plain line now and then."""
    if console.is_terminal:
        with Bars(
            TextColumn(doing),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn(things),
            TimeRemainingColumn(),
            console=console,
        ) as bars:
            bar = bars.add_task("", total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)
        return
    began = said = time.monotonic()
    before: int | None = None

    def line(done: int, total: int) -> None:
        nonlocal began, said, before
        now = time.monotonic()
        if before is None:
            before, began = done, now  # what was done before says nothing of the pace
        if now - said < LINE_EVERY_S and done < total:
            return
        said = now
        left = ""
        if before < done < total:
            left = f", about {(total - done) * (now - began) / (done - before):.0f} s left"
        _say(f"{doing}: {done} of {total} {things}{left}")

    yield line


def _collect(
    kind: str,
    scenes: int | None,
    first_scene: int | None,
    changes: list[str],
    out: Path,
    workers: int,
) -> None:
    from wiw.report.dataset import PAGE
    from wiw_core.registry import Registry
    from wiw_env_bridge.collect import SAMPLERS
    from wiw_ros.parameters import key_values

    asked = {"scenes": scenes, "first_scene": first_scene}
    options = key_values(changes, "set", Registry(SAMPLERS).get(kind).load())
    settings = {"kind": kind, **{k: v for k, v in asked.items() if v is not None}, **options}
    began = time.monotonic()
    data = collect_shown(settings, out, workers)
    _say(
        f"{len(data)} trajectories of {len(data.scenes)} train scenes in {out}"
        f" ({time.monotonic() - began:.0f} s). Statistics: {out / PAGE}"
    )


def _check(folder: Path) -> None:
    """Look for leaks; ends with code 1 if there are any."""
    from wiw_env_bridge.collect.leaks import first_views, look_for_leaks
    from wiw_learn.dataset import Dataset

    data = Dataset.open(folder)
    with display("comparing", "trajectories") as tell:
        found = look_for_leaks(data, first_views(data.manifest.kind), progress=tell)
    _say(
        f"{found.scenes} scenes, all train scenes. {found.frames} frames compared with what"
        f" {found.val_views} val episodes show first: the nearest hashes differ in"
        f" {found.nearest_bits} of 128 bits, the nearest pixels by {found.nearest_levels:.2f} of"
        f" 255 levels on average (the same place: less than {found.limit_levels:g})."
    )
    for shard, episode in found.same:
        _say(f"LEAK: {shard} shows what {episode} shows first.")
    if found.same:
        raise typer.Exit(1)
    _say("No frame shows a val scene.")


def _export(folder: Path | None, lerobot: Path | None) -> None:
    from wiw_learn.dataset import Dataset
    from wiw_learn.lerobot import export

    if folder is None or lerobot is None:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "An export needs a dataset and a folder to write.",
            "wiw collect export FOLDER --lerobot OUT",
        )
    with display("exporting", "trajectories") as tell:
        export(Dataset.open(folder), lerobot, tell)
    _say(f"LeRobotDataset v3.0: {lerobot}")


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
