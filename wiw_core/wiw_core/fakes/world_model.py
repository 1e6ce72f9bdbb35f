"""A fake world model: repeats the current view, or fails in a way chosen from a menu."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.faults import FakeCrash, chosen_fault
from wiw_core.observation import Projection, Rgb
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest

FAULTS = (
    "none",
    "slow",  # each rollout takes fault_seconds more
    "hang",  # blocks until cancelled or past the deadline
    "late",  # ignores the deadline, and answers fault_seconds after it
    "crash",  # raises an error nobody foresaw
    "exit",  # ends the process at once, as kill -9 would
    "out_of_memory",  # raises OUT_OF_MEMORY
    "nan",  # confidence and value are NaN
    "wrong_shape",  # frames have a fourth channel
    "wrong_dtype",  # frames are float32
    "wrong_count",  # one frame too few
    "wrong_index",  # frame indices do not match the request
    "missing",  # the last plan gets no rollout
    "duplicate",  # the first plan gets two
    "stale",  # an older generation
)
_POLL_S = 0.005


class FakeWorldModel:
    """A fake: repeats the panorama it sees now (with ``no_op``: noise); no imagination at all.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`FAULTS`.
    fault_seconds : float
        How slow, or how late.
    seconds : float
        Seconds each rollout takes.
    height, width : int
        Pixels of the frames; the input is resized by nearest neighbour.
    no_op : bool
        Return the same prepared array every time: no work, for benchmarks of everything else.
    value : bool
        Also return a value per frame: the mean red of the frame, 0 to 1.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(source="a fake")

    def __init__(
        self,
        fault: str = "none",
        fault_seconds: float = 0.2,
        seconds: float = 0.0,
        height: int = 32,
        width: int = 64,
        no_op: bool = False,
        value: bool = True,
    ) -> None:
        self._fault = chosen_fault(fault, FAULTS)
        self._fault_seconds, self._seconds = fault_seconds, seconds
        rng = np.random.default_rng(0)
        self._noise: Rgb | None = (
            rng.integers(0, 256, (height, width, 3), dtype=np.uint8) if no_op else None
        )
        self._info = ModelInfo(
            name="fake",
            height=height,
            width=width,
            needs_panorama=not no_op,
            gives_value=value,
        )
        self._sleep = threading.Event()

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return self._info

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order."""
        frame = self._frame(request)
        for index in range(len(request.plans)):
            start = time.monotonic()
            self._wait(request)
            self._strike(index, len(request.plans), request)
            if self._fault == "missing" and index == len(request.plans) - 1:
                return
            rollout = self._rollout(request, index, frame, start)
            yield rollout
            if self._fault == "duplicate" and index == 0:
                yield rollout

    def close(self) -> None:
        """Nothing to free."""

    def _frame(self, request: RolloutRequest) -> Rgb:
        if self._noise is not None:
            return self._noise
        view = request.now.view("panorama")
        if view is None:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "The fake world model repeats the panorama; there is none.",
            )
        rows = np.arange(self._info.height) * view.size[0] // self._info.height
        columns = np.arange(self._info.width) * view.size[1] // self._info.width
        return np.ascontiguousarray(view.rgb[rows][:, columns])

    def _wait(self, request: RolloutRequest) -> None:
        """Work for the seconds asked for, minding cancellation and the deadline."""
        now = time.monotonic()
        until = now + self._seconds + (self._fault_seconds if self._fault == "slow" else 0.0)
        if self._fault == "hang":
            until = float("inf")
        if self._fault == "late":
            until = request.deadline_s + self._fault_seconds
        while True:
            if request.cancelled():
                raise WiwError(ErrorCode.CANCELLED, "The rollout was cancelled.")
            if self._fault != "late" and time.monotonic() >= request.deadline_s:
                raise WiwError(ErrorCode.DEADLINE_EXCEEDED, "The deadline passed during a rollout.")
            left = until - time.monotonic()
            if left <= 0:
                return
            self._sleep.wait(min(left, _POLL_S))

    def _strike(self, index: int, plans: int, request: RolloutRequest) -> None:
        if index < plans - 1:  # the rollouts before the last one are good: a fault comes mid-work
            return
        if self._fault == "crash":
            raise FakeCrash("The fake world model was told to crash.")
        if self._fault == "exit":
            os._exit(70)
        if self._fault == "out_of_memory":
            raise WiwError(ErrorCode.OUT_OF_MEMORY, "The fake world model was told to be full.")

    def _rollout(self, request: RolloutRequest, index: int, frame: Rgb, start: float) -> Rollout:
        indices = request.frame_indices(index)
        count = len(indices)
        if self._fault == "wrong_index":
            indices = tuple(k + 1 for k in indices)
        if self._fault == "wrong_count":
            count -= 1
        frames = np.broadcast_to(frame, (count, *frame.shape))
        if self._fault == "wrong_shape":
            frames = np.zeros((*frames.shape[:3], 4), np.uint8)
        if self._fault == "wrong_dtype":
            frames = frames.astype(np.float32)
        number = float("nan") if self._fault == "nan" else 1.0
        redness = float("nan") if self._fault == "nan" else float(frame[..., 0].mean()) / 255.0
        return Rollout(
            plan_index=index,
            frames=frames,
            frame_indices=indices,
            projection=Projection.EQUIRECTANGULAR,
            confidence=np.full(count, number, np.float32),
            value=np.full(count, redness, np.float32) if self._info.gives_value else None,
            generation=request.generation - (1 if self._fault == "stale" else 0),
            seconds=time.monotonic() - start,
        )
