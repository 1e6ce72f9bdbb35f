"""What every referee can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode

Whereabouts = Callable[[str], Pose2]
"""Gives the base's pose in a frame; raises ``STALE_OBSERVATION`` or ``TF_UNAVAILABLE``."""


@dataclass(frozen=True)
class Travelled:
    """What the robot did in an episode, by its own account: metres by odometry or by the tool."""

    actions: int = 0
    collisions: int = 0
    failures: int = 0
    path_m: float = 0.0


@dataclass(frozen=True)
class Ending:
    """How the planner ended an episode; see :meth:`wiw_core.contracts.Environment.finish`."""

    decisions: int
    answer: str
    confidence: float
    fault: ErrorCode
    message: str


class Referee(Protocol):
    """Knows the episodes and their goals; the only part that holds privileged state."""

    def tasks(self) -> Sequence[str]:
        """Return the tasks it has episodes for."""
        ...

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in evaluation order, all if ``limit`` is 0; raises ``UNKNOWN_TASK``."""
        ...

    def begin(self, task: str, episode_id: str, check: Callable[[], None]) -> tuple[Episode, bool]:
        """Have the robot placed; return the public episode, and whether it is decided already.

        ``check`` raises to give up waiting.
        """
        ...

    def decided(self) -> bool:
        """Tell whether the task itself ends the open episode, where the robot is now."""
        ...

    def finish(self, ending: Ending, travelled: Travelled) -> EpisodeResult:
        """Judge and close the open episode."""
        ...
