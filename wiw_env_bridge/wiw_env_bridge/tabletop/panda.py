"""The arm: published Panda kinematics on primitive solids, as MJCF text. No third-party asset.

Kinematics are the table of modified Denavit-Hartenberg parameters and the joint limits of Franka's
public documentation; masses are rounded and spread over the solids; gravity is compensated, as the
real arm's controller does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

TABLE_TOP_M = 0.75
"""Height of the table top."""
FOOT = (-0.3, 0.0, TABLE_TOP_M)
"""Where the arm stands, in the table's frame; metres."""
HAND_M = 0.107
"""From the last joint's frame to the hand's, along its z."""
TOOL_M = 0.1034
"""From the hand's frame to the tool's: between the finger tips."""
OPEN_M = 0.04
"""Travel of each finger; the gap is twice that."""

JOINTS = tuple(f"panda_joint{k}" for k in range(1, 8))
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
HAND, TOOL = "panda_hand", "tool"
PADS = ("panda_left_pad", "panda_right_pad")
"""Names of the two geoms between which things are held."""


class Link(NamedTuple):
    """A row of the Denavit-Hartenberg table (Craig's convention) and its joint.

    ``a_m``, ``alpha_rad`` lead from the previous joint, ``d_m`` runs along this one. ``low_rad``
    and ``high_rad`` limit it; ``torque_nm`` is the most it exerts; ``trip_nm`` is the external
    torque at which it counts as a collision (the upper thresholds of libfranka's examples).
    """

    a_m: float
    d_m: float
    alpha_rad: float
    low_rad: float
    high_rad: float
    torque_nm: float
    trip_nm: float
    mass_kg: float


_Q = math.pi / 2
LINKS = (
    Link(0.0, 0.333, 0.0, -2.8973, 2.8973, 87.0, 20.0, 5.0),
    Link(0.0, 0.0, -_Q, -1.7628, 1.7628, 87.0, 20.0, 0.65),
    Link(0.0, 0.316, _Q, -2.8973, 2.8973, 87.0, 18.0, 3.2),
    Link(0.0825, 0.0, _Q, -3.0718, -0.0698, 87.0, 18.0, 3.6),
    Link(-0.0825, 0.384, -_Q, -2.8973, 2.8973, 12.0, 16.0, 1.2),
    Link(0.0, 0.0, _Q, -0.0175, 3.7525, 12.0, 14.0, 1.7),
    Link(0.088, 0.0, _Q, -2.8973, 2.8973, 12.0, 12.0, 0.75),
)
"""The seven joints, from the foot up."""
READY_RAD = (0.0, -math.pi / 4, 0.0, -3 * math.pi / 4, 0.0, math.pi / 2, math.pi / 4)
"""Where an episode begins: tool straight down, 0.49 m above the table."""

STIFFNESS = (3000.0, 3000.0, 2000.0, 2000.0, 1000.0, 1000.0, 1000.0)
"""N m/rad of each joint's position servo."""
DAMPING = (120.0, 120.0, 70.0, 70.0, 28.0, 28.0, 28.0)
"""N m s/rad of the same: nearly critical, and stable when a servo is at its greatest torque."""
GRIP_N = 30.0
"""Greatest force that closes the fingers."""

_WHITE, _DARK, _GREY = ".93 .93 .94 1", ".18 .19 .21 1", ".30 .30 .32 1"
_SOLIDS: tuple[tuple[str, ...], ...] = (
    (f'type="capsule" fromto="0 0 -.19 0 0 -.05" size=".065" rgba="{_WHITE}"',
     f'type="cylinder" pos="0 0 -.17" size=".067 .012" rgba="{_DARK}"'),
    (f'type="capsule" fromto="0 0 -.06 0 0 .06" size=".065" rgba="{_WHITE}"',
     f'type="capsule" fromto="0 0 0 0 -.16 0" size=".062" rgba="{_WHITE}"'),
    (f'type="capsule" fromto="0 0 -.12 0 0 -.04" size=".06" rgba="{_WHITE}"',
     f'type="capsule" fromto="0 0 -.02 .0825 0 0" size=".057" rgba="{_WHITE}"'),
    (f'type="capsule" fromto="0 0 -.05 0 0 .05" size=".06" rgba="{_WHITE}"',
     f'type="capsule" fromto="0 0 0 -.0825 .07 0" size=".055" rgba="{_WHITE}"'),
    (f'type="capsule" fromto="0 0 -.26 0 .02 -.04" size=".055" rgba="{_WHITE}"',
     f'type="cylinder" pos="0 0 -.28" size=".057 .012" rgba="{_DARK}"'),
    (f'type="capsule" fromto="0 0 -.03 0 0 .06" size=".05" rgba="{_WHITE}"',
     f'type="capsule" fromto="0 0 0 .088 0 0" size=".045" rgba="{_WHITE}"'),
    (f'type="cylinder" pos="0 0 .07" size=".045 .035" rgba="{_DARK}"',
     f'type="sphere" pos="0 0 .02" size=".05" rgba="{_WHITE}"'),
)  # fmt: skip
_TOUCHING_FROM = 4
"""Links below this one cannot reach anything: they have no contacts."""

