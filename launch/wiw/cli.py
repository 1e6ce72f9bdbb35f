"""The ``wiw`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from wiw.arms import DEFAULT_ARMS
from wiw.study import Settings, Study, load
from wiw_core.errors import WiwError, describe

app = typer.Typer(
    name="wiw",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="World-in-World on ROS 2: closed-loop planning with generative world models.\n\n"
    "* See it work: `wiw run`\n"
    "* Start the three nodes and leave them up: `wiw up wm:=warp`\n"
    "* Compare world models: `wiw eval --task ignav --arm none --arm warp --episodes 48`\n"
    "* Something does not start: `wiw doctor`",
)
console = Console(width=None if sys.stdout.isatty() else 140)
RUN_EPISODES = 20
"""Paired episodes of ``wiw run``: a few minutes on two cores."""


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    _Settings.debug = debug


class _Settings:
    debug = False


@app.command(
    epilog="Examples: `wiw up` · `wiw up wm:=oracle task:=ar episodes:=3` · `wiw up --show-args`"
)
def up(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Launch arguments, name:=value.", metavar="[NAME:=VALUE]..."),
    ] = None,
    show_args: Annotated[bool, typer.Option("--show-args", help="List the arguments.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Print the commands, start nothing.")] = False,
) -> None:
    """Start the bridge, the world model and the planner; Ctrl-C stops them.

    Takes the same arguments as `ros2 launch wiw closed_loop.launch.py`, and needs no `ros2 launch`.
    """
    from wiw import description

    if show_args:
        for argument in description.arguments():
            choices = f" Choices: {', '.join(argument.choices)}." if argument.choices else ""
            console.print(f"[bold]{argument.name}[/bold] (default '{argument.default}')")
            console.print(f"    {argument.text}{choices}")
        return
    values = description.parse(arguments or [])
    commands = [(node, description.command(node, values)) for node in description.graph(values)]
    if dry_run:
        import shlex

        for _, words in commands:
            print(shlex.join(words))
        return
    from wiw.starter import Starter

    raise typer.Exit(Starter(commands, description.variables()).run())


@app.command("list", epilog="Examples: `wiw list` · `wiw list models`")
def list_(
    section: Annotated[
        str, typer.Argument(help="models, envs, tasks, proposers, revisers or arms; all if absent.")
    ] = "",
) -> None:
    """List what is installed, and say why when something cannot be used here."""
    from wiw import inventory

    for name in [section] if section else inventory.EVERYTHING:
        table = Table(
            title=name, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for heading in ("name", "what it is", "from"):
            table.add_column(
                heading, style="cyan" if heading == "name" else "", no_wrap=heading == "name"
            )
        for item in inventory.section(name):
            summary = f"[red]not usable:[/red] {item.problem}" if item.problem else item.summary
            table.add_row(item.name, summary, f"[dim]{item.origin}[/dim]")
        console.print(table)
        console.print()


@app.command(epilog='Example: `eval "$(wiw env)"; ros2 node list`')
def env() -> None:
    """Print the variables that let this shell's ROS 2 tools talk to the nodes of `wiw up`."""
    import shlex

    from wiw_ros.transport import environment

    for name, value in environment().items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def doctor() -> None:
    """Check this machine: Python, ROS 2, messages, rendering, shared memory, domain, cores."""
    from wiw.doctor import Grade, examine

    findings = examine()
    colours = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        colour = colours[finding.grade]
        advice = f"\n[dim]{finding.advice}[/dim]" if finding.advice else ""
        table.add_row(
            f"[{colour}]{finding.grade.value}[/{colour}]", finding.name, finding.seen + advice
        )
    console.print(table)
    raise typer.Exit(any(finding.grade is Grade.FAIL for finding in findings))


