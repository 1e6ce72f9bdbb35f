"""``wiw watch``: a run in Rerun, live or from a recording."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from wiw.watching.stream import Stream

EPILOG = (
    "Examples: `wiw watch` · `wiw watch --save run.rrd` · `wiw watch runs/bags/kitchen` ·"
    " `wiw watch runs/bags/kitchen --save kitchen.rrd`"
)
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def watch(
    recording: Annotated[
        Path | None, typer.Argument(help="A recording; if absent, the planner that runs now.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write an .rrd file instead of opening the viewer.")
    ] = None,
    planner: Annotated[
        str, typer.Option(help="Node name of the planner; with its namespace, if it has one.")
    ] = "planner_node",
) -> None:
    """Watch a run in Rerun: what is seen, which plans are weighed, what each was imagined to do.

    Needs the package rerun-sdk. RViz and Foxglove need none: see docs/watch.md.
    """
    from wiw.watching.stream import Stream

    stream = Stream(save)
    if recording is not None:
        _show(recording, stream)
    else:
        _follow(planner, stream)
    if save is not None:
        console.print(f"Open it with: rerun {save}", soft_wrap=True)


def _show(recording: Path, stream: Stream) -> None:
    from wiw.recording.episodes import recorded_episodes

    for episode in recorded_episodes(recording, imagination=True):
        stream.begun(episode.begun)
        for turn in episode.together:
            for (index, _), rollout in sorted(episode.imagined.items()):
                if index == turn.decision.index:
                    stream.imagined(rollout)
            stream.turn(turn)
        if episode.result is not None:
            stream.result(episode.result)
    stream.close()


def _follow(planner: str, stream: Stream) -> None:
    from wiw import description

    os.environ.update(description.variables())
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from wiw.watching.live import Live

    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("wiw_watch", start_parameter_services=False)
    try:
        live = Live(node, planner, stream, lambda text: console.print(text, markup=False))
        console.print(f"watching {planner}; Ctrl-C ends it")
        sys.stdout.flush()
        # Python runs its signal handlers in this thread, which must wake to do so.
        while not asked.wait(0.1):
            pass
        live.close()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
