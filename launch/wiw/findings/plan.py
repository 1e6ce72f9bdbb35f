"""What ``wiw study`` does: a YAML file, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from wiw import arms
from wiw.tasks import definition
from wiw_core.errors import ErrorCode, WiwError, unknown_name

SHIPPED = "reduced"
"""The plan that the command follows by itself."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights that the study trains, and the arm that uses them.

    Attributes
    ----------
    name : str
        Of the arm.
    train : str
        Config of ``wiw train``; checkpoints that share it and ``set`` share one training.
    model : str
        World model that uses them.
    set : mapping
        What is changed of the config: ``steps: 100``, ``train_scenes: 8``.
    step : int
        The weights after so many steps of the training; 0: at its end.
    key : str
        The model's parameter that takes the path of the weights.
    with_ : mapping
        Its other parameters; ``with`` in the file.
    """

    name: str
    train: str
    model: str
    set: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    key: str = "weights"
    with_: Mapping[str, Any] = field(default_factory=dict)

    @property
    def training(self) -> str:
        """Name of its training's folder."""
        told = [f"{key}{value}" for key, value in sorted(self.set.items())]
        return "-".join([self.train, *told])

    @property
    def scenes(self) -> int:
        """Scenes trained on; 0: all."""
        return int(self.set.get("train_scenes", 0))

    @property
    def series(self) -> str:
        """What it shares with checkpoints that differ in weights alone."""
        told = " ".join(f"{key}={value}" for key, value in self.with_.items())
        return f"{self.model} {told}".strip()

    def weights(self, folder: Path) -> Path:
        """Return the path of its weights, as a model's parameter takes it."""
        run = folder / self.training
        return run / f"step_{self.step}" if self.step else run

    def arm(self, folder: Path) -> str:
        """Return the text of its arm, see :data:`wiw.arms.HELP`; trainings are in ``folder``."""
        told = {**self.with_, self.key: self.weights(folder)}
        return f"{self.name}={self.model}:" + ",".join(f"{k}={v}" for k, v in told.items())


@dataclass(frozen=True)
class Thinking:
    """Finding (d): one task and arm, at several numbers of plans and shares of decisions.

    Attributes
    ----------
    candidates : tuple of int
        Numbers of plans weighed per decision; the task's own is among them in any case.
    shares : tuple of float
        Of decisions that may ask the model, 0 to 1; 1 is among them in any case.
    """

    task: str
    arm: str
    episodes: int
    candidates: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """A study of the five findings.

    Attributes
    ----------
    seed : int
        Of every run and every resampling.
    split : str
        ``val``, or ``train``.
    episodes : mapping
        Paired episodes per task, for findings (a) and (b).
    models : tuple of str
        Arms that stand for our world models, by name or described; tasks that a model cannot
        serve have no row of it.
    against : tuple of (str, str)
        Finding (b): a trained arm, and the untrained or geometry-free one it should beat. Arms are
        named, described, or names of checkpoints.
    against_tasks : tuple of str
        Tasks of ``episodes`` that (b) is asked of; empty: all of them.
    thinking : tuple of Thinking
    checkpoints : tuple of Checkpoint
        Findings (c) and (e).
    checkpoint_episodes : mapping
        Paired episodes per task for each checkpoint.
    controllability, quality : mapping
        Measures of ``wiw measure`` that count as such: name, and what it is in words.
    environment : str
        Instead of each task's own.
    policy : str
        Of every run, see :data:`wiw.policies.HELP`.
    """

    seed: int
    episodes: Mapping[str, int]
    models: tuple[str, ...]
    against: tuple[tuple[str, str], ...]
    thinking: tuple[Thinking, ...]
    checkpoints: tuple[Checkpoint, ...]
    checkpoint_episodes: Mapping[str, int]
    controllability: Mapping[str, str]
    quality: Mapping[str, str]
    split: str = "val"
    environment: str = ""
    policy: str = "default"
    against_tasks: tuple[str, ...] = ()

    def checkpoint(self, name: str) -> Checkpoint | None:
        """Return a checkpoint by name; None if no checkpoint is called so."""
        return next((c for c in self.checkpoints if c.name == name), None)

    def check(self) -> None:
        """Refuse unknown names and numbers out of range before anything runs.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER``, ``UNKNOWN_TASK`` or ``UNKNOWN_MODEL``.
        """
        for task in (*self.episodes, *self.checkpoint_episodes, *(t.task for t in self.thinking)):
            definition(task)
        for task in self.against_tasks:
            if task not in self.episodes:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "task", task, self.episodes)
        counts = [*self.episodes.values(), *self.checkpoint_episodes.values()]
        if any(count < 1 for count in (*counts, *(t.episodes for t in self.thinking))):
            raise _bad("a number of episodes is below 1")
        names = [checkpoint.name for checkpoint in self.checkpoints]
        if len(set(names)) < len(names):
            raise _bad("two checkpoints have the same name")
        for checkpoint in self.checkpoints:
            arms.parse(checkpoint.arm(Path("weights")))
        for text in (*self.models, *(name for pair in self.against for name in pair)):
            if text not in names:
                arms.parse(text)


def load(name_or_path: str = SHIPPED) -> Plan:
    """Return the plan that ships under a name, or that of a YAML file.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a file, key or value that does not fit; as :meth:`Plan.check`.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        path: Any = Path(name_or_path)
    else:
        path = resources.files("wiw.findings") / "plans" / f"{name_or_path}.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise _bad(f"'{name_or_path}' cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise _bad(f"'{name_or_path}' is not YAML ({' '.join(str(error).split())})") from error
    plan = parse(content)
    plan.check()
    return plan


def parse(content: Any) -> Plan:
    """Return the plan of a file's content; raises ``BAD_PARAMETER``."""
    values = _known(content, Plan, "plan")
    values["thinking"] = tuple(
        Thinking(**{k: _tuple(v) for k, v in _known(part, Thinking, "thinking").items()})
        for part in values.get("thinking", ())
    )
    values["checkpoints"] = tuple(
        Checkpoint(**_known(_renamed(part), Checkpoint, "checkpoint"))
        for part in values.get("checkpoints", ())
    )
    values["against"] = tuple(map(_pair, values.get("against", ())))
    for name in ("models", "against_tasks"):
        values[name] = tuple(values.get(name, ()))
    return Plan(**values)


def _renamed(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {("with_" if key == "with" else key): value for key, value in part.items()}


def _pair(value: Any) -> tuple[str, str]:
    if not (isinstance(value, list) and len(value) == 2):
        raise _bad(f"'against' holds {value!r}, not a pair of arms")
    return str(value[0]), str(value[1])


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known(content: Any, kind: type, what: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _bad(f"a {what} holds {content!r}, not keys")
    known = {entry.name: entry for entry in fields(kind)}
    for key in content:
        if key not in known:
            raise unknown_name(ErrorCode.BAD_PARAMETER, f"key of a {what}", str(key), known)
    required = [n for n, e in known.items() if _required(e)]
    absent = [name for name in required if name not in content]
    if absent:
        raise _bad(f"a {what} lacks {', '.join(absent)}")
    return dict(content)


def _required(entry: Any) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _bad(reason: str) -> WiwError:
    return WiwError(
        ErrorCode.BAD_PARAMETER,
        f"The plan of the study cannot be used: {reason}.",
        "Begin with the one that ships: wiw study --print-plan.",
    )
