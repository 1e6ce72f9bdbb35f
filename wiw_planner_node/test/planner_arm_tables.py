"""A table of boxes, traced exactly: what the arm's policy is shown in its tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wiw_core.arm import ARM
from wiw_core.cameras import pinhole
from wiw_core.contracts import DecisionContext, PlanLimits
from wiw_core.geometry import Pose3
from wiw_core.observation import Episode, Observation, Rgb, SceneObject, View
from wiw_core.tasks.manipulation import OBJECT_CENTROIDS

TOP_M = 0.75
COLOURS = {
    "red": (255, 0, 0),
    "orange": (255, 128, 0),
    "green": (0, 153, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "dark": (40, 40, 45),
    "ivory": (235, 225, 200),
    "wood": (115, 85, 56),
}
LIMITS = PlanLimits(5, 5, 5)
READY = Pose3(0.0, 0.0, 1.24, 1.0, 0.0, 0.0, 0.0)
GOALS = {
    "push": "push the {} button",
    "slide": "slide the block to the {} target",
    "peg": "put the ring on the {} spoke",
    "cups": "stack the other cups on top of the {} cup",
}


@dataclass(frozen=True)
class Box:
    """An axis-aligned box: middle, half sizes in metres, and a name of :data:`COLOURS`."""

    middle: tuple[float, float, float]
    half: tuple[float, float, float]
    colour: str


def button(x: float, y: float, colour: str, lit: bool = False) -> list[Box]:
    return [
        Box((x, y, TOP_M + 0.011), (0.045, 0.045, 0.011), colour),
        Box((x, y, TOP_M + 0.024), (0.03, 0.03, 0.002), "white" if lit else "dark"),
        Box((x, y, TOP_M + 0.037), (0.021, 0.021, 0.011), "white" if lit else colour),
    ]


def tile(x: float, y: float, colour: str) -> list[Box]:
    return [Box((x, y, TOP_M + 0.001), (0.05, 0.05, 0.001), colour)]


def block(x: float, y: float) -> list[Box]:
    return [Box((x, y, TOP_M + 0.025), (0.04, 0.04, 0.025), "red")]


def spokes(*colours: str, x: float = 0.3) -> list[Box]:
    ys = (-0.14, 0.0, 0.14)
    plate = Box((x, 0.0, TOP_M + 0.012), (0.05, 0.2, 0.012), "wood")
    return [plate] + [
        Box((x, y, TOP_M + 0.064), (0.01, 0.01, 0.04), colour) for y, colour in zip(ys, colours)
    ]


def ring(x: float, y: float, z: float = TOP_M + 0.012) -> list[Box]:
    sides = [((0, s * 0.034), (0.046, 0.012)) for s in (-1, 1)]
    sides += [((s * 0.034, 0), (0.012, 0.022)) for s in (-1, 1)]
    return [Box((x + dx, y + dy, z), (hx, hy, 0.012), "ivory") for (dx, dy), (hx, hy) in sides] + [
        Box((x - 0.056, y, z + 0.018), (0.01, 0.012, 0.03), "wood")
    ]


def cup(x: float, y: float, colour: str, level: int = 0) -> list[Box]:
    """A cup; one in ``level`` others shows above them what does not fit into them."""
    if not level:
        return [Box((x, y, TOP_M + 0.038), (0.036, 0.036, 0.038), colour)]
    return [Box((x, y, TOP_M + 0.076 + 0.026 * (level - 0.5)), (0.036, 0.036, 0.013), colour)]


def hand(x: float, y: float, z: float) -> list[Box]:
    return [Box((x, y, z + 0.1), (0.03, 0.1, 0.03), "white")]


def table_view(boxes: Sequence[Box], size: int = 160, depth: bool = True) -> View:
    """Return what the front camera sees: in front of the arm and above, looking at the table."""
    eye, target = np.array([1.3, 0.0, 1.55]), np.array([0.17, 0.0, 0.84])
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    k = pinhole.intrinsics(size, size, math.radians(36))
    rays = pinhole.rays(k, size, size) @ pose[:3, :3].T
    rgb, best = _ground(rays, eye)
    for box in boxes:
        low, high = np.subtract(box.middle, box.half), np.add(box.middle, box.half)
        with np.errstate(divide="ignore"):
            a, b = (low - eye) / rays, (high - eye) / rays
        near, far = np.minimum(a, b), np.maximum(a, b).min(-1)
        enter = near.max(-1)
        hit = (enter > 0) & (enter < far) & (enter < best)
        best = np.where(hit, enter, best)
        shade = np.array([0.75, 0.6, 1.0])[near.argmax(-1)]  # the top is the lightest face
        rgb = np.where(hit[..., None], shade[..., None] * np.array(COLOURS[box.colour]), rgb)
    picture = np.clip(rgb, 0, 255).astype(np.uint8)
    metres = best.astype(np.float32) if depth else None
    return View("front", picture, depth=metres, intrinsics=k, T_base_camera=pose)


def _ground(rays: np.ndarray, eye: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a wooden table top amid grey, and metres along the axis to it."""
    to_top = (TOP_M - eye[2]) / np.where(rays[..., 2] < 0, rays[..., 2], -1e-9)
    place = eye[:2] + to_top[..., None] * rays[..., :2]
    wooden = (np.abs(place - [0.15, 0.0]) < [0.55, 0.75]).all(-1)
    rgb = np.where(wooden[..., None], [150.0, 124.0, 98.0], [125.0, 128.0, 130.0])
    return rgb, np.where(wooden, to_top, 5.0)


def things(*places: tuple[float, float, float]) -> tuple[SceneObject, ...]:
    """Return anonymous objects, in order of y as the protocol has them."""
    ordered = sorted(places, key=lambda place: place[1])
    return tuple(SceneObject(f"object {k}", *place) for k, place in enumerate(ordered, 1))


def arm_context(
    family: str,
    colour: str,
    objects: tuple[SceneObject, ...] = (),
    view: View | None = None,
    *,
    tool: Pose3 = READY,
    gripper: float = 1.0,
    seed: int = 0,
    index: int = 0,
) -> DecisionContext:
    """Return a decision at a table; without ``objects`` the privilege is not granted."""
    now = Observation(
        "val_000",
        5 * index,
        (view if view is not None else table_view([], 32),),
        tool_pose=tool,
        gripper=gripper,
        objects=objects,
    )
    granted = (OBJECT_CENTROIDS,) if objects else ()
    text = GOALS[family].format(colour)
    episode = Episode(family, "val_000", 7, "table", "val", 3, text, privileges=granted)
    rng = np.random.default_rng([seed, index])
    return DecisionContext(episode, (now,), index, LIMITS, ARM, rng)


def with_goal(context: DecisionContext, text: str) -> DecisionContext:
    return replace(context, episode=replace(context.episode, goal_text=text))


def picture(*parts: list[Box], size: int = 160) -> Rgb:
    return table_view([box for part in parts for box in part], size).rgb
