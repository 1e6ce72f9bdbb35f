"""What a path of tool poses may do to things: grasp here, let go there, press or push there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import Array
from wiw_wm_node.arm.look import TABLE_M

CLOSED, OPEN = 0.015, 0.9
"""A gripper that is open between these has something between its fingers."""
PUSH_M = TABLE_M + 0.07
"""A tool below this height pushes what is in its way."""
_SHORTEST_M = 0.01


@dataclass(frozen=True)
class Hand:
    """The tool's pose (4, 4) in ``base_link`` and the gripper's opening, 0 closed to 1 open."""

    pose: Array
    gripper: float

    @property
    def place(self) -> Array:
        """Position of the tool in metres, (3,)."""
        return np.asarray(self.pose[:3, 3])


@dataclass(frozen=True)
class Step:
    """Where the tool goes, (4, 4), and whether the gripper is open then."""

    pose: Array
    opened: bool


@dataclass(frozen=True)
class Push:
    """A straight level way of the tool just above the table, from ``start`` to ``end`` (3,)."""

    start: Array
    end: Array


@dataclass(frozen=True)
class Path:
    """The events of a path.

    Attributes
    ----------
    start, end : Hand
    grasp : (4, 4) or None
        Where the gripper closed last; the present pose if it holds something already.
    put : (4, 4) or None
        Where what was grasped is at the end: where the gripper opened, or the last pose.
    held : bool
        The gripper is still closed around it at the end.
    lowest : (3,)
        The lowest place the tool is sent to.
    pushes : tuple of Push
    steps : int
    """

    start: Hand
    end: Hand
    grasp: Array | None
    put: Array | None
    held: bool
    lowest: Array
    pushes: tuple[Push, ...]
    steps: int


def path_of(now: Hand, steps: Sequence[Step]) -> Path:
    """Return the events of ``steps``, one or more, from ``now`` on."""
    grasp = now.pose if CLOSED < now.gripper < OPEN else None
    put: Array | None = None
    opened, place = now.gripper >= OPEN, now.place
    pushes = []
    for step in steps:
        there = step.pose[:3, 3]
        low = max(place[2], there[2]) < PUSH_M
        if low and float(np.hypot(*(there - place)[:2])) > _SHORTEST_M:
            pushes.append(Push(place, there))
        if opened and not step.opened:
            grasp, put = step.pose, None
        elif step.opened and not opened and grasp is not None and put is None:
            put = step.pose
        opened, place = step.opened, there
    held = grasp is not None and put is None
    return Path(
        start=now,
        end=Hand(steps[-1].pose, float(opened)),
        grasp=grasp,
        put=steps[-1].pose if held else put,
        held=held,
        lowest=np.asarray(min((step.pose[:3, 3] for step in steps), key=lambda place: place[2])),
        pushes=tuple(pushes),
        steps=len(steps),
    )
