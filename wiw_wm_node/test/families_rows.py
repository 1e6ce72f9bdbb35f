"""The nine text-driven video models, tiny and untrained, and a look into their denoisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_wm_node.video.cosmos import Cosmos2Model, Cosmos25Model
from wiw_wm_node.video.hunyuan import Hunyuan15Model, HunyuanModel
from wiw_wm_node.video.ltx import Ltx2Model, LtxModel
from wiw_wm_node.video.tiny import SMALL
from wiw_wm_node.video.wan import Wan21Model, Wan22A14bModel, Wan22Ti2vModel

MODELS: dict[str, Any] = {
    model.family.name: model
    for model in (
        LtxModel,
        Ltx2Model,
        HunyuanModel,
        Hunyuan15Model,
        Wan21Model,
        Wan22Ti2vModel,
        Wan22A14bModel,
        Cosmos2Model,
        Cosmos25Model,
    )
}
SINGLE = ("hunyuan15", "cosmos25")
"""Pipelines that take one candidate per call."""
SIDE = {"hunyuan15": 32}
"""Pixels a side, where 64 would be slow."""
F, L, R = "forward", "turn_left", "turn_right"
PLANS = ([F, F], [F, L, F], [R, F, R, F])


def made(name: str, **parameters: Any) -> Any:
    """Return a tiny model of the row, nothing loaded yet."""
    side = SIDE.get(name, 64)
    return MODELS[name](**{**SMALL, "height": side, "width": side, **parameters})


def loaded(name: str, **parameters: Any) -> Any:
    """Return a tiny model of the row, ready."""
    model = made(name, **parameters)
    model.load()
    return model


def rolled(model: Any, request: RolloutRequest) -> dict[int, Rollout]:
    """Return the rollouts by plan."""
    return {rollout.plan_index: rollout for rollout in model.rollout(request)}


def levels(one: Any, other: Any) -> int:
    """Return the greatest difference between two pictures in 8-bit levels."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def denoisers(model: Any) -> list[Any]:
    """Return its denoising networks."""
    pipe = model.engine.pipe
    return [getattr(pipe, name) for name in model.family.denoisers]


@contextmanager
def on_denoising(model: Any, look: Callable[[Any], None]) -> Iterator[None]:
    """Call ``look`` with the latents, batch first, before every evaluation of a denoiser."""

    def hook(_: Any, args: Any, kwargs: Any) -> None:
        look(kwargs["hidden_states"] if "hidden_states" in kwargs else args[0])

    handles = [d.register_forward_pre_hook(hook, with_kwargs=True) for d in denoisers(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Evaluations:
    """Counts evaluations of the denoiser, and their rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, latents: Any) -> None:
        self.rows.append(int(latents.shape[0]))

    @property
    def count(self) -> int:
        """How many so far."""
        return len(self.rows)
