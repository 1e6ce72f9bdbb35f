"""An environment that another process runs: the same contract, and a fault when that one dies."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from wiw_core.decisions import EpisodeResult, EpisodeStatus, Transition, episode_status
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation, Projection
from wiw_core.plans import ActionSpec, Plan
from wiw_env_bridge.remote import codec
from wiw_env_bridge.remote.codec import Fields
from wiw_env_bridge.remote.framing import BadMessage, Closed, Late
from wiw_env_bridge.remote.process import WorkerProcess

T = TypeVar("T")

CLOSE_S = 1.2
"""Seconds that a worker has to close its simulator before it is killed."""
HOLD_S = 3.0
"""Seconds in which an action that was told to hold must have ended."""
BACKOFF_S = (0.5, 30.0)
"""Seconds before a worker that died is started again: at first, doubling each time, at most."""


@dataclass(frozen=True)
class Patience:
    """Longest times in seconds: to start a worker, to reset, to execute one action, for the rest.

    They stay below those of the bridge (``wiw_env_bridge.bridge.session``), also when it has to
    finish an episode before it resets, so that it is told what was late instead of giving up
    itself.
    """

    start_s: float = 100.0
    reset_s: float = 90.0
    act_s: float = 60.0
    answer_s: float = 25.0

    def __post_init__(self) -> None:
        """Refuse a time that is not finite or not positive."""
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value > 0.0):
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}, not a time above 0.")


@dataclass
class _Open:
    """The open episode, as far as this side knows it."""

    episode: Episode
    actions: int = 0
    collisions: int = 0
    failures: int = 0
    path_m: float = 0.0

    def count(self, transition: Transition) -> None:
        self.actions += 1
        self.collisions += int(transition.collided)
        self.failures += int(transition.code is not ErrorCode.OK)
        self.path_m += transition.path_m


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class RemoteEnvironment:
    """Runs an environment in a worker with its own interpreter; see :mod:`wiw_env_bridge.remote`.

    A worker that dies raises ``ENVIRONMENT_FAILED``; one that is late raises
    ``ENVIRONMENT_UNRESPONSIVE`` and is killed. :meth:`finish` then closes the episode as a fault,
    and the next :meth:`reset` starts another worker, after a pause that doubles with each death.
    Nothing is lost by that: the same episode begins again from its start, with the same seed.

    Parameters
    ----------
    name : str
        For messages, until the worker tells the environment's own.
    factory : str
        ``MODULE:CLASS`` of the environment, imported by the worker.
    parameters : mapping
        Its parameters: texts, numbers, flags, and lists of them.
    python : str
        Interpreter of the worker; empty: this one.
    path : sequence of str
        Folders that the worker may import from besides its own.
    variables : mapping
        Environment variables for the worker; an empty text removes one.
    """

    def __init__(
        self,
        name: str,
        factory: str,
        parameters: Mapping[str, Any],
        python: str = "",
        path: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self._factory, self._parameters = factory, dict(parameters)
        self._python, self._path, self._variables = python, tuple(path), dict(variables or {})
        self._patience = patience or Patience()
        self._log: Callable[[str], None] = _to_stderr
        self._lock = threading.RLock()
        self._worker: WorkerProcess | None = None
        self._dead: WiwError | None = None
        self._deaths, self._died_s = 0, 0.0
        self._attempts: dict[tuple[str, str], int] = {}
        self._ids: dict[tuple[str, str, int], tuple[str, ...]] = {}
        self._open: _Open | None = None
        self._motion: object = None
        self._held_s = math.inf
        self._holding, self._asking, self._holds = threading.Lock(), threading.Lock(), 0
        self._forgotten: deque[tuple[WorkerProcess, int]] = deque()
        self._start(time.monotonic() + self._patience.start_s)

    # Of the contract ------------------------------------------------------------------------------

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Every action of the environment, by name."""
        return self._actions

    @property
    def attempt(self) -> int:
        """How often the open episode has been begun, the times a worker died in it included."""
        episode = None if self._open is None else self._open.episode
        return 0 if episode is None else self._attempts.get((episode.task, episode.id), 0) + 1

    @property
    def pid(self) -> int:
        """Process number of the worker, 0 if there is none."""
        return 0 if self._worker is None else self._worker.pid

    def attach(self, node: Any) -> None:
        """From now on the worker's lines go to the log of this ROS node."""
        self._log = node.get_logger().info

    def tasks(self) -> Sequence[str]:
        """Return the tasks that the environment has episodes for."""
        return self._tasks

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in evaluation order; what was told once is known without the worker."""
        key = task, split, limit
        if key not in self._ids:
            self._ids[key] = self._ask(
                "episode_ids", lambda reply: reply.texts("ids"), task=task, split=split, limit=limit
            )
        return self._ids[key]

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode, with a new worker if the last one died."""
        deadline = time.monotonic() + self._patience.reset_s
        self._open, self._motion = None, None
        if self._dead is not None:
            self._revive(deadline)
        try:
            begun = self._ask("reset", _begun, deadline, task=task, episode_id=episode_id)
        except WiwError:
            self._count_death((task, episode_id))
            raise
        self._open = _Open(begun[0])
        if self.attempt > 1:
            self._say(f"episode '{episode_id}' of '{task}' begins again: attempt {self.attempt}")
        return begun

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; each transition is yielded as it happens, and none before it is asked."""
        self._held_s = math.inf
        self._ask(
            "act", _nothing, plan=codec.pack_plan(plan), observe=bool(observe), holds=self._holds
        )
        self._motion = motion = object()
        return self._transitions(motion)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode; one whose worker died is a fault, whatever else is known."""
        opened, fault = self._open, ErrorCode(fault)
        self._motion = None
        try:
            result = self._ask(
                "finish",
                lambda reply: codec.unpack_result(reply.get("result", dict)),
                decisions=decisions,
                answer=answer,
                confidence=float(confidence),
                fault=int(fault),
                message=message,
            )
        except WiwError as error:
            if self._dead is None:
                raise
            if opened is None:
                message = "No episode is open."
                raise WiwError(ErrorCode.NO_EPISODE, message, "Reset first.") from error
            self._open = None
            return self._given_up(opened, error, decisions, answer, confidence, fault, message)
        self._open, self._deaths = None, 0
        lost = self._attempts.pop((result.task, result.episode_id), 0)
        return _told(result, lost + 1) if lost else result

    def hold(self) -> None:
        """Stop all motion now; from any thread."""
        self._held_s = min(self._held_s, time.monotonic())
        worker = self._worker
        if worker is None:
            return
        with self._holding:
            try:
                worker.control.send({"ask": "hold"}, timeout_s=0.1)
                self._holds += 1
            except (Closed, Late):
                pass  # dead or deaf: whoever waits for it finds out

    def close(self) -> None:
        """Close the environment and end the worker; idempotent."""
        self.hold()
        worker, self._worker = self._worker, None
        closed = WiwError(ErrorCode.NOT_ACTIVE, "The environment is closed.")
        was_dead, self._dead, self._open, self._motion = self._dead, closed, None, None
        if worker is None:
            return
        until = time.monotonic() + CLOSE_S
        if was_dead is None:
            try:
                worker.calls.send({"call": "close", "forget": []}, CLOSE_S)
                worker.wait(max(0.0, until - time.monotonic()))
            except (Closed, Late):
                pass
        worker.kill()

    # Parts ----------------------------------------------------------------------------------------

    def _transitions(self, motion: object) -> Iterator[Transition]:
        going = True
        try:
            while self._motion is motion:
                going = False  # whatever is raised now ended the plan
                transition = self._ask("next", _next, time.monotonic() + self._patience.act_s)
                if transition is None:
                    return
                going = True
                if self._open is not None:
                    self._open.count(transition)
                yield transition
        finally:
            if self._motion is motion:
                self._motion = None
                if going and self._dead is None:
                    self._ask("stop", _nothing)

    def _ask(
        self,
        name: str,
        read: Callable[[Fields], T],
        deadline: float | None = None,
        **arguments: Any,
    ) -> T:
        """Return what ``read`` makes of the worker's reply.

        Raises what the environment raised, or ``ENVIRONMENT_FAILED`` or
        ``ENVIRONMENT_UNRESPONSIVE`` for what befell the worker; such a worker is killed.
        """
        with self._lock:
            if self._dead is not None or self._worker is None:
                raise self._dead or WiwError(ErrorCode.NOT_ACTIVE, "The environment is closed.")
            worker = self._worker
            end = time.monotonic() + self._patience.answer_s if deadline is None else deadline

            def until() -> float:
                if not worker.alive:
                    raise Closed("It ended.")
                return min(end, self._held_s + HOLD_S) if name == "next" else end

            try:
                call = {**arguments, "call": name, "forget": self._to_forget(worker)}
                worker.calls.send(call, max(0.0, end - time.monotonic()))
                reply = worker.calls.receive(until)
                if "error" in reply:
                    raise codec.unpack_error(reply["error"])
                return read(Fields(reply, f"the reply to '{name}'"))
            except Closed:
                worker.wait(1.0)
                code, what = ErrorCode.ENVIRONMENT_FAILED, f"died: {worker.end_of()}"
            except Late:
                code = ErrorCode.ENVIRONMENT_UNRESPONSIVE
                what = f"did not answer '{name}' in time, and was killed."
            except BadMessage as error:
                code = ErrorCode.ENVIRONMENT_FAILED
                what = f"sent what it must not, and was killed: {error}"
            raise self._bury(code, f"The worker of '{self.name}' {what}")

    def _to_forget(self, worker: WorkerProcess) -> list[int]:
        """Return the states of this worker that nobody can restore any more."""
        count = len(self._forgotten)
        dropped = [self._forgotten.popleft() for _ in range(count)]
        return [number for owner, number in dropped if owner is worker]

    def _bury(self, code: ErrorCode, message: str) -> WiwError:
        if self._worker is None and self._dead is not None:
            return self._dead  # closed by another thread meanwhile
        self._dead = WiwError(code, message, "The next reset starts another worker.")
        self._deaths, self._died_s = self._deaths + 1, time.monotonic()
        if self._worker is not None:
            self._worker.kill()
        if self._open is not None:
            self._count_death((self._open.episode.task, self._open.episode.id))
        self._say(message)
        return self._dead

    def _count_death(self, key: tuple[str, str]) -> None:
        if self._dead is not None:
            self._attempts[key] = self._attempts.get(key, 0) + 1

    def _revive(self, deadline: float) -> None:
        if self._dead is not None and self._dead.code is ErrorCode.NOT_ACTIVE:
            raise self._dead
        pause_s = min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** max(0, self._deaths - 1))
        time.sleep(max(0.0, self._died_s + pause_s - time.monotonic()))
        self._start(min(deadline, time.monotonic() + self._patience.start_s))

    def _start(self, deadline: float) -> None:
        try:
            with self._lock:
                self._worker = WorkerProcess(
                    self._python,
                    self._path,
                    self._variables,
                    lambda line: self._say(line),
                    deadline - time.monotonic(),
                )
                self._dead, self._holds = None, 0
            self._ask(
                "open",
                self._learn,
                deadline,
                factory=self._factory,
                parameters=self._parameters,
            )
        except WiwError as error:
            if self._worker is not None:
                self._worker.kill()
            if self._dead is not error:  # else it has been counted
                self._dead, self._died_s = error, time.monotonic()
                self._deaths += 1
            raise

    def _learn(self, said: Fields) -> None:
        self.name = said.text("name")
        specs = [codec.unpack_spec(spec) for spec in said.items("actions")]
        self._actions = {spec.name: spec for spec in specs}
        self._tasks = said.texts("tasks")
        self.offers = frozenset(k for k in ("mobile", "cloneable", "imaginable") if said.flag(k))
        if "imaginable" in self.offers:
            height, width = said.wholes("frame_hw", 2)
            self._frames = Projection(said.whole("projection")), (height, width)

    def _given_up(
        self,
        opened: _Open,
        dead: WiwError,
        decisions: int,
        answer: str,
        confidence: float,
        fault: ErrorCode,
        message: str,
    ) -> EpisodeResult:
        """Return the result of an episode whose worker cannot judge it any more."""
        code = dead.code if fault is ErrorCode.OK else fault
        status = episode_status(False, code, truncated=False)
        attempts = self._attempts.get((opened.episode.task, opened.episode.id), 1)
        result = EpisodeResult(
            task=opened.episode.task,
            episode_id=opened.episode.id,
            seed=opened.episode.seed,
            status=status if status is not EpisodeStatus.FAILURE else EpisodeStatus.ABORTED_FAULT,
            success=False,
            code=code,
            message=message or dead.message,
            decisions=decisions,
            actions=opened.actions,
            collisions=opened.collisions,
            path_m=opened.path_m,
            answer=answer,
            confidence=confidence,
            failures=opened.failures,
        )
        return _told(result, attempts)

    def _say(self, line: str) -> None:
        self._log(f"[{self.name} worker {self.pid}] {line}")


def _nothing(reply: Fields) -> None:
    """Read nothing: that there is a reply is all."""


def _told(result: EpisodeResult, attempt: int) -> EpisodeResult:
    """Return the result with the number of its attempt, for the record."""
    return replace(result, message=f"{result.message} (attempt {attempt})".strip())


def _begun(reply: Fields) -> tuple[Episode, Observation, bool]:
    return (
        codec.unpack_episode(reply.get("episode", dict)),
        codec.unpack_observation(reply.get("observation", dict)),
        reply.flag("done"),
    )


def _next(reply: Fields) -> Transition | None:
    if reply.flag("end"):
        return None
    return codec.unpack_transition(reply.get("transition", dict))
