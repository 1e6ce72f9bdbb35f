"""``report.html``, the pages of the episodes, and the same facts as ``report.json``."""

from __future__ import annotations

import time
from pathlib import Path

from wiw import results
from wiw.columns import COLUMNS
from wiw.files import write_json, write_text
from wiw.report import episodes, facts, sections, site, words
from wiw.report.strips import read_films
from wiw.settings import Settings
from wiw.study import Study


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
    table = results.tables(records)
    results.write(study, table)
    known = facts.gather(study, records, table)
    write_json(study.folder / "report.json", known)
    shown = []
    for task in study.settings.tasks:
        of_task = {row: found for (name, row), found in records.items() if name == task}
        films = {(film.arm, film.episode_id): film for film in read_films(study, task)}
        shown.append(sections.of_task(study, task, table, of_task, films))
        episodes.write_pages(study, task, of_task, films)
    shown += [sections.of_family(family, table) for family in results.by_task(table.pooled)]
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
            fault_table=sections.fault_table(table.rows),
            privileges=words.PRIVILEGES,
            arms={name: arm.text for name, arm in study.settings.named_arms().items()},
            columns=_used(shown),
            stages=words.STAGES,
            abbreviations=words.ABBREVIATIONS,
        )
    )
    path = study.folder / site.INDEX
    write_text(path, html)
    return path


def _about(settings: Settings) -> str:
    where = "in one process" if settings.in_process else "over three ROS 2 nodes"
    return (
        f"{', '.join(settings.tasks)} · {_episodes(settings)} paired {settings.split} episodes per"
        f" arm · seed {settings.seed} · {where}"
    )


def _episodes(settings: Settings) -> str:
    return ", ".join([str(settings.episodes), *settings.episodes_of])


def _settings(settings: Settings) -> dict[str, str]:
    """Return the settings that the header does not say, by their word."""
    return {
        "environment": " ".join(
            [settings.environment or "each task's own", *settings.environment_parameters]
        ),
        "policies": ", ".join(settings.policies) or "each task's own",
    }


def _used(shown: list[sections.Section]) -> dict[str, str]:
    """Return the explanations of the columns that some table on the page has."""
    used = {heading for section in shown for heading in section.table.headings}
    return {column.heading: column.text for column in COLUMNS if column.heading in used}


def _when(stamp: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp)) if stamp else "unknown"


def _duration(seconds: float) -> str:
    """Return ``1 h 05 min``, ``12 min`` or ``40 s``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
