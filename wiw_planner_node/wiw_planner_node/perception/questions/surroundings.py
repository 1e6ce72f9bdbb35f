"""All that a policy has gathered in one episode: the map, its rooms and frontiers, things seen."""

from __future__ import annotations

import math

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.plans import camera_path
from wiw_planner_node.perception.mapping.frontiers import Frontier, frontiers
from wiw_planner_node.perception.mapping.grid import FloorMap
from wiw_planner_node.perception.mapping.rooms import NOWHERE, Rooms, rooms
from wiw_planner_node.perception.mapping.routes import Distances, distances
from wiw_planner_node.perception.questions.detector import Detector
from wiw_planner_node.perception.questions.objects import ObjectMemory, Thing
from wiw_planner_node.perception.questions.words import ROOM_SIGNS
from wiw_planner_node.perception.recognise import Recogniser

DETECT = ("granted", "own")
"""Detections from the observation (privilege ``object_detections``), or by the own detector."""
_STOOD_M = 0.25
_CLOSED_M2 = 0.4


class Surroundings:
    """Gathered from every observation that :meth:`update` is shown; a new episode starts it anew.

    Parameters
    ----------
    recogniser : Recogniser
    detect : {"granted", "own"}
        Where detections come from; anything else raises ``BAD_PARAMETER``.

    Attributes
    ----------
    floor : FloorMap
    memory : ObjectMemory
    stood : list of Pose2
        Where the robot looked round so far, in odom.
    rooms : Rooms
    ways : Distances
        From where the robot is.
    frontiers : list of Frontier
        Those worth going to: where the robot stood already there is nothing more to see.
    """

    def __init__(self, recogniser: Recogniser, detect: str = "granted") -> None:
        if detect not in DETECT:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "way to detect", detect, DETECT)
        self._recogniser = recogniser
        self._detector = Detector.shipped() if detect == "own" else None
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._key: tuple[str, int, int] = ("", -1, -1)
        self.floor = FloorMap()
        self.memory = ObjectMemory(self._recogniser)
        self.stood: list[Pose2] = []
        self.rooms: Rooms = rooms(self.floor)
        self.ways: Distances
        self.frontiers: list[Frontier] = []

    def update(self, context: DecisionContext) -> None:
        """Take in the newest observation, once.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED`` or ``DEPTH_REQUIRED`` if it has no panorama with depth.
        """
        now = context.now
        key = (context.episode.id, context.index, now.step)
        if key == self._key:
            return
        if context.index == 0 or context.episode.id != self._key[0]:
            self.forget()
        self._key = key
        previous = context.previous
        if previous is not None and self.stood:
            executed = previous.plan.prefix(now.step - previous.step)
            if len(executed):
                self.floor.bump(self.stood[-1] * camera_path(executed)[-1], now.base_pose)
        self.floor.update(now)
        detector = self._detector
        self.memory.update(now, now.objects if detector is None else detector.detect(now))
        self.stood.append(now.base_pose)
        self.rooms = rooms(self.floor)
        self.ways = distances(self.floor, self.floor.cell(now.base_pose.x_m, now.base_pose.y_m))
        self.frontiers = [f for f in frontiers(self.floor, self.ways) if not self._looked(f)]

    @property
    def pose(self) -> Pose2:
        """Where the robot is, in odom."""
        return self.stood[-1]

    def nearest_look_m(self, x_m: float, y_m: float) -> float:
        """Return how near to a place in odom the robot has looked round, in metres."""
        return min(math.hypot(p.x_m - x_m, p.y_m - y_m) for p in self.stood)

    def room_at(self, x_m: float, y_m: float) -> int:
        """Return the label of the room at a place in odom."""
        return self.rooms.at(self.floor.cell(x_m, y_m))

    def room_names(self) -> dict[int, str]:
        """Return the names of the rooms that their furniture tells, by label."""
        votes: dict[int, dict[str, float]] = {}
        for thing in self.memory.things:
            label = self.room_at(thing.x_m, thing.y_m)
            if thing.small or label == NOWHERE:
                continue
            for name, signs in ROOM_SIGNS.items():
                weight = signs.get(thing.noun, 0.0)
                if weight:
                    room = votes.setdefault(label, {})
                    room[name] = room.get(name, 0.0) + weight
        return {label: max(room, key=room.__getitem__) for label, room in votes.items()}

    def room_name(self, thing: Thing) -> str:
        """Return the name of the room a thing is in; empty while that is not known."""
        return self.room_names().get(self.room_at(thing.x_m, thing.y_m), "")

    def covered(self, label: int) -> bool:
        """Tell whether the robot was in a room and nothing in it is left to discover."""
        if not any(self.room_at(p.x_m, p.y_m) == label for p in self.stood):
            return False
        return not any(
            f.gain_m2 >= _CLOSED_M2 and self.room_at(f.x_m, f.y_m) == label for f in self.frontiers
        )

    def _looked(self, frontier: Frontier) -> bool:
        x_m, y_m = self.floor.place(frontier.cell)
        return self.nearest_look_m(x_m, y_m) < _STOOD_M
