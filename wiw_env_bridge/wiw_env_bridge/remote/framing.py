"""Messages over a stream socket: four bytes of length, then msgpack; never larger than agreed."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgpack

MAGIC = "wiw-worker"
PROTOCOL = 1
"""Version of the messages; both ends refuse any other."""
MAX_BYTES = 256 * 2**20
"""Largest message: two panoramas of 2048 x 4096 with depth fit."""
HELLO_BYTES = 4096
"""Largest message of a peer that has not proved who it is."""
_LENGTH = struct.Struct(">I")
_CHUNK = 2**20
_SLICE_S = 0.05

Message = dict[str, Any]


class Closed(ConnectionError):
    """The peer has gone."""


class Late(TimeoutError):
    """The peer did not answer, or did not read, in time."""


class BadMessage(ValueError):
    """What came is no message of this protocol."""


def _forever() -> float:
    return float("inf")


class Link:
    """One end of a connection: whole messages out and in.

    :meth:`send` may be called from any thread, beside one thread that receives.

    Parameters
    ----------
    connection : socket.socket
        A connected stream socket; the link owns it from now on.
    limit : int
        Largest message in bytes, in both directions.
    """

    def __init__(self, connection: socket.socket, limit: int = MAX_BYTES) -> None:
        connection.setblocking(False)
        self._socket = connection
        self.limit = limit
        self._sending = threading.Lock()
        self._begun = bytearray()  # of the message that is coming in

    def send(self, message: Mapping[str, Any], timeout_s: float = 30.0) -> None:
        """Send a message.

        Raises
        ------
        BadMessage
            It is larger than the limit, or holds what msgpack cannot carry.
        Closed, Late
        """
        try:
            body = msgpack.packb(dict(message), use_bin_type=True)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadMessage(f"The message cannot be packed: {error}.") from error
        if len(body) > self.limit:
            raise BadMessage(
                f"The message has {len(body)} bytes; at most {self.limit} may be sent."
            )
        with self._sending:
            self._write(memoryview(_LENGTH.pack(len(body)) + body), time.monotonic() + timeout_s)

    def receive(self, until: Callable[[], float] = _forever) -> Message:
        """Wait for the next message.

        Parameters
        ----------
        until : callable
            Returns the ``time.monotonic()`` instant to give up at; asked again and again, so it may
            change its mind, or raise.

        Raises
        ------
        Closed
        Late
            What has come so far is kept: the next call goes on with it.
        BadMessage
            Too large, or no map of msgpack. The link is of no use afterwards.
        """
        self._fill(_LENGTH.size, until)
        (length,) = _LENGTH.unpack_from(self._begun)
        if length > self.limit:
            raise BadMessage(f"A message of {length} bytes is announced; {self.limit} are allowed.")
        self._fill(_LENGTH.size + length, until)
        body = bytes(self._begun[_LENGTH.size :])
        self._begun.clear()
        try:
            message = msgpack.unpackb(body, raw=False, strict_map_key=True)
        except (ValueError, msgpack.UnpackException, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"It is no msgpack: {type(error).__name__}: {error}.") from error
        if not isinstance(message, dict):
            raise BadMessage(f"It is a {type(message).__name__}, not a map.")
        return message

    def close(self) -> None:
        """End the connection; the peer sees it at once. Idempotent."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _write(self, rest: memoryview, deadline: float) -> None:
        while rest:
            try:
                rest = rest[self._socket.send(rest, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, lambda: deadline)
            except OSError as error:
                raise Closed(f"The connection is lost: {error}.") from error

    def _fill(self, count: int, until: Callable[[], float]) -> None:
        """Read until so many bytes of the message have come; what has is kept if that is late."""
        while len(self._begun) < count:
            try:
                chunk = self._socket.recv(min(_CHUNK, count - len(self._begun)))
            except BlockingIOError:
                self._wait(select.POLLIN, until)
                continue
            except OSError as error:
                raise Closed(f"The connection is lost: {error}.") from error
            if not chunk:
                raise Closed("The peer closed the connection.")
            self._begun += chunk

    def _wait(self, event: int, until: Callable[[], float]) -> None:
        poll = select.poll()
        try:
            poll.register(self._socket, event)
        except (OSError, ValueError) as error:  # closed by another thread
            raise Closed(f"The connection is closed: {error}.") from error
        while True:
            left_s = until() - time.monotonic()
            if left_s <= 0.0:
                raise Late("The peer did not answer in time.")
            if poll.poll(1000.0 * min(_SLICE_S, left_s)):
                return
