"""``wiw up``: start the described graph as processes, without ``ros2 launch``.

Log lines are prefixed with the node's name. A node that may respawn does so with growing pauses;
one that keeps failing ends the graph. Every child is gone when :meth:`Starter.run` returns.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wiw.description import NodeSpec

FAILURES, WINDOW_S = 3, 600.0
"""A node that fails so often within so many seconds is not started again."""
STOP_S = 6.0
"""Seconds a node has to end after SIGINT before it is killed."""
COLOURS = ("36", "35", "33", "32", "34", "31")


@dataclass
class Child:
    """One node's process and its recent failures."""

    spec: NodeSpec
    command: Sequence[str]
    colour: str
    process: subprocess.Popen[str] | None = None
    pump: threading.Thread | None = None
    failures: deque[float] = field(default_factory=deque)
    due: float | None = None


class Starter:
    """Run nodes until one that is required ends, or until it is interrupted.

    Parameters
    ----------
    nodes : sequence of (NodeSpec, command)
    environment : mapping
        Variables added to this process's own for each node.
    backoff_s : float
        First pause before a respawn; doubles with each failure in the window.
    write : callable
        Where log lines go.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[NodeSpec, Sequence[str]]],
        environment: Mapping[str, str],
        *,
        backoff_s: float = 1.0,
        write: Callable[[str], None] | None = None,
    ) -> None:
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._backoff_s = backoff_s
        self._write = write or (lambda line: print(line, flush=True))
        self._exits: queue.SimpleQueue[Child | None] = queue.SimpleQueue()
        self._children = [
            Child(spec, command, COLOURS[i % len(COLOURS)])
            for i, (spec, command) in enumerate(nodes)
        ]
        self._width = max(len(child.spec.name) for child in self._children)

    def run(self) -> int:
        """Start everything and wait; return 0 if it ended as asked, 1 if a node failed for good."""
        with self._signals():
            try:
                for child in self._children:
                    self._start(child)
                return self._supervise()
            finally:
                self._stop_all()

    def stop(self) -> None:
        """End the graph; callable from any thread and from a signal handler."""
        self._exits.put(None)

    def _supervise(self) -> int:
        while True:
            waiting = [child.due for child in self._children if child.due is not None]
            timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else None
            try:
                ended = self._exits.get(timeout=timeout)
            except queue.Empty:
                self._restart_due()
                continue
            if ended is None:
                self._say("stopping")
                return 0
            verdict = self._ended(ended)
            if verdict is not None:
                return verdict

    def _ended(self, child: Child) -> int | None:
        """Return the exit code of the graph if this end is the end of it."""
        assert child.process is not None
        code, name, now = child.process.returncode, child.spec.name, time.monotonic()
        if child.spec.required:
            self._say(f"{name} ended with exit code {code}: stopping the rest")
            return 0 if code == 0 else 1
        child.failures.append(now)
        while child.failures and now - child.failures[0] > WINDOW_S:
            child.failures.popleft()
        if not child.spec.respawn or len(child.failures) >= FAILURES:
            self._say(
                f"{name} failed {len(child.failures)} times in {WINDOW_S / 60:.0f} minutes"
                f" (last exit code {code}): giving up; its log above says why"
            )
            return 1
        pause = self._backoff_s * 2 ** (len(child.failures) - 1)
        self._say(f"{name} ended with exit code {code}: starting it again in {pause:g} s")
        child.due = now + pause
        return None

    def _restart_due(self) -> None:
        for child in self._children:
            if child.due is not None and child.due <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        child.due = None
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we end the nodes.
        child.process = subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            start_new_session=True,
        )
        child.pump = threading.Thread(target=self._pump, args=(child, child.process), daemon=True)
        child.pump.start()

    def _pump(self, child: Child, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._print(child.spec.name, child.colour, line.rstrip("\n"))
        process.wait()
        self._exits.put(child)

    def _stop_all(self) -> None:
        running = [c.process for c in self._children if c.process and c.process.poll() is None]
        for process in running:
            _signal(process, signal.SIGINT)
        deadline = time.monotonic() + STOP_S
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"process {process.pid} did not end in {STOP_S:.0f} s: killing it")
                _signal(process, signal.SIGKILL)
                process.wait()
        for child in self._children:
            if child.pump is not None:
                child.pump.join(timeout=2.0)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, lambda *_: self.stop())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _say(self, text: str) -> None:
        self._print("wiw", "1", text)

    def _print(self, name: str, colour: str, text: str) -> None:
        label = f"{name:<{self._width}} |"
        if sys.stdout.isatty():
            label = f"\033[{colour}m{label}\033[0m"
        self._write(f"{label} {text}")


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.killpg(process.pid, number)
