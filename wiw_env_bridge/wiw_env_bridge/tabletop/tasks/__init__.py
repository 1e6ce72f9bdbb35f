"""The four manipulation tasks: look-alikes of RLBench's, with its numbers of variations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_env_bridge.tabletop.scene import TableScene
from wiw_env_bridge.tabletop.tasks import push_buttons, slide_block, square_peg, stack_cups

VERSION = "1"
"""Changes whenever the same seed no longer gives the same layout."""


class TaskScene(TableScene, Protocol):
    """A scene with what its generator needs besides."""

    @property
    def effort(self) -> float:
        """How hard the layout is; each task says by what measure. Greater is harder."""
        ...

    @property
    def reach(self) -> tuple[tuple[float, float, float], ...]:
        """Points (x, y, z) in metres that the tool must get to, looking straight down."""
        ...


@dataclass(frozen=True)
class TaskLayouts:
    """How a task's layouts are drawn, and how many variations it has."""

    draw: Callable[[np.random.Generator, int], TaskScene]
    variations: int


TASKS: dict[str, TaskLayouts] = {
    "push_buttons": TaskLayouts(push_buttons.ButtonsScene.draw, push_buttons.VARIATIONS),
    "slide_block_to_color_target": TaskLayouts(slide_block.SlideScene.draw, slide_block.VARIATIONS),
    "insert_onto_square_peg": TaskLayouts(square_peg.PegScene.draw, square_peg.VARIATIONS),
    "stack_cups": TaskLayouts(stack_cups.CupsScene.draw, stack_cups.VARIATIONS),
}
"""The tasks of the table, by their registered names."""


def make_scene(task: str, seed: int, variation: int) -> TaskScene:
    """Return the layout of a seed: the same for the same three numbers, on any machine.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``; ``BAD_PARAMETER`` for a negative seed or a variation that is not one.
    """
    if task not in TASKS:
        raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, TASKS)
    layouts = TASKS[task]
    if seed < 0 or not 0 <= variation < layouts.variations:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"{task} has no layout of seed {seed} and variation {variation}.",
            f"Use a seed from 0 and a variation of 0 to {layouts.variations - 1}.",
        )
    return layouts.draw(np.random.default_rng([seed, variation]), variation)
