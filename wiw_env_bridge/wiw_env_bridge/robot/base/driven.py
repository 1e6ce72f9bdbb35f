"""What every way of moving a base has in common."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2


@dataclass(frozen=True)
class Driven:
    """How a mover says that one primitive ended; see :class:`Outcome`."""

    collided: bool = False
    code: ErrorCode = ErrorCode.OK
    message: str = ""
    stopped: bool = False


class Mover(Protocol):
    """One way to move a base."""

    def offered(self) -> bool:
        """Tell whether the robot has what it needs now."""
        ...

    def ready(self) -> None:
        """Wait for that; raises ``ACTION_SERVER_LOST`` naming it."""
        ...

    def drive(self, delta: Pose2, halted: threading.Event) -> Driven:
        """Drive straight or turn in place; raises on a fault, having told the base to stop."""
        ...

    def hold(self) -> None:
        """Stop now; any thread, never raises, never waits."""
        ...
