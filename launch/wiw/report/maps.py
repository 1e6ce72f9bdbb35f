"""Where the robot went, as inline SVG: a floor seen from above, or the tool of an arm.

Every arm of an episode is drawn in the same frame and at the same scale, so that the drawings
compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from wiw.report.drawing import Point, Track, draw
from wiw_core.arm import ARM, target_of
from wiw_core.errors import WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION_DELTA, Plan, camera_path
from wiw_core.record_format import DecisionRecord, EpisodeRecord

LEAST_DRIVE_M, LEAST_TOOL_M = 1.0, 0.3
"""Smallest extent drawn, of a floor and of a table; metres."""
SAME_PLACE_M = 0.05
"""Decisions nearer to one another than this share a number."""

FLOOR = "the floor from above; it began facing up"
ABOVE, SIDE = "the tool from above: x up, y to the left", "the tool from the side: x right, z up"
COMMON = (
    "Grey: the plans that were weighed and left, a dot where each leads. A number is the decision"
    " taken there. All arms are drawn at the same scale."
)
LEGENDS = {
    FLOOR: "○ where it began, ▲ where it ended and faces; dashed: the plan that was chosen, as it"
    " was meant. Where it bumped into something, the way is drawn straight to where it came to"
    f" rest. {COMMON}",
    ABOVE: "○ the first pose it was sent to, ■ where it ended; a ring: the gripper was told to be"
    f" closed. Poses in the text are x, y, z in metres. {COMMON}",
}
"""What the drawings mean, by the caption of the first."""


def draw_episode(records: dict[str, EpisodeRecord]) -> dict[str, list[tuple[str, str]]]:
    """Return each arm's drawings of one episode: pairs of a caption and an ``<svg>``.

    A robot that drives has one drawing, an arm two (from above and from the side), and an episode
    without any motion none.
    """
    if any(d.tool_pose is not None for r in records.values() for d in r.decisions):
        above = draw({arm: _tool(r, _from_above) for arm, r in records.items()}, LEAST_TOOL_M)
        side = draw({arm: _tool(r, _from_side) for arm, r in records.items()}, LEAST_TOOL_M)
        return {
            arm: [
                (ABOVE, above[arm]),
                (SIDE, side[arm]),
            ]
            for arm in records
        }
    tracks = {arm: _drive(record) for arm, record in records.items()}
    if not any(len(track.path) > 1 for track in tracks.values()):
        return {arm: [] for arm in records}
    drawn = draw(tracks, LEAST_DRIVE_M)
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
