"""As many candidates at once as memory allows: on out-of-memory half as many, and remembered."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from wiw_core.errors import ErrorCode, WiwError

_LOG = logging.getLogger(__name__)
_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory")
_Job = TypeVar("_Job")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Outcome(Generic[_Job, _Made]):
    """What became of one job: ``made``, or the error it ended with."""

    job: _Job
    made: _Made | None
    seconds: float
    error: WiwError | None = None


class Batches:
    """Runs jobs in batches.

    Parameters
    ----------
    limit : int
        Most jobs at once; it only ever shrinks.

    Attributes
    ----------
    note : str
        Says since when the limit is smaller than asked for; empty if memory never ran out.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.note = ""

    def run(
        self, jobs: Sequence[_Job], make: Callable[[Sequence[_Job]], Sequence[_Made]]
    ) -> Iterator[Outcome[_Job, _Made]]:
        """Yield the outcome of every job, in order, as its batch is done.

        Parameters
        ----------
        make : callable
            Makes all jobs of a batch at once. Where memory runs out it is called again with half as
            many; a job for which there is none even alone ends in ``OUT_OF_MEMORY``. Whatever else
            it raises goes through.
        """
        waiting = list(jobs)
        while waiting:
            batch, start = waiting[: self.limit], time.monotonic()
            made = self._attempt(batch, make)
            if made is None and len(batch) > 1:
                continue
            waiting = waiting[len(batch) :]
            seconds = (time.monotonic() - start) / len(batch)
            if made is None:
                yield Outcome(batch[0], None, seconds, _too_little())
            else:
                for job, one in zip(batch, made):
                    yield Outcome(job, one, seconds)

    def _attempt(
        self, batch: Sequence[_Job], make: Callable[[Sequence[_Job]], Sequence[_Made]]
    ) -> Sequence[_Made] | None:
        try:
            return make(batch)
        except Exception as error:
            if not out_of_memory(error):
                raise
            _LOG.warning("memory ran out with %d candidates at once", len(batch))
        # out here the exception is gone, and with it the tensors that its frames held
        free()
        if len(batch) > 1:
            self.limit = len(batch) // 2
            self.note = (
                f"Generated {self.limit} at a time: memory ran out with {len(batch)} at once."
            )
        return None


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that a GPU or the machine has no memory left."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    if isinstance(error, RuntimeError):
        return any(sign in str(error).lower() for sign in _SIGNS)
    return isinstance(error, MemoryError)


def free() -> None:
    """Give memory that nothing refers to any more back to the machine and the GPU."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _too_little() -> WiwError:
    return WiwError(
        ErrorCode.OUT_OF_MEMORY,
        "There is not enough memory for a single candidate.",
        "Set offload=model, quantise=fp8 or tiling=true, or fewer frames or pixels.",
    )
