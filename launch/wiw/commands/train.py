"""``wiw train``: a config in, weights and a card out."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import Registry
from wiw_core.statistics import Interval
from wiw_learn.recipes import RECIPES
from wiw_learn.training.config import Config, config_names, load_config

if TYPE_CHECKING:
    from wiw_learn.dataset import Dataset
    from wiw_learn.training.loop import Progress
    from wiw_learn.training.verdicts import Verdict

RUNS = Path("runs/train")
LINE_EVERY_S = 10.0
"""Seconds between plain lines, where there is no terminal."""
EPILOG = (
    "Examples: `wiw train --list` · `wiw train warp --ship` · `wiw train warp --check` · "
    "`wiw train direct --set steps=200 --set options.width=16 --out runs/small` · "
    "`accelerate launch --num_processes 4 -m wiw train warp_large --workers 4`"
)
console = Console(width=None if sys.stdout.isatty() else 160)


def train(
    name: Annotated[str, typer.Argument(help="A config that ships, or a YAML file.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="List the configs that ship.")] = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Another value, as key=value.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of a dataset, instead of the config's own.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Replace what is there, or go on with it.")
    ] = False,
    ship: Annotated[bool, typer.Option("--ship", help="Copy the result into its package.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Train nothing: judge the shipped weights again.")
    ] = False,
    checks: Annotated[
        bool, typer.Option("--checks/--no-checks", help="Data and one batch are checked first.")
    ] = True,
    keep: Annotated[
        list[int] | None, typer.Option(help="Keep the weights after this step too.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch in each process.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that draw samples ahead, and that collect.")
    ] = 0,
) -> None:
    """Train a model of our own: collect its data if need be, train, judge, write weights and card.

    Interrupted, it goes on where it was, and a training on a CPU ends in the very same weights. The
    curves are in the run's `logs/`: `tensorboard --logdir runs/train`.
    """
    if list_:
        console.print(_listed())
        return
    if not name:
        raise WiwError(ErrorCode.BAD_PARAMETER, "Nothing is named to train.", "See --list.")
    config = load_config(name, changes or [])
    Registry(RECIPES).get(config.recipe)  # an unknown one is refused before anything is collected
    if (ship or check) and not config.package:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The weights '{config.name}' ship nowhere: the model that they change is not ours.",
            "Leave --ship and --check out; the model takes them from the run's folder.",
        )
    from wiw.datasets import dataset_of
    from wiw_learn.dataset import Dataset

    dataset = Dataset.open(data) if data else dataset_of(config, workers, _say)
    if check:
        _check(config, dataset, threads)
        return
    from wiw_learn import weights
    from wiw_learn.training.card import metrics_of
    from wiw_learn.training.session import Options, train
    from wiw_learn.training.verdicts import compare

    folder = out or RUNS / config.name
    options = Options(threads, workers, checks, fresh, tuple(keep or ()))
    with _Stop() as stop, _display() as tell:
        card = train(config, dataset, folder, options, say=_say, tell=tell, stop=stop)
    if not card:  # one of several processes, and not the first
        return
    before = _shipped_card(config)
    _say(f"Trained in {card['seconds'] / 60:.1f} minutes: {folder / config.name}.safetensors")
    console.print(_metrics(metrics_of(card)))
    if before is not None and before.get("config") == card["config"]:
        _say("Does it reproduce the card of the weights that ship?")
        _compare(compare(before, metrics_of(card)))
    if ship:
        _say(f"Shipped in {weights.ship(folder, config.name, config.package)}")


def _check(config: Config, dataset: Dataset, threads: int) -> None:
    """Judge the shipped weights again; ends with code 1 if the card does not hold."""
    from wiw_learn import weights
    from wiw_learn.training.verdicts import judge_again

    if not _compare(judge_again(config, dataset, weights.shelf(config.package), threads)):
        raise typer.Exit(1)


def _shipped_card(config: Config) -> dict[str, Any] | None:
    from wiw_learn import weights

    if not config.package:
        return None
    try:
        return weights.shipped(config.package, config.name)[1]
    except (WiwError, ImportError):
        return None


def _listed() -> Table:
    from wiw_learn import weights

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it trains", "ships in", "weights"):
        table.add_column(heading, style="cyan" if heading == "name" else "")
    for name in config_names():
        config = load_config(name)
        try:
            what = Registry(RECIPES).get(config.recipe).summary
        except WiwError as error:
            what = f"[red]not usable:[/red] {error}"
        if not config.package:
            table.add_row(name, what, "", "ship nowhere")
            continue
        try:
            tensors, card = weights.shipped(config.package, name)
            size = sum(tensor.nbytes for tensor in tensors.values()) / 1e6
            same = card.get("config") == config.to_json()
            state = f"[green]intact[/green], {size:.1f} MB"
            state += "" if same else ", [yellow]made by another config[/yellow]"
        except WiwError as error:
            missing = error.code is ErrorCode.MODEL_UNAVAILABLE
            state = "missing" if missing else f"[red]broken:[/red] {error.message}"
        except ImportError:
            state = "the package is not installed"
        table.add_row(name, what, config.package, state)
    return table


def _metrics(metrics: dict[str, Interval]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("metric, on held-out scenes", "value", "95 % interval"):
        table.add_column(heading)
    for name, value in metrics.items():
        table.add_row(name, f"{value.estimate:.4g}", _bounds(value))
    return table


def _compare(verdicts: list[Verdict]) -> bool:
    table = Table(box=None, pad_edge=False)
    for heading in ("metric, on held-out scenes", "card", "95 % interval", "now", ""):
        table.add_column(heading)
    for verdict in verdicts:
        table.add_row(
            verdict.name,
            f"{verdict.stated.estimate:.4g}",
            _bounds(verdict.stated),
            f"{verdict.now.estimate:.4g}",
            "[green]holds[/green]" if verdict.holds else "[red]does not hold[/red]",
        )
    console.print(table)
    holding = sum(verdict.holds for verdict in verdicts)
    _say(f"{holding} of the card's {len(verdicts)} metrics hold within their stated intervals.")
    return holding == len(verdicts)


def _bounds(value: Interval) -> str:
    return f"{value.low:.4g} to {value.high:.4g}"


def _say(sentence: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class _Stop:
    """While it is open, Ctrl-C and SIGTERM ask for an end; only a second Ctrl-C makes one."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> _Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        # A launcher of several processes passes Ctrl-C on as SIGTERM: that is no second one.
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True


@contextmanager
def _display() -> Iterator[Any]:
    """Give a callable that shows progress: a bar in a terminal, a plain line now and then."""
    if os.environ.get("RANK", "0") != "0":
        yield lambda progress: None
        return
    said = time.monotonic()

    def line(progress: Progress) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_EVERY_S or progress.step == progress.steps:
            said = time.monotonic()
            _say(f"step {progress.step} of {progress.steps}: {_news(progress)}")

    if not console.is_terminal:
        yield line
        return
    with Bars(
        TextColumn("training"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[news]}"),
        console=console,
    ) as bars:
        bar = bars.add_task("", total=None, news="")
        yield lambda progress: bars.update(
            bar, completed=progress.step, total=progress.steps, news=_news(progress)
        )


def _news(progress: Progress) -> str:
    return (
        f"loss {progress.loss:.4g}, {progress.samples_per_s:.0f} samples/s,"
        f" about {progress.left_s:.0f} s left"
    )
