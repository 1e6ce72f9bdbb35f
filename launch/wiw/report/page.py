"""The page: gathers tables, plots, films and faults, and fills the template."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wiw import results
from wiw.arms import get_arm
from wiw.report import plots
from wiw.report.strips import Film, read_films
from wiw.study import Study, read_run, write_json
from wiw_core.errors import describe
from wiw_core.metrics import is_fault


def write_report(study: Study) -> Path:
    """Write ``report.html`` and ``report.json`` into the study's folder; return the page's path.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` naming the file, or ``RECORDING_FAILED``.
    """
    records = results.read_records(study)
    rows = results.tabulate(records)
    results.write(study, rows)
    run = read_run(study.folder) or {}
    facts = {
        "settings": asdict(study.settings),
        "provenance": run.get("provenance", {}),
        "hardware": hardware(),
        "started": run.get("started"),
        "wall_s": run.get("wall_s"),
        "sentences": results.sentences(rows),
        "rows": [results.plain(asdict(row)) for row in rows],
        "episodes": _episodes(records),
        "faults": _faults(records),
    }
    write_json(study.folder / "report.json", {"schema": 1, **facts})
    tasks = [
        {
            "name": task,
            "cells": [results.cells(row) for row in mine],
            "texts": [get_arm(row.arm).text for row in mine],
            "plots": [plot for plot in _plots(mine) if plot],
            "episodes": facts["episodes"][task],
            "films": films,
            "featured": _featured(films),
        }
        for task, mine in results.by_task(rows).items()
        for films in [read_films(study, task)]
    ]
    environment = Environment(
        loader=PackageLoader("wiw.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html.j2").render(
        facts=facts,
        tasks=tasks,
        headings=results.HEADINGS,
        note=results.NOTE,
        started=_when(run.get("started")),
    )
    path = study.folder / "report.html"
    partial = path.with_name(path.name + ".partial")
    partial.write_text(html, encoding="utf-8")
    os.replace(partial, path)
    return path


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


def _plots(rows: list[results.Row]) -> list[str]:
    return [plots.success(rows), plots.differences(rows), plots.stages(rows)]


def _featured(films: list[Film]) -> Film | None:
    """Return the film that is open at first: with imagined frames, of no control if possible."""
    imagined = [film for film in films if any(turn.imagined for turn in film.turns)]
    models = [film for film in imagined if not get_arm(film.arm).control]
    return next(iter(models or imagined or films), None)


def _episodes(
    records: dict[tuple[str, str], results.Records],
) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Return how each episode ended: by task, episode and arm."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for (task, arm), mine in records.items():
        for episode_id, record in mine.items():
            result = record.result
            assert result is not None
            ended = {
                "status": result.status.name.lower().replace("_", " "),
                "success": result.success,
                "fault": is_fault(result),
                "decisions": result.decisions,
                "actions": result.actions,
                "answer": result.answer,
            }
            found.setdefault(task, {}).setdefault(episode_id, {})[arm] = ended
        found.setdefault(task, {})
    return found


def _faults(records: dict[tuple[str, str], results.Records]) -> list[dict[str, str]]:
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


def _when(stamp: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp)) if stamp else "unknown"
