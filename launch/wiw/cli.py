"""The ``wiw`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wiw import arms, policies
from wiw.arms import DEFAULT_ARMS
from wiw.commands import (
    approve,
    check,
    collect,
    doctor,
    export,
    goal,
    measure,
    record,
    replay,
    study,
    train,
    watch,
)
from wiw.study import Settings, load
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
    "* Is the difference real? `wiw compare runs/eval/ignav/warp runs/eval/ignav/none`\n"
    "* Does a world model follow the actions? `wiw measure warp`\n"
    "* Keep a run, and decide it again offline: `wiw record`, `wiw replay`\n"
    "* Something does not start: `wiw doctor`",
)
console = Console(width=None if sys.stdout.isatty() else 160)
RUN_TASKS = ("ignav", "ar", "push_buttons")
RUN_EPISODES = 12
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
        str,
        typer.Argument(
            help="models, envs, tasks, proposers, revisers, judges or arms; all if absent."
        ),
    ] = "",
) -> None:
    """List what is installed, and say why when something cannot be used here."""
    from wiw import inventory
    from wiw.commands.listing import table

    for name in [section] if section else inventory.EVERYTHING:
        console.print(table(name, details=bool(section)))
        console.print()


@app.command(epilog='Example: `eval "$(wiw env)"; ros2 node list`')
def env() -> None:
    """Print the variables that let this shell's ROS 2 tools talk to the nodes of `wiw up`."""
    import shlex

    from wiw_ros.transport import environment

    for name, value in environment().items():
        print(f"export {name}={shlex.quote(value)}")


Tasks = Annotated[list[str], typer.Option("--task", help="Task; give it again for another.")]
Arms = Annotated[
    list[str], typer.Option("--arm", help=f"Arm; give it again for another: {arms.HELP}")
]
Episodes = Annotated[int, typer.Option(help="Paired episodes per task and arm.")]
Counts = Annotated[
    list[str],
    typer.Option(
        "--episodes",
        help="Paired episodes per task and arm; again as NAME=NUMBER for one task or family.",
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", help=f"Policy; give it again for another: {policies.HELP}"),
]
Ray = Annotated[
    str,
    typer.Option("--ray", help="Address of a Ray cluster that does the work, without ROS."),
]
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
    "`wiw eval --task ar --in-process --out runs/ar` · "
    "`wiw eval --task stack_cups --task aeqa --episodes 100 --episodes manipulation=50` · "
    "`wiw eval --arm warp --policy default --policy wide=::candidates=8` · "
    "`wiw eval --task ignav --ray 10.0.0.1:6379 --workers 0` · "
    "`wiw eval --task ignav --simulate base --workers 1 --out runs/robot`",
)
def evaluate_(
    task: Tasks = ["ignav", "ar"],  # noqa: B006 - typer copies it
    arm: Arms = [*DEFAULT_ARMS],  # noqa: B006
    policy: Policies = None,
    episodes: Counts = ["48"],  # noqa: B006
    seed: Seed = 0,
    workers: Workers = 0,
    out: Out = Path("runs/eval"),
    fresh: Fresh = False,
    in_process: InProcess = False,
    ray: Ray = "",
    env: Annotated[str, typer.Option(help="Environment instead of each task's own.")] = "",
    env_param: Annotated[
        list[str] | None,
        typer.Option("--env-param", help="The environment's own, as key=value; again for more."),
    ] = None,
    simulate: Annotated[
        str, typer.Option(help="Drive a simulated robot through its interfaces: base or arm.")
    ] = "",
    split: Annotated[str, typer.Option(help="val or train.")] = "val",
    film: Annotated[int, typer.Option(help="Episodes per arm that keep film strips.")] = 1,
    by: Annotated[str, typer.Option(help="'difficulty': also a table of each level.")] = "",
) -> None:
    """Compare world models and policies on the same episodes and seeds.

    The grid is task x arm x policy. Interrupted, it goes on where it was.
    """
    from wiw import description
    from wiw.grid import counts, run_study

    every, single = counts(episodes)
    told = tuple(env_param or (description.robot_parameters("", simulate) if simulate else ()))
    settings = Settings(
        tuple(task),
        tuple(arm),
        every,
        seed,
        env or (description.ROBOT if simulate else ""),
        split,
        in_process=in_process or bool(ray),
        film=film,
        policies=tuple(policy or ()),
        episodes_of=single,
        environment_parameters=told,
        simulate=simulate,
    )
    run_study(settings, out, console, fresh=fresh, workers=workers, ray=ray, by=by)


