"""``wiw measure``: how good a world model is, frame by frame."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wiw.arms import Arm, parse
from wiw_core.errors import ErrorCode, WiwError

EPILOG = (
    "Examples: `wiw measure warp` · `wiw measure warp direct` ·"
    " `wiw measure warp --set context=1` ·"
    " `wiw measure direct early=direct:weights=runs/train/direct/step_200` ·"
    " `wiw measure arm --data runs/data/arm`"
)
console = Console(width=None if sys.stdout.isatty() else 200)


def measure(
    models: Annotated[
        list[str],
        typer.Argument(
            help="World models, compared in pairs: names of `wiw list models`, or"
            " NAME=MODEL:KEY=VALUE,... with parameters.",
            metavar="MODEL...",
        ),
    ],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the first model, as key=value."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Dataset whose held-out scenes are measured on; a small one of its own, collected"
            " the first time, if none is named."
        ),
    ] = None,
    cases: Annotated[int, typer.Option(help="Starting points.")] = 48,
    horizon: Annotated[int, typer.Option(help="Most actions of a plan.")] = 6,
    plans: Annotated[int, typer.Option(help="M: plans chosen among.")] = 6,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Measure copy and rotate too.")
    ] = True,
    lpips: Annotated[
        Path | None,
        typer.Option(help="AlexNet's weights, as torchvision publishes them: adds LPIPS."),
    ] = None,
    films: Annotated[int, typer.Option(help="Cases whose frames are shown.")] = 4,
    out: Annotated[Path, typer.Option(help="Folder of the page and the numbers.")] = Path(
        "runs/measure"
    ),
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Measure world models on scenes that they were not trained on: likeness and control.

    Is a frame like the truth, and does it match *these* actions rather than others? With intervals
    by scene, and controls that must fail: copy, rotate, and the model's own frames dealt out to the
    plans by lot. Writes measure.html and measure.json.
    """
    import torch

    from wiw.commands.collect import display
    from wiw.measuring import page, subjects, tables
    from wiw_learn.dataset import Dataset
    from wiw_learn.lpips import Lpips
    from wiw_learn.measure import Settings
    from wiw_learn.measure import measure as run

    torch.set_num_threads(threads)
    arms = _arms(models, parameters or [])
    settings = Settings(cases, horizon, plans, seed, films, held_out=data is not None)
    perceptual = Lpips(str(lpips)) if lpips else None
    dataset = Dataset.open(data) if data else subjects.own_data(subjects.kind_of(arms[0]))
    names = [arm.name for arm in arms]
    beaten = subjects.CONTROLS[dataset.manifest.kind] if controls else ()
    with ExitStack() as stack:
        made = {}
        for arm in [*arms, *(parse(name) for name in beaten if name not in names)]:
            made[arm.name] = subjects.make_subject(arm, dataset)
            stack.callback(made[arm.name].close)
        report = run(
            {name: made[name] for name in names},
            dataset,
            settings,
            controls={name: model for name, model in made.items() if name not in names},
            perceptual=perceptual,
            progress=stack.enter_context(display("measuring", "cases")),
        )
    height, width = subjects.picture_size(dataset)
    report.facts["picture_size"] = f"{height} x {width}"
    report.facts["models"] = {name: parse(name).text for name in made if name not in names}
    report.facts["models"] |= {arm.name: arm.text for arm in arms}
    for grid in (*tables.grids(report), *tables.differences(report)):
        console.print(tables.rich_table(grid))
        console.print()
    for sentence in tables.sentences(report):
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)
    console.print(f"Page: {page.write_page(report, out)}", soft_wrap=True)


def _arms(models: list[str], parameters: list[str]) -> list[Arm]:
    """Return the arms to measure; ``--set`` belongs to the first."""
    arms = [parse(model) for model in models]
    if len({arm.name for arm in arms}) < len(arms):
        raise WiwError(ErrorCode.BAD_PARAMETER, "A model is named twice.", "Give one another name.")
    given = dict(arms[0].model_parameters)
    for entry in parameters:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{entry}' is not of the form key=value.")
        given[key] = value
    words = ", ".join(f"{key} {value}" for key, value in given.items())
    text = f"{arms[0].model}: {words}" if parameters else arms[0].text
    return [replace(arms[0], model_parameters=given, text=text), *arms[1:]]
