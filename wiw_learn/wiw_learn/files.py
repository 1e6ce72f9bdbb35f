"""Files that are written at once or not at all, and folders that one command works in at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError

PARTIAL, LOCK = ".partial", ".lock"


def write(path: Path, content: bytes) -> None:
    """Write a file at once or not at all, and to the disk; raises ``RECORDING_FAILED``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + PARTIAL)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise WiwError(ErrorCode.RECORDING_FAILED, f"Cannot write '{path}': {error}.") from error


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Lock a folder; the kernel gives the lock back when its holder ends, however it ends.

    Raises
    ------
    WiwError
        ``BUSY`` if another process holds it; ``RECORDING_FAILED``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise WiwError(ErrorCode.RECORDING_FAILED, f"Cannot open '{folder}': {error}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WiwError(
                ErrorCode.BUSY,
                f"Another command is at work in '{folder}'.",
                "Wait for it, or choose another folder.",
            ) from error
        yield
