"""``wiw doctor``: is this machine ready, or this robot?"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from wiw.doctor import Finding

EPILOG = (
    "Examples: `wiw doctor` · `wiw doctor --robot my_robot.yaml` ·"
    " `wiw doctor --robot simulated_base --namespace /robot1`"
)
console = Console(width=None if sys.stdout.isatty() else 160)


def doctor(
    robot: Annotated[
        str, typer.Option(help="Look at a robot instead: a profile's name, or its YAML file.")
    ] = "",
    namespace: Annotated[
        str, typer.Option(help="Where the profile's relative names begin: the bridge's namespace.")
    ] = "",
    sim_time: Annotated[bool, typer.Option("--sim-time", help="Time comes from /clock.")] = False,
) -> None:
    """Check this machine: Python, ROS 2, messages, rendering, shared memory, domain, cores.

    With `--robot`, listen to a robot for a few seconds, before anything moves: topics, types, QoS,
    rates, stamps, encodings, frames, tf, units, action servers, limits, e-stop; then print what
    people must try before it moves by itself. Exit code 1 if anything fails.
    """
    from wiw.doctor import Grade, examine

    if not robot:
        findings = examine()
        _print(findings)
        raise typer.Exit(int(any(finding.grade is Grade.FAIL for finding in findings)))
    from wiw import description, doctor_robot
    from wiw.doctor_robot.checklist import checklist
    from wiw_env_bridge.robot.profile import load_profile

    os.environ.update(description.variables())  # it is to hear what the bridge would
    profile = load_profile(robot)
    findings = doctor_robot.examine(profile, namespace, sim_time)
    _print(findings)
    console.print(f"\nBefore '{escape(profile.name)}' moves by itself:")
    for number, step in enumerate(checklist(profile), 1):
        console.print(f"{number:>3}. {escape(step)}")
    raise typer.Exit(int(any(finding.grade is Grade.FAIL for finding in findings)))


def _print(findings: Sequence[Finding]) -> None:
    from wiw.doctor import Grade

    colours = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        colour = colours[finding.grade]
        advice = f"\n[dim]{escape(finding.advice)}[/dim]" if finding.advice else ""
        grade = f"[{colour}]{finding.grade.value}[/{colour}]"
        table.add_row(grade, escape(finding.name), escape(finding.seen) + advice)
    console.print(table)
