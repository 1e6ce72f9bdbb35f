"""A home of boxes for tests: two rooms, a wall between them with a door in it, and a few things."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama
from wiw_core.contracts import DecisionContext, PlanLimits
from wiw_core.decisions import Decision
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Episode, Observation, Projection, SceneObject, View
from wiw_core.plans import NAVIGATION, NAVIGATION_DELTA, Plan

HW = (144, 256)
ORIGIN = Pose2()
LIMITS = PlanLimits(3, 14, 14)
CEILING_M = 2.6
CAMERA = T_BASE_OPTICAL.copy()
CAMERA[2, 3] = 1.0
GREY, RED, BLUE, WOOD = (150, 150, 150), (215, 25, 25), (30, 55, 215), (120, 80, 50)


@dataclass(frozen=True)
class Block:
    """A box along the axes of the map, metres; ``noun`` names it where it is a thing."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: tuple[int, int, int] = GREY
    noun: str = ""

    @property
    def middle(self) -> tuple[float, float, float]:
        x, y, z = ((a + b) / 2 for a, b in zip(self.low, self.high))
        return x, y, z


def wall(x0: float, y0: float, x1: float, y1: float, z0: float = 0.0) -> Block:
    """A wall up to the ceiling; ``z0`` above 0 is the wall above a door."""
    return Block((x0, y0, z0), (x1, y1, CEILING_M))


WALLS = (
    wall(-2.1, -1.6, 6.1, -1.5),
    wall(-2.1, 1.5, 6.1, 1.6),
    wall(-2.1, -1.6, -2.0, 1.6),
    wall(6.0, -1.6, 6.1, 1.6),
    wall(2.0, -1.6, 2.1, -0.5),
    wall(2.0, 0.5, 2.1, 1.6),
    wall(2.0, -0.5, 2.1, 0.5, z0=2.08),
)
"""Two rooms, x from -2 to 2 and from 2.1 to 6, with a door of 1 m in the middle between them."""
FRIDGE = Block((5.3, -1.5, 0.0), (6.0, -0.8, 1.8), (210, 214, 220), "fridge")
SOFA = Block((-2.0, -1.5, 0.0), (-1.1, 0.4, 0.7), (90, 110, 90), "sofa")


def cube(x: float, y: float, colour: tuple[int, int, int] = RED) -> Block:
    """A cube of 22 cm on the floor."""
    return Block((x - 0.11, y - 0.11, 0.0), (x + 0.11, y + 0.11, 0.22), colour, "cube")


def look_round(
    pose: Pose2, things: Sequence[Block] = (), start: Pose2 = ORIGIN, step: int = 0
) -> Observation:
    """What the robot sees and what is detected, at a pose in the map."""
    blocks = [*WALLS, *things]
    turned = panorama.rays(*HW) @ pose.matrix()[:3, :3].T
    origin = np.array([pose.x_m, pose.y_m, 1.0])
    depth, which = _cast(origin, turned, blocks)
    up = turned[..., 2]
    flat = np.where(up > 0, CEILING_M - 1.0, -1.0) / np.where(np.abs(up) < 1e-9, 1e-9, up)
    which = np.where(flat < depth, -1, which)
    depth = np.minimum(depth, flat)
    colours = np.array([*(b.colour for b in blocks), (200, 190, 170)], np.uint8)
    view = View(
        "panorama",
        colours[which],
        Projection.EQUIRECTANGULAR,
        depth.astype(np.float32),
        T_base_camera=CAMERA,
    )
    seen = [thing for k, thing in enumerate(blocks) if thing.noun and int((which == k).sum()) >= 8]
    objects = tuple(_detected(pose, thing) for thing in seen)
    return Observation("e", step, (view,), start.inverse() * pose, objects=objects)


def context_of(
    now: Observation,
    question: str,
    index: int = 0,
    previous: Decision | None = None,
    limits: PlanLimits = LIMITS,
    budget: int = 20,
) -> DecisionContext:
    """The context of a decision about a question."""
    episode = Episode("aeqa", now.episode_id, 1, "home", "val", budget, goal_text=question)
    rng = np.random.default_rng([0, 1, index])
    return DecisionContext(episode, (now,), index, limits, NAVIGATION, rng, previous)


def moved(pose: Pose2, plan: Plan) -> Pose2:
    """Where a plan leads; the robot goes through things, and a test says when it should not."""
    for name in plan.names:
        pose = pose * NAVIGATION_DELTA[name]
    return pose


def at_step(now: Observation, step: int) -> Observation:
    """The same observation later in the episode."""
    return replace(now, step=step)


def _detected(pose: Pose2, thing: Block) -> SceneObject:
    x, y, z = thing.middle
    there = pose.inverse() * Pose2(x, y)
    return SceneObject(thing.noun, there.x_m, there.y_m, z)


def _cast(
    origin: npt.NDArray[np.float64], rays: npt.NDArray[np.float64], blocks: Sequence[Block]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The distance along each ray to the first block, and which one."""
    depth = np.full(rays.shape[:2], math.inf)
    which = np.full(rays.shape[:2], -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / rays
        for k, block in enumerate(blocks):
            a = (np.array(block.low) - origin) * inverse
            b = (np.array(block.high) - origin) * inverse
            near = np.minimum(a, b).max(axis=-1)
            far = np.maximum(a, b).min(axis=-1)
            hit = (near <= far) & (near > 0.0) & (near < depth)
            depth = np.where(hit, near, depth)
            which = np.where(hit, k, which)
    return depth, which
