"""``wiw record``: keep a run as a rosbag2 recording in MCAP."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EPILOG = (
    "Examples: `wiw record` · `wiw record --profile full --out runs/bags/kitchen` ·"
    " `wiw record --profile '' odom /tf 'camera/*'` · `wiw record --mend runs/bags/kitchen`"
)
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def record(
    topics: Annotated[
        list[str] | None,
        typer.Argument(
            help="Topics to keep beside the profile's; * stands for anything. A name without a"
            " leading / is taken in every namespace.",
            metavar="[TOPIC]...",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the recording; runs/bags/DATE-TIME if absent.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="minimal, full, all, or '' for the topics named alone.")
    ] = "minimal",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.0, help="End by itself after so long; 0: Ctrl-C.")
    ] = 0.0,
    min_free_mb: Annotated[
        float, typer.Option(min=1.0, help="Megabytes of the disk to leave free.")
    ] = 500.0,
    mend: Annotated[
        Path | None,
        typer.Option(help="Record nothing: complete what a killed recording left in this folder."),
    ] = None,
) -> None:
    """Record a running graph into a folder that `ros2 bag` opens: MCAP, with every QoS profile.

    minimal keeps what `wiw replay` and `wiw export` need, and the robot's own state; full keeps the
    cameras and what was imagined too; all keeps every topic. Topics are found as they appear, so it
    may be started before the nodes. Ctrl-C completes the file; a kill loses a second at most.
    """
    if mend is not None:
        from wiw.recording.reading import mend as complete

        whole = complete(mend)
        console.print(f"Completed: {whole}", soft_wrap=True)
        return
    _record(topics or [], out or _dated(), profile, seconds, min_free_mb)


def _dated() -> Path:
    return Path("runs/bags") / datetime.now().strftime("%Y-%m-%d-%H%M%S")


def _record(topics: list[str], out: Path, profile: str, seconds: float, min_free_mb: float) -> None:
    from wiw import description

    os.environ.update(description.variables())  # before the first look at ROS
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from wiw.recording.bag import Bag
    from wiw.recording.node import Recording
    from wiw.recording.topics import chosen

    wanted, bag = chosen(profile, topics), Bag(out, min_free_mb)
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("wiw_record", start_parameter_services=False)
    try:
        recording = Recording(node, bag, wanted, _say)
        _say(f"recording into {out}; Ctrl-C ends it")
        until = time.monotonic() + seconds if seconds > 0 else float("inf")
        while not (asked.is_set() or recording.ended.is_set() or time.monotonic() >= until):
            asked.wait(0.1)
        recording.close()
    finally:
        bag.abort()  # nothing, if it was completed
        node.destroy_node()
        rclpy.try_shutdown()
    counts = {topic: count for topic, count in sorted(bag.counts.items()) if count}
    for topic, count in counts.items():
        _say(f"{count:>8} {topic}")
    _say(f"{sum(counts.values())} messages of {len(counts)} topics: {out}")
    if not counts:
        _say("nothing was heard: the nodes may be in another ROS domain, or on another transport")
    if recording.failure is not None:
        raise recording.failure


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
    sys.stdout.flush()
