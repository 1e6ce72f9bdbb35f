"""What a simulated robot is to its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode
from wiw_core.observation import Episode


class Judge(Protocol):
    """Stands for the person who places the robot and judges; no robot has such an interface."""

    def tasks(self) -> Sequence[str]:
        """Return the tasks it can judge."""
        ...

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in evaluation order, all if ``limit`` is 0; raises ``UNKNOWN_TASK``."""
        ...

    def place(self, task: str, episode_id: str) -> tuple[Episode, bool]:
        """Stop the robot, put it where the episode begins and open the episode.

        Returns its public side, and whether it is decided already. Raises ``UNKNOWN_TASK`` or
        ``UNKNOWN_EPISODE``.
        """
        ...

    def decided(self) -> bool:
        """Tell whether the open episode's task ends it in the robot's present state.

        Raises ``NO_EPISODE``.
        """
        ...

    def finish(
        self, decisions: int, answer: str, confidence: float, fault: ErrorCode, message: str
    ) -> EpisodeResult:
        """Stop the robot, close the open episode and judge it; raises ``NO_EPISODE``.

        ``actions`` and ``failures`` of the result are 0: a referee sees motion, not actions.
        """
        ...


class SimulatedBody(Protocol):
    """One kind of simulated robot: all that it shows on the wire, and its judge.

    Made as ``SomeBody(node, values, faults)``: ``values`` holds the parameters by name.
    """

    @property
    def judge(self) -> Judge:
        """Who places it and judges."""
        ...

    def start(self) -> None:
        """Show everything on the wire; returns when the first picture could be taken."""
        ...

    def tend(self) -> None:
        """Do what faults ask for beside the way of things; called ten times a second."""
        ...

    def stop(self) -> None:
        """Stand still now; from any thread, never raises."""
        ...

    def close(self) -> None:
        """Stop, end the threads and free everything; idempotent."""
        ...
