"""A fake policy server on this machine: straight lines for answers, or a fault from a menu."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from wiw_core.fakes.faults import chosen_fault
from wiw_planner_node.clients.packing import pack, unpack

FAULTS = (
    "none",
    "silent",  # opens, and never greets
    "hang",  # takes the question, and never answers
    "late",  # answers after late_s, then goes on as if nothing were wrong
    "drop",  # ends the connection in place of the answer
    "drop_second",  # ends it in place of the second answer of each connection
    "error",  # reports an error in text, as an OpenPI server does
    "garbage",  # answers bytes that are no message
    "list",  # answers a list
    "object",  # answers an array of Python objects
    "short_array",  # an array has fewer bytes than its shape says
    "no_actions",  # the answer lacks what was asked for
    "wrong_shape",  # actions have one number too many
    "words",  # actions are text
    "empty",  # no step at all
    "nan",
    "infinite",
    "outside",  # leads out of the workspace
    "crooked",  # quaternions of norm 2
    "too_large",  # more than a reply may hold
)
STEPS = 50
"""Steps of its trajectories and chunks."""
_HOME = (0.2, 0.0, 1.0)


class FakePolicyServer:
    """A fake: each sample goes in a straight line to a place drawn from its seed, then closes.

    It speaks both messages, OpenPI's (``delta`` with 7 numbers, ``absolute`` with 8) and that for
    trajectories. Without a seed the first question of a run of the same question gets the first
    sample, the second one the second, and so on.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`FAULTS`.
    numbers : int
        Numbers of each action, 7 or 8.
    late_s : float
        Seconds of the fault ``late``.
    seeded : bool
        Whether the question's ``seed`` counts.
    """

    def __init__(
        self, fault: str = "none", numbers: int = 7, late_s: float = 0.5, seeded: bool = True
    ) -> None:
        self.fault = chosen_fault(fault, FAULTS)
        self.numbers, self.late_s, self.seeded = numbers, late_s, seeded
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.connections = 0
        self._closing = threading.Event()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> FakePolicyServer:
        from websockets.sync.server import serve

        self._server = serve(self._serve, "127.0.0.1", 0, compression=None, max_size=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        assert self._thread is not None
        self._thread.join(5.0)

    def _serve(self, socket: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        self.connections += 1
        self.keys.append(socket.request.headers.get("Authorization"))
        try:
            if self.fault == "silent":
                self._closing.wait(30.0)
                return
            socket.send(pack({"name": "a fake policy", "steps": STEPS}))
            for number, data in enumerate(socket):
                question = unpack(data)
                self.asked.append(question)
                self._answer(socket, question, number)
        except ConnectionClosed:
            pass  # the client has gone

    def _answer(self, socket: Any, question: dict[str, Any], number: int) -> None:
        if self.fault == "hang":
            self._closing.wait(30.0)
        elif self.fault == "late":
            time.sleep(self.late_s)
        if self.fault == "drop" or (self.fault == "drop_second" and number == 1):
            socket.close()
        elif self.fault == "error":
            socket.send("Traceback (most recent call last):\n  ...\nKeyError: 'no\x1b[31m picture'")
        elif self.fault == "garbage":
            socket.send(b"\xc1\xff\x00")
        elif self.fault == "too_large":
            socket.send(bytes(80 << 20))
        elif self.fault in _RAW:
            socket.send(_RAW[self.fault]())
        else:
            socket.send(pack(self._reply(question)))

    def _reply(self, question: dict[str, Any]) -> dict[str, Any]:
        timing = {"policy_timing": {"infer_ms": 1.0}}
        if "samples" in question:
            seeds = [int(question["seed"]) + k for k in range(int(question["samples"]))]
            rows = np.stack([self._absolute(question["state"], s) for s in seeds])
            return {} if self.fault == "no_actions" else {"trajectories": self._spoilt(rows)}
        seed = int(question.get("seed", 0)) if self.seeded else 0
        if "seed" not in question or not self.seeded:
            seed = len(self.asked)
        state = next(v for v in question.values() if getattr(v, "shape", None) == (8,))
        rows = self._absolute(state, seed) if self.numbers == 8 else self._delta(state, seed)
        return timing if self.fault == "no_actions" else {"actions": self._spoilt(rows), **timing}

    def _absolute(self, state: Any, seed: int) -> np.ndarray[Any, Any]:
        share = np.linspace(1.0 / STEPS, 1.0, STEPS)[:, None]
        rows = np.empty((STEPS, 8), np.float32)
        rows[:, :3] = (1.0 - share) * state[:3] + share * _goal(seed)
        rows[:, 3:7] = (1.0, 0.0, 0.0, 0.0)
        rows[:, 7] = np.arange(STEPS) < STEPS // 2
        return rows

    def _delta(self, state: Any, seed: int) -> np.ndarray[Any, Any]:
        rows = np.zeros((STEPS, 7), np.float32)
        rows[:, :3] = (_goal(seed) - state[:3]) / STEPS / 0.05
        rows[:, 6] = np.where(np.arange(STEPS) < STEPS // 2, -1.0, 1.0)
        return rows

    def _spoilt(self, rows: np.ndarray[Any, Any]) -> Any:
        if self.fault == "wrong_shape":
            return np.concatenate([rows, rows[..., :1]], axis=-1)
        if self.fault == "words":
            return "forward"
        if self.fault == "empty":
            return rows[..., :0, :]
        if self.fault in ("nan", "infinite"):
            rows[..., 7, 1] = np.nan if self.fault == "nan" else np.inf
        if self.fault == "outside":
            rows[..., 2] = 9.0  # metres up, or as far up as a step goes
        if self.fault == "crooked":
            rows[..., 3:7] *= 2.0
        return rows


def _goal(seed: int) -> np.ndarray[Any, Any]:
    return np.array(_HOME) + np.random.default_rng(seed).uniform(-0.15, 0.15, 3)


def _with_array(fields: dict[bytes, Any]) -> bytes:
    import msgpack

    array = {b"__ndarray__": True, **fields}
    return bytes(msgpack.packb({"actions": array, "trajectories": array}))


_RAW: dict[str, Callable[[], bytes]] = {
    "list": lambda: b"\x93\x01\x02\x03",
    "object": lambda: _with_array({b"data": b"\x80", b"dtype": "|O", b"shape": [1]}),
    "short_array": lambda: _with_array({b"data": b"\0" * 8, b"dtype": "<f4", b"shape": [50, 7]}),
}