@app.command(
    "compare",
    epilog="Examples: `wiw compare runs/eval/ignav/warp runs/eval/ignav/none` · "
    "`wiw compare runs/today runs/yesterday`",
)
def compare_(
    a: Annotated[Path, typer.Argument(help="A row, STUDY/TASK/ARM, or a study.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="What it is compared with.", metavar="B")],
    across: Annotated[
        bool,
        typer.Option("--across-environments", help="The same episodes in another environment."),
    ] = False,
) -> None:
    """Say whether A and B really differ: the same episodes and seeds, pair by pair."""
    from wiw.comparison import compare, rich_table

    comparisons = compare(a, b, across=across)
    for comparison in comparisons:
        console.print(rich_table(comparison))
        console.print(comparison.sentence, highlight=False, soft_wrap=True)
        console.print()
    if len(comparisons) > 1:
        console.print(
            f"{len(comparisons)} comparisons: p is adjusted for all of them (Holm), so that the"
            " chance of any false 'real' among them is at most 0.05.",
            highlight=False,
            soft_wrap=True,
        )


@app.command(
    epilog="Examples: `wiw judge runs/eval` · `wiw judge runs/eval --judge llm --set "
    "base_url=http://localhost:8000/v1 --set model=NAME`"
)
def judge(
    run: Annotated[Path, typer.Argument(help="Folder of a study.")],
    by: Annotated[str, typer.Option("--judge", help="matcher, or llm.")] = "matcher",
    task: Annotated[str, typer.Option(help="Task with open answers.")] = "aeqa",
    parameters: Annotated[
        list[str] | None, typer.Option("--set", help="The judge's own, as key=value.")
    ] = None,
) -> None:
    """Judge the open answers of a study again; the records stay as they are.

    The language model behind `--judge llm` is any OpenAI-compatible endpoint; its key, if it needs
    one, is read from the variable that the judge's `key_variable` names.
    """
    from wiw.judge import judge_task, make_judge
    from wiw.texts import interval
    from wiw_ros.parameters import key_values

    for row in judge_task(run, task, make_judge(by, **key_values(parameters or [], "set"))):
        now, before = (interval(value, digits=1) for value in (row.score, row.before))
        console.print(f"{row.folder}: score {now}, before {before}", highlight=False)


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
    """See the loop close: three tasks with every arm, the table, what it says, and the report."""
    from wiw.grid import run_study
    from wiw.report import write_report

    settings = Settings(RUN_TASKS, DEFAULT_ARMS, episodes, seed, in_process=in_process, film=1)
    study = run_study(settings, out, console, fresh=fresh, workers=workers)
    console.print(f"Report: {write_report(study)}", soft_wrap=True)


app.command("collect", epilog=collect.EPILOG)(collect.collect)
app.command("train", epilog=train.EPILOG)(train.train)
app.command("measure", epilog=measure.EPILOG)(measure.measure)
app.command("study", epilog=study.EPILOG)(study.study)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.command("approve", epilog=approve.EPILOG)(approve.approve)
app.command("goal", epilog=goal.EPILOG)(goal.goal)
app.add_typer(export.app, name="export")
app.command("record", epilog=record.EPILOG)(record.record)
app.command("replay", epilog=replay.EPILOG)(replay.replay)
app.command("watch", epilog=watch.EPILOG)(watch.watch)


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
