"""A whole apartment from one seed: floor plan, furniture, targets, free floor and the MuJoCo model's text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.mujoco.floorplan import FloorPlan, make_floor_plan
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
class Apartment:
    """All that is known of one apartment; privileged, so it stays in the bridge."""

    seed: int
    plan: FloorPlan
    furniture: tuple[Placement, ...]
    targets: tuple[Target, ...]
    grid: FloorGrid
    mjcf: str
    assets: dict[str, bytes]

    @property
    def name(self) -> str:
        """Scene name, such as ``apartment-000007``."""
        return f"apartment-{self.seed:06d}"

    def target(self, name: str) -> Target | None:
        """Return the target of that name, or None."""
        return next((t for t in self.targets if t.name == name), None)


def build_apartment(seed: int) -> Apartment:
    """Return the apartment of this seed, always the same; raises ``BAD_PARAMETER``."""
    scene_split(seed)
    # One stream per part, so that a change in one leaves the others as they were.
    plan_rng, furniture_rng, target_rng, look_rng = (
        np.random.default_rng([seed, part]) for part in range(4)
    )
    plan = make_floor_plan(plan_rng)
    furniture = furnish(furniture_rng, plan)
    targets = place_targets(target_rng, plan, furniture)
    standing = [p.box for p in furniture] + [t.box for t in targets if t.on_floor]

    builder = SceneBuilder()
    palette = make_palette(builder, look_rng)
    for piece in furniture:
        kind = KINDS[piece.kind]
        frame = Piece(builder, piece.x_m, piece.y_m, piece.yaw_rad)
        looks = np.random.default_rng([seed, 4, piece.index])
        kind.draw(frame, looks, palette, kind.width_m, kind.depth_m)
    for target in targets:
        draw_target(builder, target)
    build_shell(builder, look_rng, plan, standing)
    grid = FloorGrid(island_of(plan, standing))
    return Apartment(
        seed, plan, tuple(furniture), tuple(targets), grid, builder.mjcf(), builder.assets
    )
