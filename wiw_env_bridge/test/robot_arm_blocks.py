"""A Panda's URDF written from the published table, for tests of the arm body."""

from __future__ import annotations

import math

PUBLISHED = (  # a, d, alpha of Franka's documentation; metres, radians
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -math.pi / 2),
    (0.0, 0.316, math.pi / 2),
    (0.0825, 0.0, math.pi / 2),
    (-0.0825, 0.384, -math.pi / 2),
    (0.0, 0.0, math.pi / 2),
    (0.088, 0.0, math.pi / 2),
)
LIMITS = (  # lower, upper, velocity of the same; radians
    (-2.8973, 2.8973, 2.1750),
    (-1.7628, 1.7628, 2.1750),
    (-2.8973, 2.8973, 2.1750),
    (-3.0718, -0.0698, 2.1750),
    (-2.8973, 2.8973, 2.6100),
    (-0.0175, 3.7525, 2.6100),
    (-2.8973, 2.8973, 2.6100),
)


def fixed(name, parent, child, xyz, rpy="0 0 0"):
    return (
        f'<joint name="{name}" type="fixed"><origin xyz="{xyz}" rpy="{rpy}"/>'
        f'<parent link="{parent}"/><child link="{child}"/></joint>'
    )


def hinge(k, a, d, alpha, low, high, speed):
    y, z = -math.sin(alpha) * d, math.cos(alpha) * d
    return (
        f'<joint name="panda_joint{k}" type="revolute">'
        f'<origin xyz="{a} {y!r} {z!r}" rpy="{alpha!r} 0 0"/><axis xyz="0 0 1"/>'
        f'<parent link="panda_link{k - 1}"/><child link="panda_link{k}"/>'
        f'<limit lower="{low}" upper="{high}" velocity="{speed}" effort="87"/></joint>'
    )


def panda_urdf(**swaps):
    """The arm from ``panda_link0`` to ``panda_hand_tcp``; ``swaps`` replace text, for faults."""
    links = [f"panda_link{k}" for k in range(9)] + ["panda_hand", "panda_hand_tcp", "camera"]
    hinges = [
        hinge(k, *row, *limit) for k, (row, limit) in enumerate(zip(PUBLISHED, LIMITS), start=1)
    ]
    ends = (
        fixed("panda_joint8", "panda_link7", "panda_link8", "0 0 0.107"),
        fixed("hand", "panda_link8", "panda_hand", "0 0 0", f"0 0 {-math.pi / 4!r}"),
        fixed("tcp", "panda_hand", "panda_hand_tcp", "0 0 0.1034"),
        fixed("eye", "panda_hand", "camera", "0.05 0 0"),
    )
    text = "".join([*(f'<link name="{n}"/>' for n in links), *hinges, *ends])
    for old, new in swaps.get("swaps", ()):
        assert old in text, old
        text = text.replace(old, new)
    return f'<?xml version="1.0"?><robot name="panda">{text}</robot>'
