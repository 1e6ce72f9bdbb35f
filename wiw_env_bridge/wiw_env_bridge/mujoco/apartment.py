"""An apartment from one seed: floor plan, furniture, targets, free floor, and the model's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.mujoco.floorplan import Box2, FloorPlan, make_floor_plan
from wiw_env_bridge.mujoco.furnishing import Placement, furnish, island_of
from wiw_env_bridge.mujoco.furniture import KINDS, make_palette
from wiw_env_bridge.mujoco.mjcf import Piece, SceneBuilder
from wiw_env_bridge.mujoco.navigation import FloorGrid
from wiw_env_bridge.mujoco.shell import build_shell
from wiw_env_bridge.mujoco.targets import Target, draw_target, place_targets

VERSION = "1"
"""Changes whenever the same seed no longer gives the same apartment."""
VAL_SEEDS = range(0, 1000)
TRAIN_SEEDS = range(1000, 1_000_000)


def scene_split(seed: int) -> str:
    """Return "val" or "train"; raises ``BAD_PARAMETER`` for a seed of neither."""
    if seed in VAL_SEEDS:
        return "val"
    if seed in TRAIN_SEEDS:
        return "train"
    raise WiwError(
        ErrorCode.BAD_PARAMETER,
        f"There is no apartment of seed {seed}.",
        f"Use {VAL_SEEDS.start} to {VAL_SEEDS.stop - 1} (val)"
        f" or {TRAIN_SEEDS.start} to {TRAIN_SEEDS.stop - 1} (train).",
    )


@dataclass(frozen=True)
class Layout:
    """Where everything is in one apartment; privileged, so it stays in the bridge."""

    seed: int
    plan: FloorPlan
    furniture: tuple[Placement, ...]
    targets: tuple[Target, ...]
    grid: FloorGrid

    @property
    def name(self) -> str:
        """Scene name, such as ``apartment-000007``."""
        return f"apartment-{self.seed:06d}"

    @property
    def standing(self) -> list[Box2]:
        """Footprints of what stands on the floor, walls apart."""
        return _standing(self.furniture, self.targets)

    def target(self, name: str) -> Target | None:
        """Return the target of that name, or None."""
        return next((t for t in self.targets if t.name == name), None)


def lay_out(seed: int) -> Layout:
    """Return the layout of this seed, always the same; raises ``BAD_PARAMETER``."""
    scene_split(seed)
    # One stream per part, so that a change in one leaves the others as they were.
    plan = make_floor_plan(np.random.default_rng([seed, 0]))
    furniture = tuple(furnish(np.random.default_rng([seed, 1]), plan))
    targets = tuple(place_targets(np.random.default_rng([seed, 2]), plan, furniture))
    grid = FloorGrid(island_of(plan, _standing(furniture, targets)))
    return Layout(seed, plan, furniture, targets, grid)


def draw_apartment(layout: Layout) -> SceneBuilder:
    """Return the scene of a layout, ready for MuJoCo."""
    builder, rng = SceneBuilder(), np.random.default_rng([layout.seed, 3])
    palette = make_palette(builder, rng)
    for piece in layout.furniture:
        kind = KINDS[piece.kind]
        frame = Piece(builder, piece.x_m, piece.y_m, piece.yaw_rad)
        looks = np.random.default_rng([layout.seed, 4, piece.index])
        builder.begin_body(piece.name)
        kind.draw(frame, looks, palette, kind.width_m, kind.depth_m)
        builder.end_body()
    for target in layout.targets:
        draw_target(builder, target)
    build_shell(builder, rng, layout.plan, layout.standing)
    return builder


def _standing(furniture: Sequence[Placement], targets: Sequence[Target]) -> list[Box2]:
    return [p.box for p in furniture] + [t.box for t in targets if t.on_floor]
