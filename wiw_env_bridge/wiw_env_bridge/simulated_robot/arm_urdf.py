"""The arm's robot description, and where its links are: as robot_state_publisher would tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_shapes import visuals
from wiw_env_bridge.tabletop import panda

WORLD, FOOT, FLANGE, HAND, TOOL = (
    "world", "panda_link0", "panda_link7", panda.HAND, "panda_hand_tcp",
)  # fmt: skip
"""Links: the table's frame with the floor at z = 0, the arm's foot, its flange, hand and tool."""
VELOCITY_RAD_S = (2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61)
"""Greatest rates of the joints, of Franka's public documentation."""
FINGER_M_S = 0.2
_FINGER_Z_M = 0.0584


@dataclass(frozen=True)
class Joint:
    """A joint of the description.

    Attributes
    ----------
    kind : str
        ``fixed``, ``revolute`` or ``prismatic``.
    origin : (4, 4)
        Pose of the joint in the parent link's frame; metres.
    axis : (3,)
        What it turns about or slides along, in its own frame.
    limits : (low, high, effort, velocity)
        rad or m, N m or N, per second; None if fixed.
    mimics : str
        The joint that it follows; empty: none.
    """

    name: str
    kind: str
    parent: str
    child: str
    origin: Array
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    limits: tuple[float, float, float, float] | None = None
    mimics: str = ""

    def pose(self, position: float) -> Array:
        """Return ``T_parent_child`` at a joint position, (4, 4)."""
        motion: Array = np.eye(4)
        if self.kind == "revolute":
            turn = np.multiply(self.axis, position)
            motion[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
        elif self.kind == "prismatic":
            motion[:3, 3] = np.multiply(self.axis, position)
        return np.asarray(self.origin @ motion)


def moving(positions: Mapping[str, float]) -> Iterator[tuple[str, str, Array]]:
    """Yield (parent, child, ``T_parent_child``) of each joint that moves, at these positions."""
    for joint in JOINTS:
        if joint.kind != "fixed":
            yield joint.parent, joint.child, joint.pose(positions[joint.name])


def fixed() -> Iterator[tuple[str, str, Array]]:
    """Yield (parent, child, ``T_parent_child``) of each joint that does not move."""
    for joint in JOINTS:
        if joint.kind == "fixed":
            yield joint.parent, joint.child, joint.origin


def urdf() -> str:
    """Return the description as URDF text: joints with all their limits, links with visuals."""
    links, shapes = [WORLD, *(joint.child for joint in JOINTS)], visuals()
    body = "".join(f'  <link name="{link}">{shapes.get(link, "")}</link>\n' for link in links)
    return (
        '<?xml version="1.0"?>\n<robot name="panda">\n'
        + body
        + "".join(_joint_text(joint) for joint in JOINTS)
        + "</robot>\n"
    )


def _joints() -> Iterator[Joint]:
    yield Joint("world_to_panda", "fixed", WORLD, FOOT, _pose(panda.FOOT))
    parent = FOOT
    for k, (name, link) in enumerate(zip(panda.JOINTS, panda.LINKS)):
        sine, cosine = math.sin(link.alpha_rad), math.cos(link.alpha_rad)
        place = link.a_m, -sine * link.d_m, cosine * link.d_m
        limits = link.low_rad, link.high_rad, link.torque_nm, VELOCITY_RAD_S[k]
        origin = _pose(place, ("x", link.alpha_rad))
        child = f"panda_link{k + 1}"
        yield Joint(name, "revolute", parent, child, origin, limits=limits)
        parent = child
    hand = _pose((0.0, 0.0, panda.HAND_M), ("z", -math.pi / 4))
    yield Joint("panda_hand_joint", "fixed", FLANGE, HAND, hand)
    yield Joint("panda_hand_tcp_joint", "fixed", HAND, TOOL, _pose((0.0, 0.0, panda.TOOL_M)))
    for side, sign, name in zip(("left", "right"), (1.0, -1.0), panda.FINGERS):
        yield Joint(
            name,
            "prismatic",
            HAND,
            f"panda_{side}finger",
            _pose((0.0, 0.0, _FINGER_Z_M)),
            (0.0, sign, 0.0),
            (0.0, panda.OPEN_M, panda.GRIP_N, FINGER_M_S),
            "" if name == panda.FINGERS[0] else panda.FINGERS[0],
        )


def _pose(place: tuple[float, ...], turn: tuple[str, float] = ("x", 0.0)) -> Array:
    pose: Array = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_euler(*turn).as_matrix(), place
    return pose


def _joint_text(joint: Joint) -> str:
    place = _text(joint.origin[:3, 3])
    turn = _text(Rotation.from_matrix(joint.origin[:3, :3]).as_euler("xyz"))
    rows = [
        f'<parent link="{joint.parent}"/>',
        f'<child link="{joint.child}"/>',
        f'<origin xyz="{place}" rpy="{turn}"/>',
    ]
    if joint.limits is not None:
        low, high, effort, velocity = joint.limits
        rows.append(f'<axis xyz="{_text(joint.axis)}"/>')
        rows.append(
            f'<limit lower="{low}" upper="{high}" effort="{effort}" velocity="{velocity}"/>'
        )
    if joint.mimics:
        rows.append(f'<mimic joint="{joint.mimics}"/>')
    inner = "".join(f"    {row}\n" for row in rows)
    return f'  <joint name="{joint.name}" type="{joint.kind}">\n{inner}  </joint>\n'


def _text(values: tuple[float, ...] | Array) -> str:
    return " ".join(f"{float(value):.9g}" for value in values)


JOINTS = tuple(_joints())
"""Every joint of the arm, from the world to the tool and the fingers."""
