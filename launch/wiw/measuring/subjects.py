"""What is measured, on what: world models at the size of a dataset's pictures."""

from __future__ import annotations

import inspect

from wiw.arms import Arm
from wiw.datasets import DATA
from wiw.serving import ARM_CONTROL, loaded_model, model_info
from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.wrappers import Validated
from wiw_learn.dataset import MANIFEST, Dataset

FIRST_SCENE = 900_000
"""Train scenes from here on are measured with, and never trained on by a config that ships."""
OWN = {
    "navigation": {"scenes": 12, "length": 24},
    "arm": {"scenes": 40},
}
"""What is collected to measure on, by kind, where no dataset is named."""
CONTROLS = {"navigation": ("copy", "rotate"), "arm": ("copy",)}
"""World models that any other must beat."""


def make_subject(arm: Arm, data: Dataset) -> WorldModel:
    """Return an arm's world model, its contract checked, for frames of the dataset's size.

    Both sides then have the same pixels: enlarged and reduced again, frames would be blurred, and a
    model would be charged for it. Parameters of the arm win.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an arm that has no world model of its own; what the model raises.
    """
    if arm.model == "none":
        raise _refused(arm, "it imagines nothing")
    if arm.model == "oracle":
        raise _refused(arm, "it moves the simulator of an open episode, and a dataset has none")
    takes = inspect.signature(Registry(WORLD_MODELS).get(arm.model).load()).parameters
    height, width = picture_size(data)
    fitted = {"height": height, "width": width} if {"height", "width"} <= takes.keys() else {}
    parameters = {**{k: str(v) for k, v in fitted.items()}, **arm.model_parameters}
    return Validated(loaded_model(arm.model, parameters))


def picture_size(data: Dataset) -> tuple[int, int]:
    """Return height and width of the pictures that a model of this dataset imagines."""
    name = "panorama" if data.manifest.kind == "navigation" else "front"
    _, height, width, _ = data.trajectory(0, (name,))[name].shape
    return int(height), int(width)


def kind_of(arm: Arm) -> str:
    """Return the kind of dataset that a model is measured on unless another is named."""
    if arm.model in ("none", "oracle"):
        return "navigation"
    info = model_info(arm.model, tuple(arm.model_parameters.items()))
    return "arm" if set(info.controls) == {ARM_CONTROL} else "navigation"


def own_data(kind: str) -> Dataset:
    """Return the dataset that is kept to measure on, collecting it the first time.

    Raises
    ------
    WiwError
        What collecting raises.
    """
    folder = DATA / f"measure_{kind}"
    if (folder / MANIFEST).is_file():
        return Dataset.open(folder)
    from wiw.commands.collect import collect_shown

    settings: dict[str, object] = {"kind": kind, "first_scene": FIRST_SCENE, **OWN[kind]}
    return collect_shown(settings, folder, 0)


def _refused(arm: Arm, reason: str) -> WiwError:
    return WiwError(
        ErrorCode.BAD_PARAMETER,
        f"'{arm.name}' cannot be measured on a dataset: {reason}.",
        "Name a world model of `wiw list models`.",
    )
