"""What is collected: a job is one trajectory, a sampler makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wiw_core.errors import ErrorCode
from wiw_core.registry import Kind
from wiw_learn.dataset import Trajectory

SAMPLERS = Kind("wiw.samplers", "sampler", ErrorCode.BAD_PARAMETER)


@dataclass(frozen=True)
class Job:
    """One trajectory to collect.

    Attributes
    ----------
    scene : int
        Seed of the scene; of the train split.
    seed : int
        With ``scene`` and ``task``, everything that is drawn.
    task : str
        Whose expert moves, for the arm; how the robot walks, in navigation.
    text : str
        The goal in words, where there is one.
    """

    scene: int
    seed: int
    task: str
    text: str = ""

    @property
    def name(self) -> str:
        """The shard's name, the same in every run."""
        return f"{self.task}-{self.scene:06d}-{self.seed}"


class Sampler(Protocol):
    """Makes the trajectories of one kind; built from the settings' options, once per process.

    Attributes
    ----------
    kind : str
        The layout of the arrays, see :mod:`wiw_learn.dataset`.
    actions : tuple of str
        What the numbers in ``action`` mean.
    version : str
        Changes whenever a job no longer gives the same trajectory.
    """

    kind: str
    actions: tuple[str, ...]
    version: str

    def jobs(self, scenes: range) -> list[Job]:
        """Return the jobs of these scenes, those of one scene in a row; draws nothing."""
        ...

    def collect(self, job: Job) -> Trajectory:
        """Return the arrays of one trajectory; the same job gives the same bytes anywhere."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...
