"""ROS domains for graphs that must not hear one another: tests, and workers of an evaluation."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from pathlib import Path
from typing import IO

from wiw_core.errors import ErrorCode, WiwError

FIRST, LAST = 10, 101
"""Above 101 the ports of a domain may meet ephemeral ones; below 10 is where people work."""

_claims = itertools.count()
"""Claims of this process: the next one begins at another domain, where no dying graph is heard."""


def claim() -> tuple[int, IO[str]]:
    """Return a domain that nobody else on this machine has claimed, and the lock that keeps it.

    The domain is ours until the file is closed or the process ends. Raises ``BAD_PARAMETER`` when
    every domain is taken.
    """
    count = LAST - FIRST + 1
    first = os.getpid() + next(_claims)
    for offset in range(count):
        domain = FIRST + (first + offset) % count
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
