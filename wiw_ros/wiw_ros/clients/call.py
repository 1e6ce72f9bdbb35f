"""Bounded service calls from threads that do not spin the executor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_ros.convert import code_from_msg

SLICE_S = 0.05
"""Seconds between two looks at a peer's pulse while waiting for its reply."""


def nothing() -> None:
    """Give up for no reason but time."""


def checked(reply: Any, what: str) -> Any:
    """Return a service reply or an action result; raises its code if it is not OK."""
    code = code_from_msg(reply.code)
    if code is ErrorCode.OK:
        return reply
    raise WiwError(code, reply.message or f"{what} answered {describe(reply.code)}.")


def wait(
    future: Future, until_s: float, overdue: WiwError, check: Callable[[], None] = nothing
) -> Any:
    """Wait for a future that the executor completes in another thread.

    Parameters
    ----------
    until_s : float
        ``time.monotonic()`` instant at which ``overdue`` is raised.
    check : callable
        Raises to give up sooner; asked every :data:`SLICE_S` seconds.
    """
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    while not (done.wait(SLICE_S) or future.done()):
        check()
        if time.monotonic() >= until_s:
            raise overdue
    return future.result()


class Service:
    """A service of one peer, called with a time limit.

    Parameters
    ----------
    absent : ErrorCode
        Raised when nobody offers the service, or nobody replies in time.
    """

    def __init__(self, node: Node, srv_type: Any, name: str, absent: ErrorCode) -> None:
        self._client: Client = node.create_client(
            srv_type, name, callback_group=ReentrantCallbackGroup()
        )
        self._node = node
        self._absent = absent
        self.name: str = self._client.service_name

    def call(
        self, request: Any, timeout_s: float, check: Callable[[], None] = nothing, tries: int = 1
    ) -> Any:
        """Call once, or up to ``tries`` times in ``timeout_s`` where a repeat does no harm.

        A repeat matters just after a peer restarts: DDS may drop a request to a server that it has
        not matched yet, and the reply then never comes.
        """
        until = time.monotonic() + timeout_s
        while not self._client.service_is_ready():
            check()
            if time.monotonic() >= until:
                raise WiwError(
                    self._absent,
                    f"Nobody offers '{self.name}'.",
                    "Is that node running and active?",
                )
            threading.Event().wait(SLICE_S)
        silent = WiwError(self._absent, f"No reply from '{self.name}' within {timeout_s:g} s.")
        for attempt in range(tries):
            last = attempt == tries - 1
            share = until if last else min(until, time.monotonic() + timeout_s / tries)
            future = self._client.call_async(request)
            try:
                return checked(wait(future, share, silent, check), f"'{self.name}'")
            except WiwError as error:
                if error is not silent or last:
                    raise
            finally:
                self._client.remove_pending_request(future)
        raise silent

    def close(self) -> None:
        """Give the client back to the node."""
        self._node.destroy_client(self._client)
