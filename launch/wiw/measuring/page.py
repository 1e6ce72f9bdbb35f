"""``measure.html`` and ``measure.json``."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wiw.files import write_json, write_text
from wiw.measuring import plots, tables
from wiw.report import site, words
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_learn.measure import Report
from wiw_learn.measure.metrics import METRICS
from wiw_learn.measure.report import Film

PAGE, NUMBERS = "measure.html", "measure.json"
SHOWN_HEIGHT = 144
QUALITY = 88


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, with the words under it."""

    uri: str
    words: str


@dataclass(frozen=True)
class Strip:
    """A line of pictures of one model, or of the truth."""

    name: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Scene:
    """What the page shows of one case: the plan as it went and as imagined, then other plans."""

    name: str
    plan: str
    strips: tuple[Strip, ...]
    ends: tuple[Strip, ...]


def write_page(report: Report, folder: Path) -> Path:
    """Write the page, whole by itself, and the same numbers as JSON; return the page's path.

    Raises
    ------
    WiwError
        ``RECORDING_FAILED``.
    """
    write_json(folder / NUMBERS, report.to_json())
    html = (
        site.templates()
        .get_template("measure.html.j2")
        .render(
            models=[name for name, row in report.rows.items() if not row.control],
            controls={name: row.control for name, row in report.rows.items() if row.control},
            about=about(report),
            said=tables.sentences(report),
            grids=tables.grids(report),
            differences=tables.differences(report),
            plots=plots.draw(report),
            scenes=[_scene(film) for film in report.films],
            metrics={tables.label(name): METRICS[name].text for name in report.shown()},
            unavailable={METRICS[k].title: why for k, why in report.unavailable.items()},
            facts=report.facts,
        )
    )
    write_text(folder / PAGE, html)
    return folder / PAGE


def about(report: Report) -> str:
    """Return what was measured on, in a line."""
    scenes = len({scene for row in report.rows.values() for scene in row.scenes})
    settings = report.settings
    return (
        f"{len(report.cases)} cases of {scenes} train scenes ({report.kind}) that no model was"
        f" trained on · plans of up to {settings.horizon} actions, M = {settings.plans} · seed"
        f" {settings.seed}"
    )


def _scene(film: Film) -> Scene:
    now = Picture(_uri(film.now), "before")
    strips = [Strip("real", (now, *_frames(film.real)))]
    strips += [Strip(name, (now, *_frames(frames))) for name, frames in film.imagined.items()]
    ends = [
        Strip(
            name,
            tuple(
                Picture(_uri(end), words.plan_words(plan) if k else "the executed plan")
                for k, (end, plan) in enumerate(zip(frames, film.plans, strict=True))
            ),
        )
        for name, frames in film.ends.items()
    ]
    return Scene(film.name, words.plan_words(film.plans[0]), tuple(strips), tuple(ends))


def _frames(frames: Rgb) -> tuple[Picture, ...]:
    return tuple(Picture(_uri(frame), f"after {k}") for k, frame in enumerate(frames, 1))


def _uri(image: Rgb) -> str:
    height, width = image.shape[:2]
    size = round(width * SHOWN_HEIGHT / height), SHOWN_HEIGHT
    shown = image if height == SHOWN_HEIGHT else cv2.resize(image, size)
    done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(shown[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not done:
        raise WiwError(ErrorCode.BAD_IMAGE, "A frame cannot be written as a JPEG picture.")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
