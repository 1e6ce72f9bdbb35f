"""The closed-loop runs of a study: a few ordinary studies, each with its own report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from wiw import policies
from wiw.evaluate import Watcher, evaluate
from wiw.findings.plan import Plan, Thinking
from wiw.pooling import Key, Records
from wiw.results import read_records, tables, write
from wiw.settings import Settings, label
from wiw.study import Study, load
from wiw.tasks import definition
from wiw_core.errors import WiwError

TASKS, TRAINING, CHECKPOINTS, THINKING = "tasks", "training", "checkpoints", "thinking"
WEIGHTS = "weights"
"""Folder of the trainings."""
CONTROLS = ("none", "copy", "oracle")
"""Arms that (a) shows beside our models."""


@dataclass(frozen=True)
class Sitting:
    """One study of the closed loop: its folder below the study's own, and its settings."""

    name: str
    settings: Settings


def sittings(plan: Plan, folder: Path) -> list[Sitting]:
    """Return the runs of a plan; trainings are in ``folder / "weights"``."""
    found = []
    if plan.episodes:
        arms = tuple(dict.fromkeys((*CONTROLS, *plan.models)))
        found.append(Sitting(TASKS, _settings(plan, plan.episodes, _described(plan, folder, arms))))
        # What (b) asks for beside them, where it asks: its other rows are those of (a).
        more = [arm for pair in plan.against for arm in pair if arm not in arms]
        episodes = {t: plan.episodes[t] for t in plan.against_tasks or plan.episodes}
        if more:
            described = _described(plan, folder, dict.fromkeys(more))
            found.append(Sitting(TRAINING, _settings(plan, episodes, described)))
    if plan.checkpoints and plan.checkpoint_episodes:
        every = [checkpoint.arm(folder / WEIGHTS) for checkpoint in plan.checkpoints]
        arms = ("none", "oracle", *every)
        found.append(Sitting(CHECKPOINTS, _settings(plan, plan.checkpoint_episodes, arms)))
    for part in plan.thinking:
        settings = _settings(plan, {part.task: part.episodes}, (part.arm,))
        chosen = tuple(variants(plan, part).values())
        found.append(Sitting(thinking_name(part), replace(settings, policies=chosen)))
    return found


def thinking_name(part: Thinking) -> str:
    """Return the folder of one part of finding (d)."""
    return f"{THINKING}-{part.task}-{part.arm.partition('=')[0]}"


def variants(plan: Plan, part: Thinking) -> dict[tuple[int, float], str]:
    """Return the policies of finding (d) by number of plans and share of decisions.

    The task's own number of plans, asked at every decision, is the plan's policy itself.
    """
    own, choice = own_candidates(part.task), policies.parse(plan.policy)
    parts = f"{choice.proposer}:{choice.reviser}"
    found = {(own, 1.0): plan.policy}
    for count in part.candidates:
        found.setdefault((count, 1.0), f"m{count}={parts}:candidates={count}")
    for share in part.shares:
        found.setdefault((own, share), f"share{share:g}={parts}:consult_share={share:g}")
    return found


def own_candidates(task: str) -> int:
    """Return the number of plans that a task's protocol weighs."""
    return definition(task).limits.candidates


def row_of(plan: Plan, arm: str, policy: str) -> str:
    """Return the name of a row, of an arm's and a policy's text; the plan's own goes unnamed."""
    name = arm.partition("=")[0]
    return name if policy == plan.policy else label(name, policies.parse(policy).name)


def run(
    sitting: Sitting,
    folder: Path,
    workers: int,
    watcher: Callable[[Study], AbstractContextManager[Watcher]],
    say: Callable[[str], None],
) -> None:
    """Run what is left of a sitting and write its tables; interrupted, it goes on.

    Raises
    ------
    WiwError
        As :meth:`wiw.study.Study.open` and :func:`wiw.evaluate.evaluate`.
    """
    study = Study.open(folder / sitting.name, sitting.settings)
    try:
        if study.made_by_other:
            say(f"'{study.folder}' was begun by other code or versions; another --out begins anew.")
        with watcher(study) as watching:
            evaluate(study, workers, watching)
        write(study, tables(read_records(study)))
    finally:
        study.close()


def left(sitting: Sitting, folder: Path) -> int:
    """Return how many episodes are left, those of rows that cannot serve a task among them."""
    wanted = sum(map(sitting.settings.count, sitting.settings.tasks))
    done = sum(len(mine) for mine in records_of(sitting, folder).values())
    return max(0, wanted * len(sitting.settings.labels()) - done)


def records_of(sitting: Sitting, folder: Path) -> dict[Key, Records]:
    """Return the complete records of a sitting; none if it has not been run."""
    try:
        study = load(folder / sitting.name)
    except WiwError:
        return {}
    return read_records(study)


def _described(plan: Plan, folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of arms; that of a checkpoint says where its weights are."""
    every = [(plan.checkpoint(name), name) for name in names]
    return tuple(c.arm(folder / WEIGHTS) if c else name for c, name in every)


def _settings(plan: Plan, episodes: Mapping[str, int], arms: tuple[str, ...]) -> Settings:
    return Settings(
        tuple(episodes),
        arms,
        max(episodes.values()),
        plan.seed,
        plan.environment,
        plan.split,
        in_process=True,
        film=0,
        policies=() if plan.policy == policies.DEFAULT else (plan.policy,),
        episodes_of=tuple(f"{task}={count}" for task, count in episodes.items()),
    )
