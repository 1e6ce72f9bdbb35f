"""World models around a world model: same interface, one more promise each.

``Validated(Deadline(Cached(model)))`` is what a server runs.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_core.validation import check_request, check_rollout


class Wrapper:
    """A world model that hands everything on to another one."""

    def __init__(self, inner: WorldModel) -> None:
        self.inner = inner

    @property
    def info(self) -> ModelInfo:
        """What the inner model accepts and returns."""
        return self.inner.info

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield the inner model's rollouts."""
        return self.inner.rollout(request)

    def close(self) -> None:
        """Close the inner model."""
        self.inner.close()


class Validated(Wrapper):
    """Checks each request before the model sees it, and each rollout before the caller does."""

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield rollouts that keep the contract.

        Raises
        ------
        WiwError
            For a bad request ``CONTRACT_VIOLATION`` (no plan, no observation), ``BAD_FRAME_COUNT``,
            ``TOO_LARGE``, ``DEPTH_REQUIRED`` or ``PANORAMA_REQUIRED``; for a bad rollout
            ``INVALID_FRAMES`` (shape, dtype, count, indices, numbers that are not finite) or
            ``CONTRACT_VIOLATION`` (a plan unknown, answered twice or not at all).
        """
        check_request(request, self.info)
        missing = set(range(len(request.plans)))
        for rollout in self.inner.rollout(request):
            if rollout.plan_index not in missing:
                raise WiwError(
                    ErrorCode.CONTRACT_VIOLATION,
                    f"World model '{self.info.name}' answered plan {rollout.plan_index}"
                    f" of {len(request.plans)} unasked or twice.",
                )
            missing.discard(rollout.plan_index)
            if rollout.code is ErrorCode.OK:
                check_rollout(rollout, request, self.info)
            yield rollout
        if missing:
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION,
                f"World model '{self.info.name}' gave no rollout for plan {min(missing)}.",
            )


class Deadline(Wrapper):
    """Refuses what comes after the deadline or after cancellation, however slow the model is.

    It cannot interrupt a model that is busy: that takes a process of its own.
    """

    def __init__(self, inner: WorldModel, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._clock = clock

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield rollouts in time; raises ``DEADLINE_EXCEEDED`` or ``CANCELLED``."""
        self._check(request)
        for rollout in self.inner.rollout(request):
            self._check(request)
            yield rollout

    def _check(self, request: RolloutRequest) -> None:
        if request.cancelled():
            raise WiwError(ErrorCode.CANCELLED, "The rollout was cancelled.")
        if self._clock() > request.deadline_s:
            raise WiwError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"World model '{self.info.name}' did not finish before the deadline.",
            )


class Cached(Wrapper):
    """Serves a rollout that was made before of the same plan from the same observations and seed.

    Parameters
    ----------
    inner : WorldModel
    size : int
        Most rollouts kept; the one used longest ago goes first.

    Attributes
    ----------
    hits : int
        Rollouts served without the inner model.
    """

    def __init__(self, inner: WorldModel, size: int = 64) -> None:
        super().__init__(inner)
        self._size = size
        self._kept: OrderedDict[bytes, Rollout] = OrderedDict()
        self.hits = 0

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield what is kept first, then what the inner model makes of the rest."""
        seen = _fingerprint(request)
        keys = [
            _digest(seen, plan.actions, plan.text, frames)
            for plan, frames in zip(request.plans, request.frames)
        ]
        rest = []
        for index, key in enumerate(keys):
            if key not in self._kept:
                rest.append(index)
                continue
            self.hits += 1
            self._kept.move_to_end(key)
            yield replace(
                self._kept[key], plan_index=index, generation=request.generation, seconds=0.0
            )
        if not rest:
            return
        asked = replace(
            request,
            plans=tuple(request.plans[i] for i in rest),
            frames=tuple(request.frames[i] for i in rest),
        )
        for made in self.inner.rollout(asked):
            made.frames.flags.writeable = False  # it is shared from now on
            rollout = replace(made, plan_index=rest[made.plan_index])
            if made.code is ErrorCode.OK:
                self._kept[keys[rollout.plan_index]] = rollout
                if len(self._kept) > self._size:
                    self._kept.popitem(last=False)
            yield rollout

    def close(self) -> None:
        """Forget everything and close the inner model."""
        self._kept.clear()
        super().close()


def _fingerprint(request: RolloutRequest) -> bytes:
    """Return a digest of all that a rollout depends on, beside its own plan and frame count."""
    episode = request.episode
    goal = [] if episode is None or episode.goal_view is None else [episode.goal_view]
    views = [v for o in request.observations for v in o.views] + goal
    parts: list[object] = [request.last_frame_only, request.seed]
    parts += [(o.episode_id, o.step, o.base_pose) for o in request.observations]
    if episode is not None:
        parts += [episode.task, episode.id, episode.goal_text]
    for view in views:
        parts += [view.name, view.projection, view.target_box]
        parts += [view.rgb, view.depth, view.intrinsics, view.T_base_camera]
    return _digest(*parts)


def _digest(*parts: object) -> bytes:
    """Return a digest of values, arrays by shape, dtype and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}{part.dtype}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
        digest.update(b"|")
    return digest.digest()
