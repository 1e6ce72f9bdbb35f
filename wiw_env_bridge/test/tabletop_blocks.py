"""A small scene for the tests of the table: two blocks, a pillar, a pit of no return."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco

from wiw_core.errors import ErrorCode, unknown_name

TOP_M = 0.75


@dataclass(frozen=True)
class BlocksScene:
    """Lift the small block above 0.85 m; fails when the other one has fallen off the table.

    ``userdata[0]`` remembers the highest it has been.
    """

    text: str = "lift the small block"
    graspable: tuple[str, ...] = ("small", "long")
    objects: tuple[str, ...] = ("small", "long")
    small_xy: tuple[float, float] = (0.2, 0.1)

    def mjcf(self) -> str:
        x, y = self.small_xy
        return (
            f'<body name="small" pos="{x} {y} {TOP_M + 0.02}"><freejoint/>'
            '<geom name="small" type="box" size=".02 .015 .02" mass=".05"'
            ' rgba=".8 .1 .1 1"/></body>'
            f'<body name="long" pos="0.2 -0.2 {TOP_M + 0.025}"><freejoint/>'
            '<geom type="box" size=".03 .06 .025" mass=".2" friction=".4"'
            ' rgba=".1 .2 .8 1"/></body>'
            f'<geom name="pillar" type="box" pos="0.35 0 {TOP_M + 0.05}" size=".02 .02 .05"'
            ' rgba=".2 .7 .2 1"/>'
        )

    def watch(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        data.userdata[0] = max(data.userdata[0], self._height(model, data))

    def paint(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        lit = self.succeeded(model, data)
        model.geom("small").rgba[:] = (1.0, 1.0, 0.0, 1.0) if lit else (0.8, 0.1, 0.1, 1.0)

    def centroid(self, model: mujoco.MjModel, data: mujoco.MjData, name: str) -> tuple[float, ...]:
        return tuple(float(v) for v in data.body(name).xpos)

    def succeeded(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        return self._height(model, data) > 0.85

    def failed(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        return bool(data.body("long").xpos[2] < 0.5)

    def progress(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        return min(1.0, max(0.0, (self._height(model, data) - TOP_M - 0.02) / 0.08))

    def _height(self, model: mujoco.MjModel, data: mujoco.MjData) -> float:
        return float(data.body("small").xpos[2])


@dataclass(frozen=True)
class BlocksRecord:
    """An episode of :class:`BlocksScene` under the name of a real task."""

    task: str
    id: str
    split: str
    scene: int = 0
    variation: int = 0
    seed: int = 5
    difficulty: str = "easy"

    def layout(self) -> BlocksScene:
        return BlocksScene(small_xy=(0.2, 0.1 - 0.02 * self.scene))


def blocks_episodes(task: str) -> tuple[BlocksRecord, ...]:
    """Return three evaluation episodes and a training one, instead of the shipped ones."""
    if task not in ("push_buttons", "stack_cups"):
        raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, ["push_buttons", "stack_cups"])
    val = [BlocksRecord(task, f"val_{k:03d}", "val", scene=k) for k in range(3)]
    return (*val, BlocksRecord(task, "train_000", "train", scene=9))
