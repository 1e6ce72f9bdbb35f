"""ROS domains for runs that must not hear one another."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import IO

from wiw_core.errors import ErrorCode, WiwError

FIRST, LAST = 40, 101
"""Domains that evaluations use; above 101 the ports may meet ephemeral ones."""


def claim() -> tuple[int, IO[str]]:
    """Return a domain that no other evaluation on this machine uses, and the lock that keeps it.

    The domain is ours until the file is closed or the process ends.
    """
    for domain in range(FIRST, LAST + 1):
        path = Path(tempfile.gettempdir()) / f"wiw-domain-{domain}.lock"
        try:
            lock = path.open("a")
        except PermissionError:
            continue  # another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return domain, lock
    raise WiwError(
        ErrorCode.BAD_PARAMETER,
        f"All ROS domains from {FIRST} to {LAST} are in use.",
        "End other evaluations, or use fewer workers.",
    )
