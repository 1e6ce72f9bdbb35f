"""Which world model can serve which task: said by what the model declares, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from wiw.arms import parse
from wiw.description import BUILT_IN_MODELS
from wiw.tasks import definition
from wiw_core.contracts import Task, WorldModel
from wiw_core.observation import Projection
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.rollouts import ModelInfo

ARM_CONTROL, ARM_ACTION = "tool_poses", "tool_pose"
"""The control and the action of an arm: a model with no other control serves arms alone."""
BODY_CONTROL, BODY_ACTION = "body_delta", "forward"
"""The control and an action of a moving body: such a model serves no arm."""


def serves(task: str, arms: Sequence[str]) -> dict[str, str]:
    """Return by arm why its world model cannot serve the task; an empty text if it can.

    Parameters
    ----------
    arms : sequence of str
        See :data:`wiw.arms.HELP`.

    Raises
    ------
    WiwError
        What a model raises that cannot be made here.
    """
    found = {}
    for arm in map(parse, arms):
        fits = arm.model in BUILT_IN_MODELS
        info = None if fits else model_info(arm.model, tuple(arm.model_parameters.items()))
        found[arm.name] = mismatch(definition(task), info) if info else ""
    return found


def mismatch(task: Task, info: ModelInfo) -> str:
    """Return why the model cannot serve the task; empty if it can."""
    panoramic = info.needs_panorama or info.projection is Projection.EQUIRECTANGULAR
    if panoramic and "panorama" not in task.views:
        return f"'{info.name}' imagines panoramas, and this task has none"
    if set(info.controls) == {ARM_CONTROL} and ARM_ACTION not in task.actions:
        return f"'{info.name}' imagines a moving arm, and this task has none"
    if set(info.controls) == {BODY_CONTROL} and BODY_ACTION not in task.actions:
        return f"'{info.name}' imagines a moving body, and in this task the robot stands still"
    return ""


def make_model(model: str, parameters: Mapping[str, str]) -> WorldModel:
    """Return a registered world model, its parameters read as its node reads them.

    Raises
    ------
    WiwError
        What the model raises that cannot be made here, and ``BAD_PARAMETER``.
    """
    from wiw_ros.parameters import key_values

    registry = Registry(WORLD_MODELS)
    texts = [f"{key}={value}" for key, value in parameters.items()]
    read = key_values(texts, "--arm", registry.get(model).load()) if texts else {}
    made: WorldModel = registry.create(model, **read)
    return made


def loaded_model(model: str, parameters: Mapping[str, str]) -> WorldModel:
    """Return a registered world model whose weights are loaded: its first request has a deadline.

    Raises as :func:`make_model`, and what loading raises.
    """
    made = make_model(model, parameters)
    if hasattr(made, "load"):
        made.load()
    return made


@cache
def model_info(model: str, parameters: tuple[tuple[str, str], ...] = ()) -> ModelInfo:
    """Return what a registered world model declares."""
    made = make_model(model, dict(parameters))
    try:
        info: ModelInfo = made.info
        return info
    finally:
        made.close()
