"""``wiw replay``: would the policy decide the same again?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from wiw import policies
from wiw_core.errors import ErrorCode, WiwError

if TYPE_CHECKING:
    from wiw.recording.asking import AskedPlanner
    from wiw.recording.replay import Replayed

EPILOG = (
    "Examples: `wiw replay runs/bags/kitchen` · `wiw replay runs/bags/kitchen --explore --wm warp`"
    " · `wiw replay runs/bags/kitchen --explore --policy wide=::candidates=8`"
)
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def replay(
    recording: Annotated[Path, typer.Argument(help="Folder of the recording.")],
    wm: Annotated[
        str,
        typer.Option(
            "--wm",
            help="recorded (what was imagined then), none, or an arm of wiw eval. If absent: what"
            " was imagined, if that was recorded, else the same model.",
        ),
    ] = "",
    policy: Annotated[
        str, typer.Option(help=f"Instead of the recorded policy: {policies.HELP}")
    ] = "",
    planner: Annotated[
        str,
        typer.Option(
            help="Ask this running planner node, such as planner_node, instead of a policy here."
        ),
    ] = "",
    explore: Annotated[
        bool, typer.Option("--explore", help="Differences are the answer, not a failure.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="By how much scores may differ, as a share.")
    ] = 1e-4,
) -> None:
    """Take every recorded decision again, on the same observations, and compare.

    No robot or simulator is needed, and without --planner no ROS graph. The same policy and world
    model must decide the same: exit code 1 if they do not, or if the recording lacks a turn. With
    --explore another policy or world model says what it would have decided.
    """
    from wiw.recording.replay import Replay

    if planner and (wm or policy):
        raise WiwError(
            ErrorCode.BAD_PARAMETER, "A running planner has its own policy and world model."
        )
    done = []
    with (
        _asked(planner) as asked,
        closing(Replay(recording, wm, policy, tolerance, asked)) as replayed,
    ):
        for episode in replayed.episodes():
            _tell(episode)
            if not episode.episode.late:
                done.append(episode)
    console.print(_table(done))
    decisions = sum(len(e.decisions) for e in done)
    different = sum(len(e.different) for e in done)
    alike = sum(d.alike for e in done for d in e.decisions)
    missing = sum(e.missing for e in done)
    console.print(
        f"{decisions - different} of {decisions} decisions are the same; {alike} act alike"
        + (f"; {missing} turns are not in the recording" if missing else ""),
        soft_wrap=True,
    )
    failed = bool(different or missing or not decisions)
    raise typer.Exit(failed and not explore)


@contextmanager
def _asked(planner: str) -> Iterator[AskedPlanner | None]:
    if not planner:
        yield None
        return
    from wiw import description

    os.environ.update(description.variables())  # before the first look at ROS
    import rclpy
    from rclpy.context import Context

    from wiw.recording.asking import AskedPlanner

    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("wiw_replay", context=context, start_parameter_services=False)
    asked = AskedPlanner(node, planner)
    try:
        yield asked
    finally:
        asked.close()
        node.destroy_node()
        context.try_shutdown()


def _tell(episode: Replayed) -> None:
    if episode.episode.late:
        console.print(f"{episode.episode.id} had begun before the recording did: left out")
    for decision in episode.different:
        console.print(
            f"{episode.episode.id}, decision {decision.recorded.index}: {decision.difference}",
            markup=False,
            soft_wrap=True,
        )


def _table(done: list[Replayed]) -> Table:
    table = Table(box=None, pad_edge=False)
    numbers = ("decisions", "same", "same act", "missing")
    for title in ("episode", "task", "ended", *numbers, "first difference"):
        table.add_column(title, justify="right" if title in numbers else "left")
    for each in done:
        result = each.episode.result
        different = each.different
        first = f"{different[0].recorded.index}: {different[0].difference}" if different else ""
        table.add_row(
            each.episode.id,
            each.episode.begun.episode.task,
            result.status.name.lower().replace("_", " ") if result else "not in the recording",
            str(len(each.decisions)),
            str(len(each.decisions) - len(different)),
            str(sum(decision.alike for decision in each.decisions)),
            str(each.missing or ""),
            first,
        )
    return table
