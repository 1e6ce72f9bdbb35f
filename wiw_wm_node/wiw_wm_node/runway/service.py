"""The image-to-video service: asked for tasks, polled, cancelled; in time, and with few retries.

The official client does the talking. Waiting and retrying are done here and not by it, because a
decision has a deadline, may be cancelled, and has a budget.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.runway import clip
from wiw_wm_node.runway.clip import LOOPBACK
from wiw_wm_node.runway.credits import Credits

URL = "https://api.dev.runwayml.com"
SECRET = "RUNWAYML_API_SECRET"
"""Environment variable of the key; a key is never a parameter."""
EXTRAS = "pip install -r requirements-extras.txt"
RETRIED = frozenset({429, 500, 502, 503, 504})
FREE = frozenset({429, 502, 503})
"""Of these, nothing was begun: rate limit and shed load (docs.dev.runwayml.com/errors/errors)."""
REFUSED_KEY = frozenset({401, 403})
UNDER_WAY = frozenset({"PENDING", "THROTTLED", "RUNNING"})
_GOODBYE_S = 2.0
_SLICE_S = 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How the service is waited for.

    Attributes
    ----------
    retries : int
        How often one call is repeated after a rate limit, a server error or silence.
    request_s : float
        Longest silence of one call, in seconds. A cancelled rollout waits at most that long.
    poll_s : float
        Between two looks at one task; the service asks for 5 s or more.
    first_pause_s : float
        Before the first repetition, doubled for each one after it, where the service names no time.
    """

    retries: int = 3
    request_s: float = 10.0
    poll_s: float = 5.0
    first_pause_s: float = 1.0

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for limits that are none."""
        bounds = {"retries": (0, 20), "request_s": (0.01, 600.0), "poll_s": (0.001, 600.0)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"'{name}' is {getattr(self, name)}, outside [{low}, {high}].",
                )


@dataclass
class Ticket:
    """A task at the service.

    Attributes
    ----------
    reserved : float
        Credits it may cost at most.
    url : str
        Of the clip, once it is there.
    problem : WiwError or None
        Why there will be none.
    """

    id: str
    reserved: float
    url: str = ""
    problem: WiwError | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more will come of it."""
        return bool(self.url) or self.problem is not None


class Watch:
    """Deadline and cancellation of one rollout: asked before everything that takes time."""

    def __init__(self, check: Callable[[], None], deadline_s: float) -> None:
        self.check = check
        self._deadline_s = deadline_s
        self._sleep = threading.Event()

    def left_s(self, most: float = math.inf) -> float:
        """Return the seconds left, at most ``most``; raises as ``check`` if there are none."""
        self.check()
        return max(0.01, min(most, self._deadline_s - time.monotonic()))

    def pause(self, seconds: float) -> None:
        """Wait; raises as soon as nobody waits for the answer any more."""
        if seconds > self._deadline_s - time.monotonic():
            raise WiwError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"The service is to be asked again in {seconds:.3g} s, after the deadline.",
            )
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.0:
            self.check()
            self._sleep.wait(min(left, _SLICE_S))


