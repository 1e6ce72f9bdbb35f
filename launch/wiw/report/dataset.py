"""``statistics.html`` and ``statistics.json`` of a dataset, beside its manifest."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wiw.files import write_json, write_text
from wiw.report import site
from wiw.report.bars import bars, histogram
from wiw.report.figures import Plot

if TYPE_CHECKING:
    from wiw_learn.dataset import Dataset

PAGE, NUMBERS = "statistics.html", "statistics.json"
SHEET_ROWS, SHEET_COLUMNS, SHEET_HEIGHT = 8, 6, 96
"""Trajectories and frames of the contact sheet, and a frame's height in pixels."""
SHOWN = {"navigation": "panorama", "places": "panorama", "arm": "front"}


def write_dataset_page(data: Dataset) -> Path:
    """Write both files into the dataset's folder; return the page.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` for a bad shard; ``RECORDING_FAILED``.
    """
    from wiw_env_bridge.collect.statistics import statistics

    known = statistics(data)
    write_json(data.folder / NUMBERS, known)
    html = (
        site.templates()
        .get_template("dataset.html.j2")
        .render(
            known=known,
            name=data.folder.name,
            provenance=data.manifest.provenance,
            plots=_plots(known),
            sheet=_contact_sheet(data),
            mega=f"{known['bytes'] / 1e6:,.0f}",
        )
    )
    path = data.folder / PAGE
    write_text(path, html)
    return path


def _plots(known: dict[str, Any]) -> list[Plot]:
    depth = histogram("Depth where it is known", known["depth"]["metres_histogram"], "metres")
    if known["kind"] == "arm":
        return [
            bars("What the environment said to each tool pose", known["outcomes_by_task"], "poses"),
            histogram(
                "Progress to the goal, at every look", known["progress_histogram"], "progress"
            ),
            depth,
        ]
    apart = histogram(
        "How far apart the places of a trajectory are, every two of them",
        known["metres_between_places_histogram"],
        "metres of way",
    )
    if known["kind"] == "places":
        return [apart, depth]
    return [bars("Actions of each walk", known["actions_by_task"], "actions"), apart, depth]


def _contact_sheet(data: Dataset) -> str:
    """Return frames of evenly spaced trajectories as the data URI of a picture."""
    import cv2

    chosen = np.unique(np.linspace(0, len(data) - 1, SHEET_ROWS).astype(int))
    rows = []
    for k in chosen:
        name = SHOWN[data.manifest.kind]
        frames = data.trajectory(int(k), (name,))[name]
        some = frames[np.linspace(0, len(frames) - 1, SHEET_COLUMNS).astype(int)]
        width = round(SHEET_HEIGHT * frames.shape[2] / frames.shape[1])
        small = [cv2.resize(f, (width, SHEET_HEIGHT), interpolation=cv2.INTER_AREA) for f in some]
        rows.append(np.concatenate([np.pad(f, ((1, 1), (1, 1), (0, 0))) for f in small], axis=1))
    sheet = np.concatenate(rows)[..., ::-1]
    _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(sheet), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")
