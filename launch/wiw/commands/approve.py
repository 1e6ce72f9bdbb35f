"""``wiw approve``: decide on each plan before the robot moves."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated

import typer
from rich.console import Console

EPILOG = "Examples: `wiw approve` · `wiw approve --bridge robot1/env_bridge`"
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def approve(
    bridge: Annotated[
        str, typer.Option(help="Node name of the bridge; with its namespace, if it has one.")
    ] = "env_bridge",
    by: Annotated[str, typer.Option(help="Who decides, for the bridge's log.")] = "",
) -> None:
    """Look at each plan that waits for approval, and say yes, no, or stop; Ctrl-C ends it.

    For a bridge with `require_approval: true`. The robot is still until somebody says yes, and
    after a no, or no answer in time, the plan is not executed. The hand stays on the hardware
    emergency stop: `s` asks the bridge to stop, and is no safety function.
    """
    from wiw import description

    os.environ.update(description.variables())
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from wiw.approving import Approver

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("wiw_approve", start_parameter_services=False)
    approver = Approver(node, bridge, by or getpass.getuser())
    try:
        console.print(f"waiting for plans of {bridge}; Ctrl-C ends it")
        approver.run(input, lambda text: console.print(text, markup=False), lambda: False)
    except KeyboardInterrupt:
        console.print("\nNo more approvals from here: plans that wait are refused in time.")
    finally:
        approver.close()
        node.destroy_node()
        rclpy.try_shutdown()
