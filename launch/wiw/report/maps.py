"""Where the robot went, as inline SVG: a floor seen from above, or the tool of an arm.

Every arm of an episode is drawn in the same frame and at the same scale, so that the drawings
compare. Colours are classes of the page's style, so they read in light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from wiw_core.arm import ARM, target_of
from wiw_core.errors import WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION_DELTA, Plan, camera_path
from wiw_core.record_format import DecisionRecord, EpisodeRecord

WIDTH = 340.0
"""Of a drawing, in its own units; the page stretches it to the card."""
LEAST_DRIVE_M, LEAST_TOOL_M = 1.0, 0.3
"""Smallest extent drawn, of a floor and of a table; metres."""
RIM = 0.12
"""Free space on each side, as a share of the extent."""
TALLEST = 1.25
"""Height of a drawing over its width, at most."""
CAPTION = 20.0
"""Height kept for text at the bottom."""
LETTER, LINE = 8.0, 11.0
"""Width and height of a digit."""
SAME_PLACE_M = 0.05
"""Decisions nearer to one another than this share a number."""

FLOOR = (
    "the floor from above; the robot began facing up. A decision during which it bumped into"
    " something is drawn straight to where it ended"
)

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


def draw(records: dict[str, EpisodeRecord]) -> dict[str, list[tuple[str, str]]]:
    """Return each arm's drawings of one episode: pairs of a caption and an ``<svg>``.

    A robot that drives has one drawing, an arm two (from above and from the side), and an episode
    without any motion none.
    """
    if any(d.tool_pose is not None for r in records.values() for d in r.decisions):
        above = _same_frame(
            {arm: _tool(r, _from_above) for arm, r in records.items()}, LEAST_TOOL_M
        )
        side = _same_frame({arm: _tool(r, _from_side) for arm, r in records.items()}, LEAST_TOOL_M)
        return {
            arm: [
                ("the tool from above: x up, y to the left", above[arm]),
                ("the tool from the side: x to the right, z up", side[arm]),
            ]
            for arm in records
        }
    tracks = {arm: _drive(record) for arm, record in records.items()}
    if not any(len(track.path) > 1 for track in tracks.values()):
        return {arm: [] for arm in records}
    drawn = _same_frame(tracks, LEAST_DRIVE_M)
    return {arm: [(FLOOR, drawn[arm])] for arm in drawn}


def _drive(record: EpisodeRecord) -> Track:
    """Return the track of ``base_link`` in the odometry frame, x up and y to the left."""
    pose = Pose2()
    path = [_floor(pose)]
    places: list[Point] = []
    weighed: list[tuple[Point, ...]] = []
    chosen: list[tuple[Point, ...]] = []
    for step in record.decisions:
        for index, candidate in enumerate(step.decision.candidates):
            meant = _meant_drive(pose, candidate.plan)
            (chosen if index == step.decision.chosen else weighed).append(meant)
        places.append(_floor(pose))
        path += _between(pose, step)
        pose = step.base_pose
    return Track(
        tuple(path),
        _numbered(record.decisions, places),
        tuple(weighed),
        tuple(chosen),
        pose.yaw_rad + math.pi / 2,
    )


def _between(start: Pose2, step: DecisionRecord) -> tuple[Point, ...]:
    """Return the way to where a decision led, its corners too if the actions account for it.

    A record has the pose after each decision alone. Where something was bumped into, the actions
    do not lead to that pose, and the way there is drawn straight.
    """
    meant, end = _meant_drive(start, step.executed), _floor(step.base_pose)
    if meant and math.dist(meant[-1], end) < SAME_PLACE_M:
        return (*meant[1:-1], end)
    return (end,)


def _meant_drive(start: Pose2, plan: Plan) -> tuple[Point, ...]:
    if not all(name in NAVIGATION_DELTA for name in plan.names):
        return ()
    return tuple(_floor(start * pose) for pose in camera_path(plan))


def _floor(pose: Pose2) -> Point:
    return -pose.y_m, pose.x_m


Projected = Callable[[float, float, float], Point]


def _from_above(x: float, y: float, z: float) -> Point:
    return -y, x


def _from_side(x: float, y: float, z: float) -> Point:
    return x, z


def _tool(record: EpisodeRecord, project: Projected) -> Track:
    """Return the track of the tool: the poses it was sent to, and where each decision left it."""
    path: list[Point] = []
    places: list[Point] = []
    closed: list[Point] = []
    weighed = []
    for step in record.decisions:
        for index, candidate in enumerate(step.decision.candidates):
            if index != step.decision.chosen:
                weighed.append(tuple(point for point, _ in _targets(candidate.plan, project)))
        for point, is_open in _targets(step.executed, project):
            path.append(point)
            if not is_open:
                closed.append(point)
        if step.tool_pose is not None:
            places.append(project(*(float(v) for v in step.tool_pose.position)))
            path.append(places[-1])
    stops = _numbered(record.decisions, places) if len(places) == len(record.decisions) else ()
    return Track(tuple(path), stops, tuple(weighed), closed=tuple(closed))


def _targets(plan: Plan, project: Projected) -> list[tuple[Point, bool]]:
    if not all(name in ARM for name in plan.names):
        return []
    try:
        targets = list(map(target_of, plan.actions))
    except WiwError:  # a candidate that could not have been executed has no place in a drawing
        return []
    return [(project(*(float(v) for v in p.position)), is_open) for p, is_open in targets]


def _numbered(
    decisions: Sequence[DecisionRecord], places: Iterable[Point]
) -> tuple[tuple[Point, str], ...]:
    """Return a dot per place, with the numbers of the decisions taken there."""
    found: list[tuple[Point, list[int]]] = []
    for step, place in zip(decisions, places):
        near = next((who for at, who in found if math.dist(at, place) < SAME_PLACE_M), None)
        if near is None:
            found.append((place, near := []))
        near.append(step.decision.index)
    return tuple((at, _ranges(who)) for at, who in found)


def _ranges(numbers: Sequence[int]) -> str:
    """Return ``0–2, 5`` for 0, 1, 2 and 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)


def _same_frame(tracks: dict[str, Track], least_m: float) -> dict[str, str]:
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
