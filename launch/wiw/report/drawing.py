"""Tracks as inline SVG; colours are classes of the page's style, so they read in light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

WIDTH = 340.0
"""Of a drawing, in its own units; the page stretches it to the card."""
RIM = 0.12
"""Free space on each side, as a share of the extent."""
TALLEST = 1.25
"""Height of a drawing over its width, at most."""
CAPTION = 20.0
"""Height kept for text at the bottom."""
LETTER, LINE = 8.0, 11.0
"""Width and height of a digit."""

Point = tuple[float, float]
"""To the right and up, in metres."""


@dataclass(frozen=True)
class Track:
    """What one arm did, projected onto a plane.

    Attributes
    ----------
    path : tuple of Point
        Start first (where it is known), then where each decision led.
    stops : tuple of (Point, str)
        Places worth a dot, with the text beside it.
    weighed, chosen : tuple of tuple of Point
        Plans as they were meant, each from where it began: all candidates, and the one taken.
    heading : float
        Of the robot at the end, radians counter-clockwise from the right; NaN if it has none.
    closed : tuple of Point
        Where the gripper was told to close.
    """

    path: tuple[Point, ...]
    stops: tuple[tuple[Point, str], ...] = ()
    weighed: tuple[tuple[Point, ...], ...] = ()
    chosen: tuple[tuple[Point, ...], ...] = ()
    heading: float = math.nan
    closed: tuple[Point, ...] = ()

    @property
    def points(self) -> list[Point]:
        """Everything that has to fit into the drawing."""
        lines = (self.path, *self.weighed, *self.chosen)
        return [p for line in lines for p in line]


def draw(tracks: Mapping[str, Track], least_m: float) -> dict[str, str]:
    """Return an ``<svg>`` per arm, all in one frame that is at least ``least_m`` wide."""
    points = [p for track in tracks.values() for p in track.points if all(map(math.isfinite, p))]
    frame = _Frame.around(points, least_m)
    return {arm: _svg(track, frame, f"path of {arm}") for arm, track in tracks.items()}


@dataclass(frozen=True)
class _Frame:
    left: float
    top: float
    scale: float
    height: float

    @classmethod
    def around(cls, points: Sequence[Point], least_m: float) -> _Frame:
        """Return the frame that holds all points, centred, and at least ``least_m`` of space."""
        across, up = zip(*points) if points else ((0.0,), (0.0,))
        wide = max(least_m, max(across) - min(across)) * (1 + 2 * RIM)
        high = max(least_m / 2, max(up) - min(up)) * (1 + 2 * RIM)
        scale = min(WIDTH / wide, WIDTH * TALLEST / high)
        middle = (max(across) + min(across)) / 2, (max(up) + min(up)) / 2
        return cls(middle[0] - WIDTH / scale / 2, middle[1] + high / 2, scale, high * scale)

    def at(self, point: Point) -> Point:
        return (point[0] - self.left) * self.scale, (self.top - point[1]) * self.scale

    def line(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.at, points))

    @property
    def bar_m(self) -> float:
        """Length of the scale bar: the greatest round one that is at most a third of the width."""
        third = WIDTH / self.scale / 3
        return max(m for m in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if m <= max(third, 0.05))


def _svg(track: Track, frame: _Frame, label: str) -> str:
    box = f"0 0 {WIDTH:.0f} {frame.height + CAPTION:.0f}"
    parts = [f'<svg class="map" viewBox="{box}" role="img" aria-label="{escape(label)}">']
    for kind, lines in (("weighed", track.weighed), ("meant", track.chosen)):
        drawn = [f"M{frame.line(line)}" for line in lines if len(line) > 1]
        if drawn:
            parts.append(f'<path class="{kind}" d="{"".join(drawn)}"/>')
    parts += [_shape("circle", "aim", frame.at(line[-1]), 2) for line in track.weighed if line]
    if track.path:
        parts.append(f'<polyline class="path" points="{frame.line(track.path)}"/>')
        parts.append(_shape("circle", "start", frame.at(track.path[0]), 6))
    parts += [_shape("circle", "closed", frame.at(point), 5) for point in track.closed]
    parts += [_shape("circle", "stop", frame.at(point), 3) for point, _ in track.stops]
    parts += _texts([(frame.at(point), text) for point, text in track.stops])
    if track.path:
        parts.append(_end(frame.at(track.path[-1]), track.heading))
    bar = frame.bar_m * frame.scale
    y = frame.height + CAPTION - 5
    parts.append(f'<path class="bar" d="M4,{y - 4:.1f}V{y:.1f}H{4 + bar:.1f}V{y - 4:.1f}"/>')
    parts.append(f'<text x="{bar + 10:.1f}" y="{y + 1:.1f}">{frame.bar_m:g} m</text></svg>')
    return "".join(parts)


def _texts(stops: Sequence[tuple[Point, str]]) -> list[str]:
    """Return the numbers beside the dots; one that would lie on another is left out."""
    taken: list[tuple[float, float, float, float]] = []
    parts = []
    for (x, y), text in stops:
        wide = LETTER * len(text)
        left = x + 7 if x + 7 + wide < WIDTH else x - 7 - wide
        box = (left, y - 5 - LINE, left + wide, y - 5)
        if any(_overlap(box, other) for other in taken):
            continue
        taken.append(box)
        parts.append(f'<text class="halo" x="{left:.1f}" y="{y - 5:.1f}">{text}</text>')
    return parts


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _end(at: Point, heading: float) -> str:
    if not math.isfinite(heading):
        x, y = at
        return f'<rect class="end" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>'
    corners = [
        (at[0] + r * math.cos(heading + a), at[1] - r * math.sin(heading + a))
        for r, a in ((10.0, 0.0), (8.0, 2.5), (8.0, -2.5))
    ]
    return f'<polygon class="end" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}"/>'


def _shape(tag: str, kind: str, at: Point, radius: float) -> str:
    return f'<{tag} class="{kind}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"/>'
