"""The fake's world: boxes in Habitat's axes (y up), the floor at y = 0, drawn by casting rays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FLOOR, CEILING, WALL = 1, 2, 3
"""Numbers of what every scene has; the boxes have their own."""
_PAINT = {FLOOR: (120, 100, 80), CEILING: (235, 235, 230), WALL: (200, 190, 160)}


class Boxes:
    """A hall with boxes in it.

    The file: ``{"size": [x, height, z], "boxes": [{"low": [x, y, z], "high": [...], "id": 7,
    "category": "chair", "colour": [r, g, b]}]}``; the hall's corner is the origin.
    """

    def __init__(self, path: str) -> None:
        data = json.loads(Path(path).read_text("utf-8"))
        self.size = np.array(data["size"], float)
        self.boxes: list[dict[str, Any]] = data.get("boxes", [])
        self.low = np.array([b["low"] for b in self.boxes], float).reshape(-1, 3)
        self.high = np.array([b["high"] for b in self.boxes], float).reshape(-1, 3)
        self.ids = np.array([b["id"] for b in self.boxes], np.uint32)
        self.paint = np.zeros((max([WALL, *self.ids.tolist()]) + 1, 3))
        for number, colour in _PAINT.items():
            self.paint[number] = colour
        for box in self.boxes:
            self.paint[box["id"]] = box["colour"]

    def cast(self, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each ray (N, 3) goes in its own lengths, and what it hits, (N,) each."""
        safe = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
        away = np.where(safe > 0, self.size, 0.0)
        exits = (away - origin) / safe
        axis = np.argmin(exits, axis=1)
        far = np.take_along_axis(exits, axis[:, None], 1)[:, 0]
        up = np.take_along_axis(safe, axis[:, None], 1)[:, 0] > 0
        number = np.where(axis != 1, WALL, np.where(up, CEILING, FLOOR)).astype(np.uint32)
        for low, high, own in zip(self.low, self.high, self.ids):
            t0, t1 = (low - origin) / safe, (high - origin) / safe
            enters = np.minimum(t0, t1).max(axis=1)
            leaves = np.maximum(t0, t1).min(axis=1)
            hit = (enters > 1e-6) & (enters <= leaves) & (enters < far)
            far = np.where(hit, enters, far)
            number = np.where(hit, own, number)
        return far, number

    def colours(self, points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return the colours (N, 3) of points: painted, with a chequer of 0.5 m."""
        chequer = np.floor(points / 0.5 + 1e-6).sum(axis=1) % 2
        shade = 0.75 + 0.25 * chequer
        return np.clip(self.paint[numbers] * shade[:, None], 0, 255).astype(np.uint8)
