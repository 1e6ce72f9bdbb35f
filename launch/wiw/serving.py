"""Which world model can serve which task: said by what the model declares, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from wiw.arms import get_arm
from wiw.description import BUILT_IN_MODELS
from wiw.tasks import definition
from wiw_core.contracts import Task
from wiw_core.observation import Projection
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.rollouts import ModelInfo

ARM_CONTROL, ARM_ACTION = "tool_poses", "tool_pose"
"""The control and the action of an arm: a model with no other control serves arms alone."""


def serves(task: str, arms: Sequence[str]) -> dict[str, str]:
    """Return for each arm why its world model cannot serve the task; an empty text if it can.

    Raises
    ------
    WiwError
        What a model raises that cannot be made here.
    """
    found = {}
    for arm in arms:
        model = get_arm(arm).model
        fits = model in BUILT_IN_MODELS
        found[arm] = "" if fits else mismatch(definition(task), model_info(model))
    return found


def mismatch(task: Task, info: ModelInfo) -> str:
    """Return why the model cannot serve the task; empty if it can."""
    panoramic = info.needs_panorama or info.projection is Projection.EQUIRECTANGULAR
    if panoramic and "panorama" not in task.views:
        return f"'{info.name}' imagines panoramas, and this task has none"
    if set(info.controls) == {ARM_CONTROL} and ARM_ACTION not in task.actions:
        return f"'{info.name}' imagines a moving arm, and this task has none"
    return ""


@cache
def model_info(model: str) -> ModelInfo:
    """Return what a registered world model declares."""
    made = Registry(WORLD_MODELS).create(model)
    try:
        info: ModelInfo = made.info
        return info
    finally:
        made.close()