class Service:
    """A client with a budget.

    Parameters
    ----------
    url : str
        Of the API; HTTPS, or this machine for a stub.
    credits : Credits
        What may be spent.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without the client or the key; ``BAD_PARAMETER`` for a bad address.
    """

    def __init__(self, url: str, credits: Credits, limits: Limits) -> None:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not (parts.hostname and (parts.scheme == "https" or local)):
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"Pictures are sent over HTTPS only, not to '{url}'."
            )
        try:
            import runwayml
        except ImportError as error:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "Runway needs the package 'runwayml', which is not installed.",
                f"{EXTRAS}.",
            ) from error
        key = os.environ.get(SECRET, "")
        if not key:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "There is no key for Runway.",
                f"Put it into the environment variable {SECRET} of this node.",
            )
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log signed addresses
        self.credits, self._limits, self._api = credits, limits, runwayml
        self._client = runwayml.RunwayML(
            api_key=key, base_url=url, max_retries=0, _strict_response_validation=True
        )

    def create(self, watch: Watch, price: float, **request: Any) -> Ticket:
        """Ask for a clip and return its ticket.

        Parameters
        ----------
        price : float
            Credits that it is expected to cost; they are reserved before anything is sent.
        request
            As ``image_to_video.create`` takes it.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE`` if the budget or the key does not allow it, ``BAD_PARAMETER`` if
            the service refuses the request, ``WM_UNRESPONSIVE`` if it does not answer, and what
            ``watch`` raises.
        """

        def ask(timeout_s: float) -> Any:
            self.credits.reserve(price)
            try:
                return self._client.image_to_video.create(**request, timeout=timeout_s)
            except self._api.APIStatusError as error:
                if error.status_code in FREE or error.status_code < 500:
                    self.credits.settle(price, 0.0)
                raise  # after another error the task may have begun: it stays counted
            except self._api.APIConnectionError as error:
                if _never_sent(error):
                    self.credits.settle(price, 0.0)
                raise

        chance = random.Random(repr((request.get("seed"), request.get("prompt_text"))))
        answer = self._call(watch, ask, chance)
        ticket = Ticket(answer.id, price)
        most = float(answer.estimated_cost.credits)
        self.credits.settle(price, most)
        ticket.reserved = most if math.isfinite(most) and most >= 0.0 else price
        if self.credits.spent > self.credits.limit:
            self.cancel([ticket])
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The service asks {most:g} credits for a clip expected to cost {price:g}, which"
                f" would pass this run's limit; the task was cancelled ({self.credits}).",
                "Correct credits_per_second, and raise max_credits to go on.",
            )
        return ticket

    def look(self, ticket: Ticket, watch: Watch) -> None:
        """Ask once how the task is, and fill in the ticket when it has ended."""
        task = self._call(
            watch,
            lambda timeout_s: self._client.tasks.retrieve(ticket.id, timeout=timeout_s),
            random.Random(ticket.id),
        )
        if task.status in UNDER_WAY:
            return
        self.credits.settle(ticket.reserved, float(task.cost.credits))
        if task.status == "SUCCEEDED" and task.output:
            ticket.url = task.output[0]
        elif task.status == "FAILED":
            why = printable(task.failure_code or task.failure)
            ticket.problem = WiwError(
                ErrorCode.MODEL_UNAVAILABLE, f"Runway made no clip of this plan: {why}."
            )
        else:
            ticket.problem = WiwError(
                ErrorCode.MODEL_UNAVAILABLE, "Runway ended the task without a clip."
            )

    def fetch(self, ticket: Ticket, watch: Watch, hosts: Collection[str], max_bytes: int) -> bytes:
        """Return the clip of a task that has ended well, asked for again where its host fails.

        Raises
        ------
        WiwError
            As :func:`wiw_wm_node.runway.clip.fetch`, and what ``watch`` raises.
        """
        for attempt in itertools.count():
            try:
                timeout_s = watch.left_s(self._limits.request_s)
                return clip.fetch(ticket.url, hosts, max_bytes, timeout_s, watch.check)
            except WiwError as error:
                if error.code is not ErrorCode.WM_UNRESPONSIVE or attempt == self._limits.retries:
                    raise
            watch.pause(self._limits.first_pause_s * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def cancel(self, tickets: Iterable[Ticket]) -> None:
        """Cancel tasks that nobody waits for; never raises, and takes seconds at most.

        What was reserved for them stays counted: a refund is not promised.
        """
        until = time.monotonic() + _GOODBYE_S
        for ticket in tickets:
            try:
                left_s = max(_GOODBYE_S / 10.0, until - time.monotonic())
                self._client.tasks.delete(ticket.id, timeout=left_s)
            except self._api.RunwayMLError as error:
                log.warning("task could not be cancelled at Runway: %s", type(error).__name__)

    def close(self) -> None:
        """Close the connections; idempotent."""
        self._client.close()

    def _call(self, watch: Watch, ask: Callable[[float], Any], chance: random.Random) -> Any:
        """Return the answer of one call, repeated as the limits allow."""
        for attempt in itertools.count():
            try:
                return ask(watch.left_s(self._limits.request_s))
            except self._api.APIStatusError as error:
                if error.status_code not in RETRIED or attempt == self._limits.retries:
                    raise _refusal(error) from error
                asked = _retry_after(error)
                log.info("Runway answers %d, attempt %d", error.status_code, attempt + 1)
            except self._api.APIResponseValidationError as error:
                raise _nonsense() from error
            except self._api.APIConnectionError as error:  # time-outs too
                if attempt == self._limits.retries:
                    raise WiwError(
                        ErrorCode.WM_UNRESPONSIVE,
                        f"Runway did not answer in {attempt + 1} attempts.",
                        "Check the network; raise request_s if it is slow.",
                    ) from error
                asked = None
            except ValueError as error:  # an answer that is no JSON
                raise _nonsense() from error
            pause = self._limits.first_pause_s * 2**attempt * (1.0 + 0.5 * chance.random())
            watch.pause(pause if asked is None else asked)
        raise AssertionError("the last attempt returns or raises")


def _never_sent(error: Exception) -> bool:
    """Return whether no connection came about, so that nothing can have been begun."""
    import httpx

    return isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout))


def _refusal(error: Any) -> WiwError:
    status, said = error.status_code, printable(_said(error))
    if status in REFUSED_KEY:
        return WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"Runway does not accept the key ({status}).",
            f"Check the environment variable {SECRET}.",
        )
    if status in RETRIED:
        return WiwError(ErrorCode.WM_UNRESPONSIVE, f"Runway still answers {status}: {said}.")
    return WiwError(ErrorCode.BAD_PARAMETER, f"Runway refuses the request ({status}): {said}.")


def _nonsense() -> WiwError:
    return WiwError(
        ErrorCode.CONTRACT_VIOLATION, "Runway's answer is not what its interface promises."
    )


def _said(error: Any) -> str:
    body = error.body
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def printable(text: str, most: int = 160) -> str:
    """Return a service's text for a message: one line of printable characters, not too long."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip().rstrip(".")
    return clean[:most] or "no reason given"


def _retry_after(error: Any) -> float | None:
    """Return the seconds that the service asks to wait, None if it says nothing of use."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0.0 else None
