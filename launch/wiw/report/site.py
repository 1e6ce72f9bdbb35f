"""The files of a report: their names, the links between them, their templates."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from wiw.report import words
from wiw_core.records import record_path

INDEX = "report.html"
FOLDER = "episodes"


def episode_file(task: str, episode_id: str) -> str:
    """Return the page of an episode, relative to the study's folder."""
    return f"{FOLDER}/{quote(task, safe='')}/{quote(episode_id, safe='')}.html"


def episode_link(task: str, episode_id: str) -> str:
    """Return the same as a link: the file's own percent signs are quoted again."""
    return quote(episode_file(task, episode_id))


def sibling_link(episode_id: str) -> str:
    """Return the link from one page of a task to another."""
    return quote(f"{quote(episode_id, safe='')}.html")


def record_link(task: str, arm: str, episode_id: str) -> str:
    """Return the link to a record, relative to the study's folder."""
    return quote(record_path(Path(task) / arm, episode_id).as_posix())


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the environment of the report's templates."""
    environment = Environment(
        loader=PackageLoader("wiw.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        episode_link=episode_link,
        record_link=record_link,
        sibling=sibling_link,
        signs=words.SIGNS,
        legend=words.LEGEND,
    )
    environment.filters["short"] = words.short
    environment.filters["names"] = words.name_words
    return environment


def anchor(name: str) -> str:
    """Return the id of a row's card, or of a task's section, safe in a link."""
    return quote(name, safe="@").replace("%", "_")
