"""The promises of a world model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wiw_core.conformance.promise import promise, refuses, succeeds
from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode
from wiw_core.observation import Projection, Rgb
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_core.wrappers import Validated


def check_world_model(
    model: WorldModel,
    make_request: Callable[[], RolloutRequest],
    levels: int = 0,
    *,
    remote: bool = False,
) -> None:
    """Check every promise of :class:`wiw_core.contracts.WorldModel`.

    The model is closed at the end.

    Parameters
    ----------
    make_request : callable
        Returns a fresh request of at least two plans of at least two frames, the same each time.
    levels : int
        Most uint8 levels by which a pixel of a plan alone may differ from the same plan among
        others: a model that computes plans in one batch rounds otherwise. Everything else is
        compared bit by bit.
    remote : bool
        The model works in another process, which asks by itself whether it is cancelled.

    What it cannot see is whether the pictures are right: ``wiw measure`` and ``wiw eval`` do.
    """
    promise(isinstance(model, WorldModel), f"{type(model).__name__} lacks a method of WorldModel.")
    info = model.info
    promise(info.name, "A world model must have a name.")
    promise(info.max_frames >= 1 and info.max_plans >= 1, "It must take a plan and give a frame.")
    promise(
        info.context >= 1, f"Its context is at least the newest observation, not {info.context}."
    )
    request = make_request()
    promise(
        len(request.plans) >= 2 and min(request.frames) >= 2,
        "This check needs a request of at least two plans and two frames each.",
    )

    whole = _run(model, request)
    _same(whole, _run(model, make_request()), "the same request twice")

    for index in whole:
        only = slice(index, index + 1)
        lone = replace(make_request(), plans=request.plans[only], frames=request.frames[only])
        alone = {index: _run(model, lone)[0]}
        _same({index: whole[index]}, alone, "a plan alone and among others", levels)

    past = replace(request, observations=request.observations[-1:] * info.context).observations
    _run(model, replace(make_request(), observations=past))

    ends = _run(model, replace(make_request(), last_frame_only=True))
    for index, rollout in whole.items():
        promise(
            np.array_equal(ends[index].frames[-1], rollout.frames[-1]),
            f"last_frame_only changes the last frame of plan {index}.",
        )

    refuses(
        ErrorCode.CANCELLED,
        "A cancelled request",
        lambda: list(model.rollout(replace(make_request(), cancelled=lambda: True))),
    )
    if not remote:
        refuses(
            ErrorCode.CANCELLED,
            "A request that is cancelled after its model has asked once",
            lambda: list(model.rollout(replace(make_request(), cancelled=_Later()))),
        )
    refuses(
        ErrorCode.DEADLINE_EXCEEDED,
        "A deadline in the past",
        lambda: list(model.rollout(replace(make_request(), deadline_s=time.monotonic() - 1.0))),
    )
    _check_needs(model, make_request())
    _same(whole, _run(model, make_request()), "a request before and after refusals")
    model.close()
    succeeds("A second close()", model.close)


class _Later:
    """Says yes from the second time on that it is asked."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        before, self._asked = self._asked, True
        return before


def _run(model: WorldModel, request: RolloutRequest) -> dict[int, Rollout]:
    found = succeeds("A sound request", lambda: list(Validated(model).rollout(request)))
    for rollout in found:
        promise(
            rollout.code is ErrorCode.OK,
            f"The rollout of plan {rollout.plan_index} has code {rollout.code}: {rollout.message}",
        )
    return {rollout.plan_index: rollout for rollout in found}


def _same(one: dict[int, Rollout], other: dict[int, Rollout], what: str, levels: int = 0) -> None:
    for index, rollout in one.items():
        for name in ("frames", "confidence", "value"):
            a, b = getattr(rollout, name), getattr(other[index], name)
            near = levels and name == "frames" and _difference(a, b) <= levels
            how = f"within {levels} levels" if levels and name == "frames" else "bit by bit"
            promise(
                (a is None) == (b is None) and (a is None or near or np.array_equal(a, b)),
                f"The {name} of plan {index} differ between {what}; they must be equal {how}.",
            )


def _difference(a: Rgb, b: Rgb) -> float:
    """Return the greatest difference of two arrays' pixels; infinite if the shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a.astype(np.int16) - b).max(initial=0))


def _check_needs(model: WorldModel, request: RolloutRequest) -> None:
    """Check that a model without what it needs says so, and does not guess."""
    if model.info.needs_panorama:
        flat = tuple(
            replace(
                o, views=tuple(v for v in o.views if v.projection is not Projection.EQUIRECTANGULAR)
            )
            for o in request.observations
        )
        refuses(
            ErrorCode.PANORAMA_REQUIRED,
            "A request without a panorama",
            lambda: list(model.rollout(replace(request, observations=flat))),
        )
    if model.info.needs_depth:
        blind = tuple(
            replace(o, views=tuple(replace(v, depth=None) for v in o.views))
            for o in request.observations
        )
        refuses(
            ErrorCode.DEPTH_REQUIRED,
            "A request without depth",
            lambda: list(model.rollout(replace(request, observations=blind))),
        )
