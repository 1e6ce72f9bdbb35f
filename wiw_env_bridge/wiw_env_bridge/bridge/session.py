"""One environment, its thread and its open episode."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from wiw_core.contracts import Environment
from wiw_core.decisions import EpisodeResult, Transition
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan, check_plan
from wiw_env_bridge.bridge.abilities import Checkable
from wiw_ros.worker import Worker

RESET_S = 120.0
ANSWER_S = 30.0
"""Longest time an environment may take to reset, and to answer anything else."""
_POLL_S = 0.02

T = TypeVar("T")


@dataclass
class _Open:
    episode: Episode
    generation: int
    commands: int = 0


class Session:
    """Every call into the environment goes through here, and runs in the environment's own thread.

    Parameters
    ----------
    log : callable
        Takes one sentence about an episode that the bridge itself closed.
    now_s : callable
        ROS time in seconds, for observations that carry no stamp.
    """

    def __init__(
        self,
        environment: Environment,
        worker: Worker,
        log: Callable[[str], None],
        now_s: Callable[[], float],
    ) -> None:
        self.environment, self.worker = environment, worker
        self._log, self._now_s = log, now_s
        self._open: _Open | None = None
        self._closed: tuple[_Open, EpisodeResult] | None = None
        self._generation: int | None = None
        self.tasks: Sequence[str] = self._call(environment.tasks)

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return episode ids in evaluation order."""
        return self._call(lambda: self.environment.episode_ids(task, split, limit))

    def require_generation(self, generation: int) -> None:
        """Raise ``STALE_GENERATION`` unless the newest reset was of this generation."""
        if self._generation is not None and generation != self._generation:
            raise WiwError(
                ErrorCode.STALE_GENERATION,
                f"Generation {generation} is over: the newest reset is of {self._generation}.",
                "Reset an episode first.",
            )

    def reset(
        self,
        task: str,
        episode_id: str,
        generation: int,
        forbidden: Callable[[], WiwError | None] = lambda: None,
    ) -> tuple[Episode, Observation, bool]:
        """Close any open episode and begin this one; older generations are refused from now on.

        A robot may turn to look around: as soon as ``forbidden`` gives a reason it is held, and
        that reason is raised.
        """
        why = forbidden()
        if why is not None:
            raise why
        self._generation = generation

        def begin() -> tuple[Episode, Observation, bool]:
            self._close(ErrorCode.ABORTED_BY_USER, "Another episode was begun before it ended.")
            episode, observation, done = self.environment.reset(task, episode_id)
            self._open, self._closed = _Open(episode, generation), None
            return episode, self.stamped(observation), done

        return self._call(begin, RESET_S, forbidden)

    def check(self, episode_id: str, generation: int, plan: Plan) -> None:
        """Raise what is already known to be wrong with a plan; nothing moves."""

        def check() -> None:
            self._required(episode_id, generation)
            check_plan(plan, self.environment.actions)
            if isinstance(self.environment, Checkable):
                self.environment.check(plan)

        self._call(check)

    def act(
        self, episode_id: str, generation: int, plan: Plan, observe: bool
    ) -> Iterator[Transition]:
        """Execute a plan; to be iterated in the environment's thread only."""
        episode = self._required(episode_id, generation)
        episode.commands += 1
        with _failures(), closing(self.environment.act(plan, observe=observe)) as transitions:  # type: ignore[type-var]
            yield from transitions

    def finish(
        self,
        episode_id: str,
        generation: int,
        decisions: int,
        answer: str,
        confidence: float,
        fault: ErrorCode,
        message: str,
    ) -> EpisodeResult:
        """Close the open episode; one that the bridge had to close itself gives its result here."""

        def end() -> EpisodeResult:
            closed = self._closed
            if closed is not None and (closed[0].episode.id, closed[0].generation) == (
                episode_id,
                generation,
            ):
                self._closed = None
                return replace(closed[1], decisions=decisions)
            self._required(episode_id, generation)
            self._open = None
            return self.environment.finish(decisions, answer, confidence, fault, message)

        return self._call(end)

    def close_as_fault(self, fault: ErrorCode, message: str, timeout_s: float = ANSWER_S) -> None:
        """Close the open episode, if any, as a fault; its result is logged and kept."""
        self._call(lambda: self._close(fault, message), timeout_s)

    def stamped(self, observation: Observation) -> Observation:
        """Return the observation with a time stamp."""
        if observation.stamp_s > 0.0:
            return observation
        return replace(observation, stamp_s=self._now_s())

    def _close(self, fault: ErrorCode, message: str) -> None:
        episode, self._open = self._open, None
        if episode is None:
            return
        result = self.environment.finish(episode.commands, fault=fault, message=message)
        self._closed = (episode, result)
        self._log(
            f"closed {result.task}/{result.episode_id} as {result.status.name}"
            f" ({describe(fault)}: {message}) after {result.actions} actions"
        )

    def _required(self, episode_id: str, generation: int) -> _Open:
        self.require_generation(generation)
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset one first.")
        if episode_id != self._open.episode.id:
            raise WiwError(
                ErrorCode.NO_EPISODE,
                f"Episode '{episode_id}' is not open; '{self._open.episode.id}' is.",
            )
        return self._open

    def _call(
        self,
        job: Callable[[], T],
        timeout_s: float = ANSWER_S,
        forbidden: Callable[[], WiwError | None] | None = None,
    ) -> T:
        def guarded() -> T:
            with _failures():
                return job()

        if forbidden is None:
            return self.worker.call(guarded, timeout_s)
        future = self.worker.submit(guarded)
        why = self._hold_if(forbidden, future, timeout_s)
        if why is not None:
            raise why
        return future.result()

    def _hold_if(
        self, forbidden: Callable[[], WiwError | None], job: Future[T], timeout_s: float
    ) -> WiwError | None:
        """Wait for a job's end; return why it had to be held meanwhile, or that it is late."""
        end, why = time.monotonic() + timeout_s, None
        while not wait([job], timeout=_POLL_S).done:
            why = why or forbidden()
            if why is not None:
                self.environment.hold()
            if time.monotonic() > end:
                job.cancel()
                return WiwError(
                    ErrorCode.ENVIRONMENT_UNRESPONSIVE,
                    f"The environment did not answer within {timeout_s:g} s.",
                )
        return why or forbidden()


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what an environment raises unforeseen into ``ENVIRONMENT_FAILED``."""
    try:
        yield
    except WiwError:
        raise
    except Exception as error:
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            f"The environment failed: {type(error).__name__}: {error}",
        ) from error
