"""Small pictures of decisions, for people: thumbnails and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode
from wiw_core.observation import Observation, Projection, Rgb

HEIGHT = 144
"""Pixels of a panorama's thumbnail in height; the width keeps the frame's shape."""
FRONT_HEIGHT = 224
"""The same of a front view, where what matters is smaller: a block, a cup."""
COLUMNS = 4
"""Most candidates beside one another on a contact sheet."""
_WIDE = 1.5
_BAR, _BORDER = 22, 4
_CHOSEN, _OTHER, _PAPER = (40, 170, 80), (90, 90, 90), (30, 30, 30)


def thumbnail(rgb: Rgb) -> Rgb:
    """Return an (H, W, 3) uint8 frame as a thumbnail, its shape kept.

    :data:`HEIGHT` pixels high if it is as wide as a panorama, else :data:`FRONT_HEIGHT`.
    """
    height, width = rgb.shape[:2]
    wanted = HEIGHT if width >= _WIDE * height else FRONT_HEIGHT
    size = (max(1, round(wanted * width / height)), wanted)
    way = cv2.INTER_AREA if height > wanted else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(rgb, size, interpolation=way), dtype=np.uint8)


def matching_view(observation: Observation, projection: Projection) -> Rgb:
    """Return the first real view of that projection, or the first view if none has it."""
    views = observation.views
    return next((v.rgb for v in views if v.projection == projection), views[0].rgb)


def contact_sheet(decision: Decision) -> Rgb | None:
    """Return the candidates' last imagined frames in rows, each over its score; None without any.

    At most :data:`COLUMNS` in a row, in the order of the candidates. The chosen one has a green
    border and bar; a candidate that could not be imagined says why in place of a picture.
    """
    pictures = [_last_frame(candidate) for candidate in decision.candidates]
    sizes = [picture.shape for picture in pictures if picture is not None]
    if not sizes:
        return None
    blank = np.full(max(sizes), _PAPER, np.uint8)
    tiles = [
        _tile(k, c, blank if picture is None else picture, k == decision.chosen)
        for k, (c, picture) in enumerate(zip(decision.candidates, pictures))
        if picture is not None or c.code is not ErrorCode.OK
    ]
    return _grid(tiles)


def _last_frame(candidate: Candidate) -> Rgb | None:
    rollout = candidate.rollout
    return thumbnail(rollout.frames[-1]) if rollout is not None and len(rollout.frames) else None


def _tile(index: int, candidate: Candidate, picture: Rgb, chosen: bool) -> Rgb:
    colour = _CHOSEN if chosen else _OTHER
    score = "no score" if math.isnan(candidate.score) else f"{candidate.score:.3g}"
    if candidate.code is not ErrorCode.OK:
        score = candidate.code.name.lower().replace("_", " ")
    bar = np.full((_BAR, picture.shape[1], 3), colour, np.uint8)
    _write(bar, f"{index}: {score}")
    tile = np.vstack([picture, bar])
    if chosen:
        for edge in (np.s_[:_BORDER], np.s_[-_BORDER:], np.s_[:, :_BORDER], np.s_[:, -_BORDER:]):
            tile[edge] = colour
        _write(tile[-_BAR:], f"{index}: {score}")
    return tile


def _write(bar: Rgb, text: str) -> None:
    cv2.putText(bar, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)


def _grid(tiles: Sequence[Rgb]) -> Rgb:
    """Return pictures in rows as even as can be; what is smaller is filled up with paper."""
    rows = math.ceil(len(tiles) / COLUMNS)
    columns = math.ceil(len(tiles) / rows)
    height, width = (max(tile.shape[side] for tile in tiles) for side in (0, 1))
    sheet = np.full((rows * height, columns * width, 3), _PAPER, np.uint8)
    for k, tile in enumerate(tiles):
        y, x = (k // columns) * height, (k % columns) * width
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet
