"""What a report states beside the table: endings, faults, privileges, makers, the command."""

from __future__ import annotations

import os
import platform
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wiw import results
from wiw.report import words
from wiw.settings import Settings
from wiw.study import Study, read_run
from wiw_core.errors import describe
from wiw_core.metrics import is_fault, thinking_seconds
from wiw_core.record_format import EpisodeRecord

SCHEMA = 2
"""Of ``report.json``."""
OPTIONS = {
    "tasks": "--task",
    "arms": "--arm",
    "policies": "--policy",
    "episodes": "--episodes",
    "episodes_of": "--episodes",
    "seed": "--seed",
    "environment": "--env",
    "environment_parameters": "--env-param",
    "simulate": "--simulate",
    "split": "--split",
    "in_process": "--in-process",
    "film": "--film",
}
"""Option of ``wiw eval`` for each setting of a study."""

Records = Mapping[tuple[str, str], results.Records]


def gather(study: Study, records: Records, table: results.Table) -> dict[str, Any]:
    """Return the content of ``report.json``, with plain values."""
    run = read_run(study.folder) or {}
    return {
        "schema": SCHEMA,
        "settings": asdict(study.settings),
        "command": command(study),
        "provenance": run.get("provenance", {}),
        "makers": _makers(records),
        "hardware": hardware(),
        "started": run.get("started"),
        "wall_s": run.get("wall_s"),
        "sentences": results.sentences([*table.rows, *table.pooled]),
        "left_out": study.left_out(),
        "rows": _plain(table.rows),
        "pooled": _plain(table.pooled),
        "by_difficulty": _plain(table.levels),
        "privileges": _privileges(records),
        "episodes": results.plain(_episodes(records)),
        "faults": _faults(records),
    }


def _plain(rows: list[results.Row]) -> list[Any]:
    return [results.plain(asdict(row)) for row in rows]


def command(study: Study) -> str:
    """Return the ``wiw eval`` that makes this study again."""
    default = Settings((), (), 0)
    parts = ["wiw", "eval"]
    for name, option in OPTIONS.items():
        value = getattr(study.settings, name)
        if isinstance(value, tuple):
            for one in value:
                parts += [option, str(one)]
        elif isinstance(value, bool):
            parts += [option] if value else []
        elif value != getattr(default, name) or name in ("episodes", "seed", "film"):
            parts += [option, str(value)]
    return shlex.join([*parts, "--out", study.folder.name or "runs/again"])


def hardware() -> dict[str, Any]:
    """Return what the report says of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
    }


def ending(record: EpisodeRecord) -> dict[str, Any]:
    """Return how one episode of one arm ended."""
    result = record.result
    assert result is not None
    return {
        "status": words.ended(result.status.name),
        "outcome": words.outcome(result),
        "success": result.success,
        "score": result.score,
        "fault": is_fault(result),
        "code": describe(result.code) if is_fault(result) else "",
        "decisions": result.decisions,
        "actions": result.actions,
        "answer": result.answer,
        "confidence": result.confidence,
        "seconds": sum(thinking_seconds(d.decision) for d in record.decisions),
    }


def _episodes(records: Records) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Return how each episode ended: by task, episode and arm."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for (task, arm), mine in records.items():
        of_task = found.setdefault(task, {})
        for episode_id, record in mine.items():
            of_task.setdefault(episode_id, {})[arm] = ending(record)
    return found


def _faults(records: Records) -> list[dict[str, str]]:
    return [
        {
            "task": task,
            "arm": arm,
            "episode": episode_id,
            "code": describe(record.result.code),
            "message": record.result.message,
        }
        for (task, arm), mine in records.items()
        for episode_id, record in mine.items()
        if record.result is not None and is_fault(record.result)
    ]


def _privileges(records: Records) -> dict[str, list[str]]:
    """Return every privilege that any episode of a task names."""
    found: dict[str, set[str]] = {}
    for (task, _), mine in records.items():
        granted = found.setdefault(task, set())
        for record in mine.values():
            granted.update(record.episode.privileges)
    return {task: sorted(names) for task, names in found.items()}


def _makers(records: Records) -> list[dict[str, Any]]:
    """Return the distinct sources and machines that the records name, with their episodes."""
    counts = Counter(
        tuple(str(record.provenance.get(key) or "unknown") for key in ("git", "python", "platform"))
        for mine in records.values()
        for record in mine.values()
    )
    return [
        {"git": git, "python": python, "platform": where, "episodes": count}
        for (git, python, where), count in counts.most_common()
    ]
