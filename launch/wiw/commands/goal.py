"""``wiw goal``: keep what a robot sees, where it stands, as an image goal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

EPILOG = "Example: `wiw goal kitchen --robot my_base.yaml` · then another: `wiw goal sofa ...`"
console = Console(width=None if sys.stdout.isatty() else 160)


def goal(
    name: Annotated[str, typer.Argument(help="What the place is called.")],
    robot: Annotated[str, typer.Option(help="Profile of the robot: a YAML file.")],
    task: Annotated[str, typer.Option(help="Task of a file that is begun now.")] = "ignav",
    radius: Annotated[
        float, typer.Option(help="Metres that count as there, in a file that is begun now.")
    ] = 0.5,
    text: Annotated[str, typer.Option(help="The goal in words too.")] = "",
) -> None:
    """Add the place where the robot stands to its goals: drive it there by hand first.

    Nothing moves. The photo and the place go into the file that the profile's referee names.
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise typer.BadParameter("A name is made of letters, digits, '_' and '-'.")
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from wiw_env_bridge.robot.profile import load_profile
    from wiw_env_bridge.robot.referee.capture import take_goal

    profile = load_profile(robot)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        taken = take_goal(profile, name, task=task, radius_m=radius, text=text)
    finally:
        rclpy.try_shutdown()
    x, y = taken.place_m
    console.print(
        f"{taken.name}: at ({x:.2f}, {y:.2f}) m in {taken.frame}, seen in {taken.photo}; "
        f"{taken.count} goals in {taken.file}",
        highlight=False,
        soft_wrap=True,
    )
