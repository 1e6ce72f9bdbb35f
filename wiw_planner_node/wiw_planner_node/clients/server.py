"""A websocket to a policy server, as OpenPI serves it: one question, one reply, within a time.

On connection the server sends a map that describes it; after that each binary message is a question
and gets one binary reply. A reply in text is the server's own report of an error.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.clients.packing import INSTALL, pack, unpack
from wiw_planner_node.vlm.endpoint import Endpoint, checked

ENDPOINT_VARIABLE = "WIW_POLICY_ENDPOINT"
"""Environment variable: the server of every policy client that names none."""
MAX_MESSAGE = 64 << 20
"""Bytes of a reply."""
_POLL_S = 0.1
_CLOSE_S = 1.0
_MAX_EXCERPT = 200


@dataclass(frozen=True)
class Link:
    """Where a policy is served, and how long to wait for it.

    Attributes
    ----------
    endpoint : str
        Such as ``ws://127.0.0.1:8000``; empty: that of :data:`ENDPOINT_VARIABLE`.
    key_env : str
        Name of the environment variable that holds the server's key; empty for none.
    send_images : bool
        Pictures may leave this machine. Without it only loopback servers are accepted.
    connect_s, request_s : float
        Seconds for a connection, and for a reply.
    deadline_s : float
        Seconds for all that is asked within one decision.
    """

    endpoint: str = ""
    key_env: str = ""
    send_images: bool = False
    connect_s: float = 5.0
    request_s: float = 20.0
    deadline_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("connect_s", "request_s", "deadline_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0.0 < value <= 3600.0):
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"{name} is {value}; it is above 0, at most 3600."
                )


class PolicyServer:
    """The connection to a policy server: opened when it is first asked, and again after a failure.

    After a failure it is always closed: a reply that comes late is never taken for that to the next
    question.

    Raises
    ------
    WiwError
        ``VLM_UNAVAILABLE`` if no server is named, or its key is not there; ``BAD_PARAMETER`` for
        what is none, or may not be sent pictures.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        url = (link.endpoint or os.environ.get(ENDPOINT_VARIABLE, "")).rstrip("/")
        if not url:
            raise WiwError(
                ErrorCode.VLM_UNAVAILABLE,
                "No policy server is named.",
                f"Set endpoint=ws://127.0.0.1:8000 or the variable {ENDPOINT_VARIABLE}.",
            )
        self._where: Endpoint = checked(
            url, "a policy", ("ws", "wss"), link.key_env, link.send_images
        )
        self._open = contextlib.ExitStack()
        self._socket: Any = None
        self.metadata: dict[str, Any] = {}
        """What the server said of itself when it was connected to."""

    @property
    def name(self) -> str:
        """Who is asked and where it runs."""
        return self._where.name

    def deadline(self) -> float:
        """Return the ``time.monotonic()`` by which all replies of a decision have come."""
        return time.monotonic() + self._link.deadline_s

    def ask(
        self,
        message: Mapping[str, Any],
        context: DecisionContext,
        deadline_s: float,
        pictures: int,
    ) -> dict[str, Any]:
        """Return the reply to a message; the exchange is left in the decision's notes.

        Parameters
        ----------
        deadline_s : float
            Of :meth:`deadline`.
        pictures : int
            How many the message holds, for the record.

        Raises
        ------
        WiwError
            ``VLM_UNAVAILABLE`` if the server cannot be reached, says nothing in time, breaks off or
            reports an error; ``UNPARSABLE`` for what is no message; ``TOO_LARGE`` for one of more
            than 64 MiB; ``CANCELLED``.
        """
        start = time.monotonic()
        try:
            reply = self._asked(pack(message), context, deadline_s)
        except WiwError as error:
            self.close()
            self._note(context, pictures, start, error.code, error.message, "")
            raise
        said = ", ".join(f"{key} {_shape(value)}" for key, value in sorted(reply.items()))
        self._note(context, pictures, start, ErrorCode.OK, "", said[:_MAX_EXCERPT])
        return reply

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._socket = None
        with contextlib.suppress(Exception):  # it is given up: how it ends does not matter
            self._open.close()

    def _asked(self, data: bytes, context: DecisionContext, deadline_s: float) -> dict[str, Any]:
        from websockets.exceptions import ConnectionClosed

        used = self._socket is not None
        for fresh in (False, True) if used else (True,):
            try:
                if self._socket is None:
                    self._connect(context, deadline_s)
                self._socket.send(data)
                until_s = min(deadline_s, time.monotonic() + self._link.request_s)
                return self._message(context, until_s, "reply")
            except ConnectionClosed as error:
                self.close()
                if error.sent is not None and error.sent.code == _TOO_BIG:
                    raise WiwError(
                        ErrorCode.TOO_LARGE,
                        f"The policy server sent more than {MAX_MESSAGE >> 20} MiB.",
                    ) from error
                if fresh:  # one that was open before may have ended while nobody looked
                    raise self._lost(f"broke off: {error}") from error
            except OSError as error:
                raise self._lost(f"cannot be reached: {error}") from error
        raise AssertionError("unreachable")

    def _connect(self, context: DecisionContext, deadline_s: float) -> None:
        connect = _websockets()
        headers = {"Authorization": f"Api-Key {self._where.key}"} if self._where.key else {}
        until_s = min(deadline_s, time.monotonic() + self._link.connect_s)
        left_s = self._left(until_s)
        try:
            self._socket = self._open.enter_context(
                connect(
                    self._where.url,
                    additional_headers=headers,
                    compression=None,
                    max_size=MAX_MESSAGE,
                    open_timeout=left_s,
                    close_timeout=_CLOSE_S,
                    ping_interval=None,  # a server that computes does not answer pings
                    proxy=None,
                )
            )
        except TimeoutError as error:
            raise self._lost(f"did not open within {left_s:.1f} s") from error
        except _refusals() as error:
            raise self._lost(f"refused the connection: {error}") from error
        self.metadata = self._message(context, until_s, "greeting")

    def _message(self, context: DecisionContext, until_s: float, what: str) -> dict[str, Any]:
        start = time.monotonic()
        while True:
            if context.cancelled():
                raise WiwError(ErrorCode.CANCELLED, "The decision was cancelled.")
            try:
                data = self._socket.recv(timeout=min(_POLL_S, self._left(until_s)))
            except TimeoutError:
                if time.monotonic() >= until_s:
                    waited_s = time.monotonic() - start
                    raise self._lost(f"gave no {what} within {waited_s:.1f} s") from None
                continue
            if isinstance(data, str):
                lines = [line.strip() for line in data.splitlines() if line.strip()]
                said = "".join(c for c in (lines or [""])[-1] if c.isprintable())
                raise self._lost(f"reports an error: {said[:_MAX_EXCERPT]}")
            return unpack(data)

    @staticmethod
    def _left(until_s: float) -> float:
        return max(0.001, until_s - time.monotonic())

    def _lost(self, what: str) -> WiwError:
        return WiwError(ErrorCode.VLM_UNAVAILABLE, f"The policy server {self._where.url} {what}.")

    def _note(
        self,
        context: DecisionContext,
        pictures: int,
        start: float,
        code: ErrorCode,
        reason: str,
        reply: str,
    ) -> None:
        seconds = time.monotonic() - start
        context.notes.transcript.append(
            Exchange("propose", self.name, 1, pictures, seconds, code, reason, reply)
        )


_TOO_BIG = 1009


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{value.dtype} {tuple(shape)}"


def _websockets() -> Callable[..., Any]:
    try:
        from websockets.sync.client import connect
    except ImportError as error:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE, "Policy servers need the package websockets.", INSTALL
        ) from error
    return connect


def _refusals() -> tuple[type[Exception], ...]:
    from websockets.exceptions import InvalidHandshake, InvalidURI

    return (InvalidHandshake, InvalidURI)
