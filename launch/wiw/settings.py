"""What a study compares: its tasks, arms, policies and episodes, and the checks on them."""

from __future__ import annotations

from dataclasses import dataclass

from wiw import arms
from wiw.arms import Arm
from wiw.description import SIMULATED_KINDS
from wiw.policies import DEFAULT, PolicyChoice, parse
from wiw.tasks import definition
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.registry import ENVIRONMENTS, TASKS, Registry

AT = "@"
"""Between arm and policy in the name of a row and of its folder."""


@dataclass(frozen=True)
class Settings:
    """What a study compares.

    Attributes
    ----------
    episodes : int
        Per task and row: the first so many of the split, the same ones for every row.
    episodes_of : tuple of str
        Other numbers for a task or a family, each as ``NAME=NUMBER``.
    environment : str
        Registered name; empty: each task's own.
    in_process : bool
        Without ROS: the same loop, one function call away from the models.
    film : int
        Episodes per task and row that keep film strips.
    arms : tuple of str
        See :data:`wiw.arms.HELP`.
    policies : tuple of str
        See :data:`wiw.policies.HELP`; empty: the task's own alone.
    environment_parameters : tuple of str
        What the environment is told beside its defaults, each as ``key=value``.
    simulate : str
        Kind of the simulated robot to start beside each bridge, ``base`` or ``arm``; empty: none.
    """

    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    episodes: int
    seed: int = 0
    environment: str = ""
    split: str = "val"
    in_process: bool = False
    film: int = 2
    policies: tuple[str, ...] = ()
    episodes_of: tuple[str, ...] = ()
    environment_parameters: tuple[str, ...] = ()
    simulate: str = ""

    def check(self) -> None:
        """Refuse unknown names, suggesting the nearest, and an empty grid."""
        for task in self.tasks:
            Registry(TASKS).get(task)
        if len(self.named_arms()) < len(self.arms):
            raise _bad("Two arms of a study have the same name.")
        if not self.tasks or not self.arms or self.episodes < 1:
            raise _bad("A study needs at least one task, one arm and one episode.")
        for task in self.tasks:
            Registry(ENVIRONMENTS).get(self.environment_of(task))
            self.count(task)
        if len(self.choices()) < len(self.policies):
            raise _bad("Two policies of a study have the same name.")
        if self.simulate and (self.simulate not in SIMULATED_KINDS or self.in_process):
            raise _bad(
                f"A simulated robot is of kind {' or '.join(SIMULATED_KINDS)}, and runs over ROS."
            )
        if self.split not in ("val", "train"):
            raise _bad(f"The split is 'val' or 'train', not '{self.split}'.")

    def environment_of(self, task: str) -> str:
        """Return the registered name of the environment that a task runs in."""
        return self.environment or definition(task).environment

    def count(self, task: str) -> int:
        """Return how many episodes each row of a task has."""
        counts = dict(map(_count, self.episodes_of))
        families = {definition(name).family for name in self.tasks}
        for name in counts:
            if name not in self.tasks and name not in families:
                known = [*self.tasks, *families]
                raise unknown_name(ErrorCode.BAD_PARAMETER, "task or family", name, known)
        return counts.get(task, counts.get(definition(task).family, self.episodes))

    def choices(self) -> dict[str, PolicyChoice]:
        """Return the policies by name."""
        parsed = [parse(text) for text in self.policies or (DEFAULT,)]
        return {choice.name: choice for choice in parsed}

    def labels(self) -> list[str]:
        """Return the names of the rows: every arm with every policy."""
        return [label(arm, policy) for policy in self.choices() for arm in self.named_arms()]

    def named_arms(self) -> dict[str, Arm]:
        """Return the arms by name."""
        return {arm.name: arm for arm in map(arms.parse, self.arms)}

    def arm_of(self, row: str) -> Arm:
        """Return the arm of a row."""
        return self.named_arms()[arm_of(row)]

    def policy_of(self, row: str) -> PolicyChoice:
        """Return the policy of a row."""
        return self.choices()[row.partition(AT)[2] or DEFAULT]


def label(arm: str, policy: str) -> str:
    """Return the name of a row: ``warp``, or ``warp@wide`` for a policy that is not the task's."""
    return arm if policy == DEFAULT else f"{arm}{AT}{policy}"


def arm_of(row: str) -> str:
    """Return the arm of a row."""
    return row.partition(AT)[0]


def sibling(row: str, arm: str) -> str:
    """Return the row of another arm with the same policy."""
    return label(arm, row.partition(AT)[2] or DEFAULT)


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal() or int(number) < 1:
        raise _bad(f"'{text}' is not of the form NAME=NUMBER, the number a whole one from 1.")
    return name, int(number)


def _bad(message: str) -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, message)
