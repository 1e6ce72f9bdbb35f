"""``report.html``, the pages of the episodes, and the same facts as ``report.json``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from wiw import results
from wiw.arms import get_arm
from wiw.report import episodes, facts, sections, site, words
from wiw.report.strips import read_films
from wiw.study import Settings, Study, write_json


def write_report(study: Study) -> Path:
    """Write ``report.html``, ``report.json`` and ``episodes/`` into the study's folder.

    Every page is whole by itself: pictures, plots and style are inside it, no script, no network.
    Its links are relative, so the folder may be moved or zipped.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` naming the file, or ``RECORDING_FAILED``.
    """
    records = results.read_records(study)
    rows = results.tabulate(records)
    results.write(study, rows)
    known = facts.gather(study, records, rows)
    write_json(study.folder / "report.json", known)
    shown = []
    for task, mine in results.by_task(rows).items():
        of_task = {arm: found for (name, arm), found in records.items() if name == task}
        films = {(film.arm, film.episode_id): film for film in read_films(study, task)}
        shown.append(sections.make(study, task, mine, of_task, films))
        episodes.write_pages(study, task, of_task, films)
    html = (
        site.templates()
        .get_template("report.html.j2")
        .render(
            facts=known,
            about=_about(study.settings),
            started=_when(known["started"]),
            wall=_duration(known["wall_s"] or 0.0),
            settings=_settings(study.settings),
            sections=shown,
            fault_table=sections.fault_table(rows),
            privileges=words.PRIVILEGES,
            arms={arm: get_arm(arm).text for arm in study.settings.arms},
            columns=_used(words.COLUMNS, shown),
            stages=words.STAGES,
            abbreviations=words.ABBREVIATIONS,
        )
    )
    path = study.folder / site.INDEX
    site.write(path, html)
    return path


def _about(settings: Settings) -> str:
    where = "in one process" if settings.in_process else "over three ROS 2 nodes"
    return (
        f"{', '.join(settings.tasks)} · {settings.episodes} paired {settings.split} episodes per"
        f" arm · seed {settings.seed} · {where}"
    )


def _settings(settings: Settings) -> dict[str, str]:
    """Return the settings that the header does not say, by their word."""
    return {
        "environment": settings.environment or "each task's own",
        "policies": ", ".join(settings.policies) or "each task's own",
    }


def _used(columns: Mapping[str, str], shown: list[sections.Section]) -> dict[str, str]:
    """Return the explanations of the columns that some table on the page has."""
    used = {h for s in shown for grid in (s.table, s.levels) if grid for h in grid.headings}
    return {name: text for name, text in columns.items() if name in used}


def _when(stamp: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp)) if stamp else "unknown"


def _duration(seconds: float) -> str:
    """Return ``1 h 05 min``, ``12 min`` or ``40 s``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
