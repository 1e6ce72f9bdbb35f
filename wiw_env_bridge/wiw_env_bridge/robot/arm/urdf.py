"""The chain of joints between two links of a URDF. Plain URDF: no xacro, no meshes."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Array

MAX_BYTES = 8 << 20
"""A longer description is refused."""
_HINGES, _SLIDES = ("revolute", "continuous"), ("prismatic",)


@dataclass(frozen=True)
class Joint:
    """One joint of a chain that moves.

    Attributes
    ----------
    T_parent_joint : (4, 4)
        Its frame at position 0 in the frame of the moving joint before it (of the root link, for
        the first), fixed joints between the two included; metres.
    axis : (3,)
        Unit vector in its own frame.
    slides : bool
        Prismatic: its numbers are metres where a hinge's are radians.
    low, high : float
        Limits; infinite for a continuous joint.
    velocity, effort : float
        Greatest speed per second; greatest torque (N m) or force (N), 0 if not told.
    """

    name: str
    T_parent_joint: Array
    axis: Array
    slides: bool
    low: float
    high: float
    velocity: float
    effort: float


@dataclass(frozen=True)
class Chain:
    """The moving joints from the link ``root`` to the link ``tip``, in that order.

    ``T_last_tip`` is the tip in the frame of the last joint, (4, 4).
    """

    root: str
    tip: str
    joints: tuple[Joint, ...]
    T_last_tip: Array

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the joints."""
        return tuple(joint.name for joint in self.joints)

    @property
    def low(self) -> Array:
        """Least positions, (n,)."""
        return np.array([joint.low for joint in self.joints])

    @property
    def high(self) -> Array:
        """Greatest positions, (n,)."""
        return np.array([joint.high for joint in self.joints])

    @property
    def velocity(self) -> Array:
        """Greatest speeds, (n,) per second."""
        return np.array([joint.velocity for joint in self.joints])

    def placed(self, T_base_root: Array, T_tip_tool: Array) -> Chain:
        """Return the chain seen from a frame outside it, up to a tool beyond its tip."""
        first = self.joints[0]
        moved = replace(first, T_parent_joint=T_base_root @ first.T_parent_joint)
        return replace(
            self, joints=(moved, *self.joints[1:]), T_last_tip=self.T_last_tip @ T_tip_tool
        )


def parse(text: str, root: str, tip: str) -> Chain:
    """Return the chain between two links of a URDF text.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` naming the link or joint: text that is no URDF or longer than
        :data:`MAX_BYTES`, an unknown link, links that are not connected downwards, a joint of
        another type, one that mimics another, numbers that are missing or not finite.
    """
    robot = _robot(text)
    links = {link.get("name", ""): link for link in robot.findall("link")}
    for link in (root, tip):
        if link not in links:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "link of the URDF", link, links)
    above = _above(robot)
    elements: list[ET.Element] = []
    link = tip
    while link != root:
        joint = above.get(link)
        if joint is None or len(elements) > len(above):
            raise _bad(
                f"In the URDF no joints lead from the link '{root}' to the link '{tip}'.",
                "Check frames.planning and frames.tool of the profile.",
            )
        elements.append(joint)
        link = _link(joint, "parent")
    joints: list[Joint] = []
    reached: Array = np.eye(4)
    for element in reversed(elements):
        reached = reached @ _origin(element)
        if element.get("type") != "fixed":
            joints.append(_joint(element, reached))
            reached = np.eye(4)
    if not joints:
        raise _bad(f"In the URDF no joint moves between the links '{root}' and '{tip}'.")
    return Chain(root, tip, tuple(joints), reached)


def transform(xyz: tuple[float, ...], rpy: tuple[float, ...]) -> Array:
    """Return (4, 4) of a place in metres and roll, pitch, yaw about fixed axes in radians."""
    from scipy.spatial.transform import Rotation

    pose: Array = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", rpy).as_matrix()
    pose[:3, 3] = xyz
    return pose


def _robot(text: str) -> ET.Element:
    if len(text) > MAX_BYTES:
        raise _bad(f"The URDF has {len(text)} characters; at most {MAX_BYTES} are read.")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _bad("The URDF declares a document type or entities, which are not read.")
    try:
        robot = ET.fromstring(text)
    except ET.ParseError as error:
        raise _bad(f"The URDF is no XML: {error}.") from error
    if robot.tag != "robot":
        raise _bad(
            f"The URDF begins with <{robot.tag}>, not with <robot>.",
            "Give the output of xacro or robot_state_publisher.",
        )
    return robot


def _above(robot: ET.Element) -> Mapping[str, ET.Element]:
    """Return the joint that leads to each link."""
    above: dict[str, ET.Element] = {}
    names: set[str] = set()
    for joint in robot.findall("joint"):
        name, child = joint.get("name", ""), _link(joint, "child")
        if child in above:
            raise _bad(f"In the URDF two joints lead to the link '{child}'.")
        if name in names:
            raise _bad(f"In the URDF two joints are named '{name}'.")
        above[child] = joint
        names.add(name)
    return above


def _link(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    name = "" if element is None else element.get("link", "")
    if not name:
        raise _bad(f"The URDF's joint '{joint.get('name', '')}' has no {end} link.")
    return name


def _joint(element: ET.Element, place: Array) -> Joint:
    name, kind = element.get("name", ""), element.get("type", "")
    if not name or kind not in _HINGES + _SLIDES:
        raise _bad(f"The URDF's joint '{name}' of type '{kind}' cannot be part of an arm.")
    if element.find("mimic") is not None:
        raise _bad(f"The URDF's joint '{name}' mimics another, which an arm's joint may not.")
    axis_element = element.find("axis")
    text = "1 0 0" if axis_element is None else axis_element.get("xyz", "")
    axis = np.array(_numbers(text, 3, f"the axis of the joint '{name}'"))
    length = float(np.linalg.norm(axis))
    if length < 1e-6:
        raise _bad(f"The axis of the URDF's joint '{name}' is zero.")
    limit = element.find("limit")
    if limit is None:
        raise _bad(f"The URDF's joint '{name}' has no limits.", "Its velocity must be told.")
    low, high = -math.inf, math.inf
    if kind != "continuous":
        low, high = (_number(limit, which, name) for which in ("lower", "upper"))
        if not low < high:
            raise _bad(f"The limits of the URDF's joint '{name}' are {low} to {high}.")
    velocity = _number(limit, "velocity", name)
    if velocity <= 0.0:
        raise _bad(f"The greatest velocity of the URDF's joint '{name}' is {velocity}.")
    effort = _number(limit, "effort", name) if limit.get("effort") else 0.0
    return Joint(name, place, axis / length, kind in _SLIDES, low, high, velocity, effort)


def _number(limit: ET.Element, which: str, joint: str) -> float:
    return _numbers(limit.get(which, ""), 1, f"'{which}' of the joint '{joint}'")[0]


def _origin(joint: ET.Element) -> Array:
    origin = joint.find("origin")
    if origin is None:
        return np.eye(4)
    what = f"the origin of the joint '{joint.get('name', '')}'"
    xyz = _numbers(origin.get("xyz", "0 0 0"), 3, what)
    return transform(xyz, _numbers(origin.get("rpy", "0 0 0"), 3, what))


def _numbers(text: str, count: int, what: str) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise _bad(f"In the URDF, {what} is '{text[:60]}', not {count} finite number(s).")
    return values


def _bad(message: str, hint: str = "") -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, message, hint)