DEFAULTS = """<geom friction=".5 .01 .001"/>
<default class="look"><geom contype="0" conaffinity="0"/></default>
<default class="arm"><geom contype="2" conaffinity="1"/></default>
<default class="pad"><geom contype="2" conaffinity="1" friction=".8 .02 .001" solref=".01 1"
 condim="4"/></default>"""
"""Arm solids touch objects and the table (contype 1), never each other.

The friction of the pads times that of the table stays below 1: what is pushed cannot jam.
"""


def arm_mjcf() -> str:
    """Return the arm's ``<body>``, foot to fingers, for a worldbody whose z = 0 is the floor."""
    body = _hand()
    for index in range(len(LINKS), 0, -1):
        body = _link(index, body)
    x, y, z = FOOT
    return (
        f'<body name="panda_link0" pos="{x} {y} {z}" childclass="look">'
        f'<geom type="cylinder" pos="0 0 .07" size=".075 .07" rgba="{_WHITE}"/>'
        f'<geom type="box" pos="-.04 0 .03" size=".1 .075 .03" rgba="{_DARK}"/>{body}</body>'
    )


def actuator_mjcf() -> str:
    """Return the servos: seven joints' positions in radians, then one finger's in metres."""
    rows = [
        _servo(joint, stiffness, damping, (link.low_rad, link.high_rad), link.torque_nm)
        for joint, link, stiffness, damping in zip(JOINTS, LINKS, STIFFNESS, DAMPING)
    ]
    return "".join([*rows, _servo(FINGERS[0], 2000.0, 120.0, (0.0, OPEN_M), GRIP_N)])


def coupling_mjcf() -> str:
    """Return the equality that makes both fingers move alike, as the real gripper's gear does."""
    one, two = FINGERS
    return f'<joint joint1="{one}" joint2="{two}" polycoef="0 1 0 0 0" solref=".008 1"/>'


def _link(index: int, inner: str) -> str:
    link, solids = LINKS[index - 1], _SOLIDS[index - 1]
    sine, cosine = math.sin(link.alpha_rad), math.cos(link.alpha_rad)
    place = link.a_m, -sine * link.d_m, cosine * link.d_m
    turn = math.cos(link.alpha_rad / 2), math.sin(link.alpha_rad / 2), 0.0, 0.0
    kind = "arm" if index >= _TOUCHING_FROM else "look"
    mass = link.mass_kg / len(solids)
    geoms = "".join(f'<geom class="{kind}" mass="{mass}" {solid}/>' for solid in solids)
    return (
        f'<body name="panda_link{index}" pos="{_text(place)}" quat="{_text(turn)}" gravcomp="1">'
        f'<joint name="{JOINTS[index - 1]}" axis="0 0 1" armature=".2" damping="1"'
        f' range="{link.low_rad} {link.high_rad}"/>{geoms}{inner}</body>'
    )


def _hand() -> str:
    fingers = "".join(
        f'<body name="panda_{side}_finger" pos="0 0 .0584" gravcomp="1">'
        f'<joint name="{joint}" type="slide" axis="0 {sign} 0" range="0 {OPEN_M}" damping="10"'
        f' armature=".1"/><geom class="arm" type="box" pos="0 {sign * 0.013} .015"'
        f' size=".01 .008 .022" rgba="{_DARK}" mass=".03"/>'
        f'<geom name="{pad}" class="pad" type="box" pos="0 {sign * 0.0055} .045"'
        f' size=".009 .005 .012" rgba="{_GREY}" mass=".02"/></body>'
        for side, sign, joint, pad in zip(("left", "right"), (1, -1), FINGERS, PADS)
    )
    eighth = math.pi / 8
    return (
        f'<body name="{HAND}" pos="0 0 {HAND_M}" gravcomp="1"'
        f' quat="{_text((math.cos(eighth), 0.0, 0.0, -math.sin(eighth)))}">'
        f'<geom class="arm" type="box" pos="0 0 .03" size=".03 .1 .032" rgba="{_WHITE}" mass=".5"/>'
        f'<geom class="look" type="box" pos="0 0 -.005" size=".022 .05 .012" rgba="{_DARK}"'
        f' mass=".2"/><geom class="look" type="box" pos=".045 0 .012" size=".016 .03 .014"'
        f' rgba="{_DARK}" mass=".03"/><site name="{TOOL}" pos="0 0 {TOOL_M}" size=".004"'
        f' rgba="0 0 0 0"/>{fingers}</body>'
    )


def _servo(
    joint: str, stiffness: float, damping: float, limits: tuple[float, float], force: float
) -> str:
    return (
        f'<general joint="{joint}" gainprm="{stiffness}" biastype="affine"'
        f' biasprm="0 -{stiffness} -{damping}" ctrlrange="{limits[0]} {limits[1]}"'
        f' forcerange="-{force} {force}"/>'
    )


def _text(values: Sequence[float]) -> str:
    return " ".join(f"{value:.9f}" for value in values)
