"""Small pictures of decisions, for people: thumbnails and contact sheets."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wiw_core.decisions import Candidate, Decision
from wiw_core.observation import Observation, Projection, Rgb

HEIGHT = 144
"""Pixels of a panorama's thumbnail in height; the width keeps the frame's shape."""
FRONT_HEIGHT = 224
"""The same of a front view, where what matters is smaller: a block, a cup."""
_WIDE = 1.5
_BAR = 22
_CHOSEN, _OTHER = (40, 170, 80), (90, 90, 90)


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
    """Return the candidates' last imagined frames side by side over their scores; None without any.

    The chosen one has a green bar.
    """
    tiles = [
        _tile(k, candidate, k == decision.chosen)
        for k, candidate in enumerate(decision.candidates)
        if candidate.rollout is not None and len(candidate.rollout.frames)
    ]
    return np.hstack(tiles) if tiles else None


def _tile(index: int, candidate: Candidate, chosen: bool) -> Rgb:
    assert candidate.rollout is not None
    picture = thumbnail(candidate.rollout.frames[-1])
    bar = np.empty((_BAR, picture.shape[1], 3), np.uint8)
    bar[:] = _CHOSEN if chosen else _OTHER
    score = "no score" if math.isnan(candidate.score) else f"{candidate.score:.3g}"
    text = f"{index}: {score}"
    cv2.putText(bar, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([picture, bar])
