"""The parent's side of a worker process: started, recognised, listened to, and surely ended."""

from __future__ import annotations

import contextlib
import hmac
import importlib.util
import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.remote import bootstrap
from wiw_env_bridge.remote.codec import Fields
from wiw_env_bridge.remote.framing import (
    HELLO_BYTES,
    MAGIC,
    MAX_BYTES,
    PROTOCOL,
    BadMessage,
    Closed,
    Late,
    Link,
)

ROLES = ("calls", "control")
HELLO_S = 2.0
"""Longest time a peer may take to say who it is."""
PACKAGES = ("wiw_core", "wiw_env_bridge")
"""All of ours that a worker may import."""
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")
"""Variables of this process that would mix its libraries into another interpreter."""
_PATH_BYTES = 90  # an address of a Unix socket has room for 107
_LINE = 2000
_LAST_LINES = 20


class WorkerProcess:
    """A worker that has been started and has proved who it is.

    Parameters
    ----------
    python : str
        Interpreter to run; empty: this one.
    path : sequence of str
        Folders that it may import from besides its own.
    variables : mapping
        Environment variables of its own; an empty text removes one.
    log : callable
        Takes each line that it prints.
    start_s : float
        Longest time until it has connected.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if there is no such interpreter; ``ENVIRONMENT_FAILED`` if it ended, or
        did not connect in time: the message has its last line.
    """

    def __init__(
        self,
        python: str,
        path: Sequence[str],
        variables: Mapping[str, str],
        log: Callable[[str], None],
        start_s: float,
    ) -> None:
        self._log = log
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._links: dict[str, Link] = {}
        token = secrets.token_hex(32)
        deadline = time.monotonic() + start_s
        folder = _private_folder()
        try:
            with contextlib.closing(_listen(folder)) as listener:
                self._process = _spawn(
                    python or sys.executable, folder, token, _variables(path, variables)
                )
                self._ear = threading.Thread(target=self._pump, daemon=True, name="worker-log")
                self._ear.start()
                try:
                    self._accept(listener, token, deadline)
                except BaseException:
                    self.kill()
                    raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # from now on nobody else can connect

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def calls(self) -> Link:
        """The connection for questions and answers."""
        return self._links["calls"]

    @property
    def control(self) -> Link:
        """The connection that is read at any time."""
        return self._links["control"]

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    def end_of(self) -> str:
        """Return, in words, how it ended, and the last line that it printed."""
        status = self._process.poll()
        if status is not None:
            self._ear.join(0.5)  # for its last words
        if status is None:
            how = "is running"
        elif status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        said = f" It last said: {self._lines[-1]}" if self._lines else ""
        return f"process {self.pid} {how}.{said}"

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False if it is still running."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and all that it started, at once; idempotent."""
        for link in self._links.values():
            link.close()
        # The group outlives its first process if that was only a launcher.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def _pump(self) -> None:
        out = self._process.stdout
        assert out is not None
        with out:
            while line := out.readline(_LINE):
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._lines.append(text)
                    self._log(text)

    def _accept(self, listener: socket.socket, token: str, deadline: float) -> None:
        while len(self._links) < len(ROLES):
            if not self.alive:
                raise WiwError(
                    ErrorCode.ENVIRONMENT_FAILED, f"The worker could not start: {self.end_of()}"
                )
            if time.monotonic() > deadline:
                raise WiwError(
                    ErrorCode.ENVIRONMENT_FAILED, "The worker was started and did not connect."
                )
            if select.select([listener], [], [], 0.05)[0]:
                self._meet(listener.accept()[0], token)

    def _meet(self, connection: socket.socket, token: str) -> None:
        """Keep the connection if it is the worker's; refuse and forget it otherwise."""
        link = Link(connection, HELLO_BYTES)
        until = time.monotonic() + HELLO_S
        try:
            why = _stranger(connection) or self._recognise(link.receive(lambda: until), token, link)
        except (BadMessage, Closed, Late) as error:
            why = f"It does not speak the protocol: {error}"
        if not why:
            return
        self._log(f"refused a connection: {why}")
        with contextlib.suppress(Closed, Late):
            link.send({"welcome": False, "why": why}, HELLO_S)
        link.close()

    def _recognise(self, hello: dict[str, object], token: str, link: Link) -> str:
        """Return why this is not the worker; keep its link and return nothing if it is."""
        fields = Fields(hello, "the greeting")
        given, role = fields.text("token"), fields.text("role")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return "It does not know the token."
        if (fields.text("magic"), fields.whole("protocol")) != (MAGIC, PROTOCOL):
            return f"It speaks version {fields.whole('protocol')} of the protocol, not {PROTOCOL}."
        if role not in ROLES or role in self._links:
            return f"The role '{role}' is not free."
        link.send({"welcome": True}, HELLO_S)
        link.limit = MAX_BYTES
        self._links[role] = link
        return ""


def _stranger(connection: socket.socket) -> str:
    """Return why a peer is refused unheard: it belongs to another user."""
    if not hasattr(socket, "SO_PEERCRED"):  # not Linux: the folder and the token decide
        return ""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    user = struct.unpack("3i", raw)[1]
    return "" if user == os.geteuid() else f"It belongs to user {user}."


def _private_folder() -> Path:
    """Return a new folder that only this user may enter, short enough for a socket's address."""
    folder = Path(tempfile.mkdtemp(prefix="wiw-"))
    if len(str(folder).encode()) > _PATH_BYTES:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="wiw-", dir="/tmp"))
    return folder


def _listen(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "worker"))
    listener.listen(len(ROLES))
    return listener


def _variables(path: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    variables = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
    variables.update(own)
    if path:
        variables["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in path)
    return {name: value for name, value in variables.items() if value}


def _spawn(
    python: str, folder: Path, token: str, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own: a Ctrl-C in the terminal is the parent's alone."""
    command = [python, "-u", bootstrap.__file__, str(folder / "worker")]
    try:
        return subprocess.Popen(
            [*command, *(f"{name}={_folder_of(name)}" for name in PACKAGES)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**variables, bootstrap.TOKEN_VARIABLE: token},
            start_new_session=True,
        )
    except OSError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The interpreter '{python}' cannot be run: {error.strerror}.",
            "Give the path of the python of the environment that has the simulator.",
        ) from error


def _folder_of(package: str) -> Path:
    """Return the folder that holds a package of ours."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise WiwError(ErrorCode.INTERNAL, f"The package '{package}' has no folder.")
    return Path(spec.origin).absolute().parent.parent
