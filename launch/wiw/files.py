"""Files that are written at once or not at all, and the lock of a study's folder."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path
from typing import IO, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.files import PARTIAL as PARTIAL
from wiw_learn.files import write

OWNER, WORKERS = ".lock", ".workers.lock"
"""Held by the command that runs a study, and by each of its workers and their nodes."""
ORPHANS_S = 30.0
"""Seconds that the workers of a killed command are given to end."""


def write_text(path: Path, text: str) -> None:
    """Write a text file at once or not at all, and to the disk; raises ``RECORDING_FAILED``."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file at once or not at all; raises ``RECORDING_FAILED``."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file at once or not at all, and to the disk; raises ``RECORDING_FAILED``."""
    write(path, content)


def own(folder: Path) -> IO[bytes]:
    """Lock a study's folder for this process, until the returned file is closed.

    The kernel gives the lock back when its holder ends, however it ends: none is ever stale. The
    workers of a command that was killed are waited for: they may still write.

    Raises
    ------
    WiwError
        ``BUSY`` if another command runs this study, or its workers do not end.
    """
    owner = _open(folder / OWNER)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner.close()
        raise WiwError(
            ErrorCode.BUSY,
            f"Another 'wiw eval' or 'wiw run' is at work in '{folder}'.",
            "Wait for it, end it, or choose another folder with --out.",
        ) from error
    with _open(folder / WORKERS) as workers:
        until = time.monotonic() + ORPHANS_S
        while not _try(workers, fcntl.LOCK_EX):
            if time.monotonic() > until:
                owner.close()
                raise WiwError(
                    ErrorCode.BUSY,
                    f"Workers of an earlier run are still at work in '{folder}'.",
                    f"End the processes that hold '{folder / WORKERS}'.",
                )
            time.sleep(0.1)
    return owner


def join_workers(folder: Path) -> IO[bytes]:
    """Say that this process works in the folder, until the returned file is closed.

    Children that inherit its descriptor hold on to it too. Raises ``BUSY`` if the command that
    started this worker has been killed and its successor has the folder.
    """
    workers = _open(folder / WORKERS)
    if not _try(workers, fcntl.LOCK_SH):
        workers.close()
        raise WiwError(ErrorCode.BUSY, f"Another command has begun to work in '{folder}'.")
    return workers


def _open(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        raise WiwError(ErrorCode.RECORDING_FAILED, f"Cannot open '{path}': {error}.") from error


def _try(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
