"""What the tests of remote environments share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wiw_env_bridge.remote.client import Patience, RemoteEnvironment

FAKES = Path(__file__).parent / "fakes"
ROOM = "wiw_core.fakes.environment:FakeEnvironment"


def room(python: str = "", **parameters: Any) -> RemoteEnvironment:
    """Return the fake room in a worker."""
    return RemoteEnvironment("room", ROOM, parameters, python)


def trouble(name: str, **patience: float) -> RemoteEnvironment:
    """Return one of ``fakes/remote_troubles`` in a worker."""
    factory = f"remote_troubles:{name}"
    return RemoteEnvironment(
        "trouble", factory, {}, path=(str(FAKES),), patience=Patience(**patience)
    )


def first(environment: Any, task: str = "ignav") -> str:
    """Return the first episode of a task."""
    return str(environment.episode_ids(task)[0])


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(what: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Wait until something is so; False if it is not in time."""
    end = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Lines:
    """A stand-in for a ROS node whose logger keeps every line."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def get_logger(self) -> Lines:
        return self

    def info(self, line: str) -> None:
        self.all.append(line)

    def said(self, words: str) -> bool:
        return any(words in line for line in self.all)


def script(folder: Path, text: str) -> str:
    """Return the path of a shell script that stands for an interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o755)
    return str(path)
