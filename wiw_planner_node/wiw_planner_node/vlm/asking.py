"""Putting questions to an endpoint: all at once, tried again a few times, given up in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Union

from wiw_core.decisions import Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.vlm.endpoint import Endpoint
from wiw_planner_node.vlm.options import ChatOptions
from wiw_planner_node.vlm.reply import Reply, envelope
from wiw_planner_node.vlm.schema import clean
from wiw_planner_node.vlm.wire import MAX_BODY, Line, Refusal, opened

MAX_RECORDED = 4000
"""Characters of a reply that the record keeps."""
_MAX_SAID_BACK = 2000
_MAX_QUOTED = 200
_PARALLEL = 8
_POLL_S = 0.05
_BACKOFF_S = 0.25
_NOT_UNDERSTOOD = (400, 422)

T = TypeVar("T")
R = TypeVar("R")
Body = dict[str, Any]
Answer = Union[T, WiwError]


@dataclass
class Job(Generic[T]):
    """One question.

    Attributes
    ----------
    body : callable
        Returns the request, with its schema as ``response_format`` if told to.
    seed : callable
        Returns the seed of the n-th try, n from 1.
    read : callable
        Returns what a reply means; raises ``ValueError`` or ``WiwError`` if it means nothing.
    log : list of Exchange
        Every try, once it is over.
    """

    role: str
    pictures: int
    body: Callable[[bool], Body]
    seed: Callable[[int], int]
    read: Callable[[Reply], T]
    log: list[Exchange] = field(default_factory=list)


@dataclass
class Form:
    """Whether the server is given the schema of a reply, until it refuses one."""

    by_server: bool


class Asker:
    """Puts jobs to one endpoint until an instant, or until nobody waits any more.

    Parameters
    ----------
    until_s : float
        ``time.monotonic()`` instant after which no reply is of use.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: ChatOptions,
        form: Form,
        until_s: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self._endpoint = endpoint
        self._options = options
        self._form = form
        self._until_s = until_s
        self._cancelled = cancelled
        self._gate = asyncio.Semaphore(_PARALLEL)

    def put(self, jobs: Sequence[Job[T]]) -> list[Answer[T]]:
        """Return the answer of each job, ``UNPARSABLE`` where no reply could be used.

        Raises
        ------
        WiwError
            ``VLM_UNAVAILABLE``, ``DEADLINE_EXCEEDED``, ``CANCELLED``.
        """
        with ThreadPoolExecutor(1, "vlm") as own:  # the caller may run an event loop itself
            return own.submit(asyncio.run, self._put(jobs)).result()

    async def _put(self, jobs: Sequence[Job[T]]) -> list[Answer[T]]:
        async with opened(self._endpoint) as line:
            work: list[Coroutine[Any, Any, Any]] = [self._answered(line, job) for job in jobs]
            return await self._watched(work)

    async def _watched(self, coroutines: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
        """Wait for all, but no longer than anybody wants their results."""
        tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        waiting = set(tasks)
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()  # raises what it raised
                if waiting:
                    self._check_wanted()
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answered(self, line: Line, job: Job[T]) -> Answer[T]:
        async with self._gate:
            number, problem, said = 1, "", ""
            asked = job.body(self._form.by_server)
            while number <= self._options.tries:
                try:
                    return await self._tried(line, job, asked, number)
                except _Unusable as unusable:
                    problem, said = unusable.problem, unusable.said
                    asked = _said_back(job.body(self._form.by_server), said, problem)
                except Refusal as refusal:
                    if self._drops_schema(refusal, asked):
                        self._form.by_server = False
                        continue  # the question was not read: it is no try of it
                    await self._pause(refusal, number)
                number += 1
        return WiwError(
            ErrorCode.UNPARSABLE,
            f"{self._endpoint.name} gave no reply of use to '{job.role}' in"
            f" {self._options.tries} tries: {problem}",
            f"It last said {said[:_MAX_QUOTED]!r}.",
        )

    async def _tried(self, line: Line, job: Job[T], asked: Body, number: int) -> T:
        """Return the answer of one try; raises :class:`_Unusable` or ``Refusal``, and logs it."""
        began, said, code, reason = time.monotonic(), "", ErrorCode.INTERNAL, "it was given up"
        left_s = max(self._until_s - began, 0.01)
        asked["seed"] = job.seed(number)
        try:
            body = await line.post(asked, min(self._options.request_s, left_s))
            said = body
            reply = envelope(body, MAX_BODY)
            said = reply.text
            answer = job.read(reply)
            code, reason = ErrorCode.OK, ""
            return answer
        except asyncio.TimeoutError:
            code, reason = ErrorCode.DEADLINE_EXCEEDED, "no whole reply in time"
            self._check_wanted()
            raise Refusal(0, f"no whole reply within {self._options.request_s:g} s") from None
        except Refusal as refusal:
            code, reason = ErrorCode.VLM_UNAVAILABLE, str(refusal)
            raise
        except (ValueError, WiwError) as error:
            if isinstance(error, WiwError) and error.code is ErrorCode.VLM_UNAVAILABLE:
                raise  # a package is missing: no reply can be read
            code, reason = ErrorCode.UNPARSABLE, clean(str(error))
            raise _Unusable(reason, said) from error
        finally:
            seconds = time.monotonic() - began
            kept = clean(said[:MAX_RECORDED])
            job.log.append(
                Exchange(
                    job.role,
                    self._endpoint.name,
                    number,
                    job.pictures,
                    seconds,
                    code,
                    reason,
                    kept,
                )
            )

    def _drops_schema(self, refusal: Refusal, asked: Body) -> bool:
        """Take the schema out of a request that was refused, perhaps because of it."""
        may = self._options.structured == "auto" and refusal.status in _NOT_UNDERSTOOD
        return may and asked.pop("response_format", None) is not None

    async def _pause(self, refusal: Refusal, number: int) -> None:
        """Wait before the next try, as long as the server asks; raise if there is none."""
        wait_s = refusal.retry_after_s
        wait_s = _BACKOFF_S * 2.0 ** (number - 1) if wait_s is None else wait_s
        if not refusal.passing or number >= self._options.tries:
            raise self._unavailable(str(refusal))
        if wait_s >= self._until_s - time.monotonic():
            raise self._unavailable(f"{refusal}; it asks to wait {wait_s:g} s, longer than is left")
        await asyncio.sleep(wait_s)

    def _check_wanted(self) -> None:
        if self._cancelled():
            raise WiwError(ErrorCode.CANCELLED, "The language model is no longer waited for.")
        if time.monotonic() >= self._until_s:
            raise WiwError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"{self._endpoint.name} did not finish in {self._options.deadline_s:g} s.",
                "Raise deadline_s, or use a faster model.",
            )

    def _unavailable(self, reason: str) -> WiwError:
        return WiwError(
            ErrorCode.VLM_UNAVAILABLE,
            f"{self._endpoint.name} cannot be asked: {reason}.",
            "See whether the server runs, and what it serves.",
        )


class _Unusable(Exception):
    """A reply came, and cannot be used."""

    def __init__(self, problem: str, said: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.said = said


def _said_back(body: Body, said: str, problem: str) -> Body:
    """Return the request anew with the last reply and what was wrong with it, no more."""
    again = f"Your reply could not be used. {problem} Reply again, in the form asked for."
    turns = [{"role": "user", "content": again}]
    if said.strip():
        turns.insert(0, {"role": "assistant", "content": clean(said[:_MAX_SAID_BACK])})
    return {**body, "messages": [*body["messages"], *turns]}
