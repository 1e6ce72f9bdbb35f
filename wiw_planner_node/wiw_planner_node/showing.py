"""Shows a decision before anything moves: its candidates in space, and where they would lead.

The topics ``~/candidates`` and ``~/imagination``, for RViz, Foxglove and whoever approves plans.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from wiw_core.arm import ARM, target_of
from wiw_core.decisions import Candidate, Decision
from wiw_core.observation import Observation
from wiw_core.plans import NAVIGATION, Plan, camera_path
from wiw_planner_node.pictures import contact_sheet
from wiw_ros import convert, qos

FRAME = "base_link"
"""Candidates start where the robot is: no odometry or map is needed to draw them."""
ABOVE_FLOOR_M = 0.05
TEXT_M = 0.12
"""Height of a score's letters."""
_CHOSEN = ColorRGBA(r=0.15, g=0.75, b=0.3, a=1.0)
_OTHER = ColorRGBA(r=0.55, g=0.6, b=0.7, a=0.7)


class Showing:
    """Publishes what is to be seen of a decision, only while somebody looks."""

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._imagination = node.create_publisher(Image, "~/imagination", qos.LATCHED)
        self._candidates = node.create_publisher(MarkerArray, "~/candidates", qos.LATCHED)

    def show(self, decision: Decision, now: Observation) -> None:
        """Show a decision that was taken on ``now``."""
        if self._imagination.get_subscription_count():
            sheet = contact_sheet(decision)
            if sheet is not None:
                stamp = self._clock.now().to_msg()
                header = Header(stamp=stamp, frame_id="imagination")
                self._imagination.publish(convert.image_to_msg(sheet, header))
        if self._candidates.get_subscription_count():
            seen = convert.stamp_to_msg(now.stamp_s)
            self._candidates.publish(candidate_markers(decision, now, seen))


def candidate_markers(decision: Decision, now: Observation, stamp: Time) -> MarkerArray:
    """Return each candidate as a line from the robot on, its score at the end.

    The chosen one is green and broader. A rewritten plan, which no candidate is, is drawn as chosen
    too. All are in :data:`FRAME`, metres: the path of the base on the floor, or that of the tool.
    The first marker deletes those of the decision before.
    """
    header = Header(stamp=stamp, frame_id=FRAME)
    drawn = [(k, c, k == decision.chosen) for k, c in enumerate(decision.candidates)]
    if decision.chosen < 0 and decision.plan.actions:
        drawn.append((len(drawn), Candidate(decision.plan), True))
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, candidate, chosen in drawn:
        points = path(candidate.plan, now)
        if len(points) > 1:
            markers += _markers(header, index, candidate, points, chosen)
    return MarkerArray(markers=markers)


def path(plan: Plan, now: Observation) -> list[Point]:
    """Return the points that a plan passes, the first one now, in ``base_link``, metres.

    Without any if it has actions that lead nowhere in space, such as another robot's own.
    """
    names = set(plan.names)
    if names <= NAVIGATION.keys():
        return [Point(x=p.x_m, y=p.y_m, z=ABOVE_FLOOR_M) for p in camera_path(plan)]
    if names <= ARM.keys():
        start = [] if now.tool_pose is None else [now.tool_pose]
        poses = [*start, *(target_of(action)[0] for action in plan.actions)]
        return [Point(x=float(p.x_m), y=float(p.y_m), z=float(p.z_m)) for p in poses]
    return []


def _markers(
    header: Header, index: int, candidate: Candidate, points: Sequence[Point], chosen: bool
) -> Iterator[Marker]:
    colour, width = (_CHOSEN, 0.04) if chosen else (_OTHER, 0.015)
    line = Marker(header=header, ns="candidates", id=index, type=Marker.LINE_STRIP)
    line.pose.orientation.w = 1.0
    line.scale = Vector3(x=width)
    line.color, line.points = colour, list(points)
    ends = Marker(header=header, ns="steps", id=index, type=Marker.SPHERE_LIST)
    ends.pose.orientation.w = 1.0
    ends.scale = Vector3(x=2.0 * width, y=2.0 * width, z=2.0 * width)
    ends.color, ends.points = colour, list(points)
    score = Marker(header=header, ns="scores", id=index, type=Marker.TEXT_VIEW_FACING)
    score.pose.orientation.w = 1.0
    end = points[-1]
    # Candidates may end at one place, as turns do: their scores stand above one another.
    score.pose.position = Point(x=end.x, y=end.y, z=end.z + TEXT_M * (1.0 + index))
    score.scale = Vector3(z=TEXT_M)
    score.color = colour
    known = "" if math.isnan(candidate.score) else f": {candidate.score:.3g}"
    score.text = f"{index}{known}"
    yield from (line, ends, score)