Tasks = Annotated[list[str], typer.Option("--task", help="Task; give it again for another.")]
Arms = Annotated[list[str], typer.Option("--arm", help="Arm; give it again for another.")]
Episodes = Annotated[int, typer.Option(help="Paired episodes per task and arm.")]
Seed = Annotated[int, typer.Option(help="Seed of the run.")]
Workers = Annotated[int, typer.Option(help="Processes at work; 0: one per core.")]
Out = Annotated[Path, typer.Option(help="Folder of the study.")]
Fresh = Annotated[
    bool, typer.Option("--fresh/--resume", help="Replace what is there, or go on with it.")
]
InProcess = Annotated[bool, typer.Option("--in-process", help="The same grid without ROS.")]


@app.command(
    "eval",
    epilog="Examples: `wiw eval --task ignav --arm none --arm warp --episodes 48` · "
    "`wiw eval --task ar --in-process --out runs/ar`",
)
def evaluate_(
    task: Tasks = ["ignav", "ar"],  # noqa: B006 - typer copies it
    arm: Arms = [*DEFAULT_ARMS],  # noqa: B006
    episodes: Episodes = 48,
    seed: Seed = 0,
    workers: Workers = 0,
    out: Out = Path("runs/eval"),
    fresh: Fresh = False,
    in_process: InProcess = False,
    env: Annotated[str, typer.Option(help="Environment.")] = "mujoco",
    split: Annotated[str, typer.Option(help="val or train.")] = "val",
    proposer: Annotated[str, typer.Option(help="Proposer instead of the task's own.")] = "",
    reviser: Annotated[str, typer.Option(help="Reviser instead of the task's own.")] = "",
    film: Annotated[int, typer.Option(help="Episodes per arm that keep film strips.")] = 1,
) -> None:
    """Compare world models on the same episodes and seeds; interrupted, it goes on where it was."""
    settings = Settings(
        tuple(task), tuple(arm), episodes, seed, env, split, in_process, film, proposer, reviser
    )
    compare(Study.open(out, settings, fresh=fresh), workers)


@app.command(epilog="Example: `wiw report runs/eval`")
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a study.")],
) -> None:
    """Write report.html and report.json of a study: table, plots, imagined against real."""
    from wiw.report import write_report

    console.print(f"Report: {write_report(load(run))}")


@app.command(epilog="Examples: `wiw run` · `wiw run --episodes 48 --fresh`")
def run(
    episodes: Episodes = RUN_EPISODES,
    seed: Seed = 0,
    workers: Workers = 0,
    out: Out = Path("runs/run"),
    fresh: Fresh = False,
    in_process: InProcess = False,
) -> None:
    """See the loop close: both tasks with every arm, the table, what it says, and the report."""
    from wiw.report import write_report

    settings = Settings(
        ("ignav", "ar"), DEFAULT_ARMS, episodes, seed, in_process=in_process, film=1
    )
    study = Study.open(out, settings, fresh=fresh)
    compare(study, workers)
    console.print(f"Report: {write_report(study)}", soft_wrap=True)


def compare(study: Study, workers: int) -> None:
    """Run what is left of a study, then print its table and what it says."""
    import os

    from wiw import results
    from wiw.evaluate import evaluate
    from wiw.progress import Tally

    if study.made_by_other:
        console.print("This study was begun by other code or versions: --fresh runs it anew.")
    try:
        with Tally(study, console) as tally:
            evaluate(study, workers or len(os.sched_getaffinity(0)), tally)
    except KeyboardInterrupt:
        console.print("Interrupted. The same command goes on where it was.")
        raise typer.Exit(130) from None
    rows = results.tabulate(results.read_records(study))
    results.write(study, rows)
    for table in results.rich_tables(rows, console.width):
        console.print(table)
    console.print(results.NOTE)
    for sentence in results.sentences(rows):
        console.print(sentence, highlight=False, soft_wrap=True)
    console.print(f"Records and tables: {study.folder}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command; a :class:`WiwError` is one line and exit code 2."""
    try:
        app(prog_name="wiw", standalone_mode=True)
    except WiwError as error:
        if _Settings.debug:
            raise
        print(f"{describe(error.code)}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
