"""Nobody but our worker is listened to, and nothing but our messages is read."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from remote_tools import ROOM, eventually, script

from wiw_core.arm import TOOL_POSE
from wiw_core.decisions import EpisodeResult, EpisodeStatus, Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Observation, SceneObject
from wiw_core.plans import Action, Plan
from wiw_env_bridge.remote import codec
from wiw_env_bridge.remote.client import Patience, RemoteEnvironment
from wiw_env_bridge.remote.framing import MAGIC, PROTOCOL, BadMessage, Closed, Late, Link
from wiw_env_bridge.remote.process import WorkerProcess

Pair = tuple[Link, socket.socket]


class Stage:
    """A worker process that never speaks; the test plays its part at the socket.

    It writes where it was told to connect, and the secret, as a thief of its memory would.
    """

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "notes"
        text = f'printf "%s\\n%s\\n" "$3" "$WIW_WORKER_TOKEN" > {self.notes}.part'
        self.python = script(folder, f"{text}; mv {self.notes}.part {self.notes}; exec sleep 60")

    def known(self) -> tuple[str, str]:
        """Return the address and the token, once the worker runs."""
        assert eventually(self.notes.exists)
        address, token = self.notes.read_text().splitlines()
        return address, token

    def connect(self, **changes: Any) -> Link:
        """Connect and greet, with these changes of a right greeting."""
        address, token = self.known()
        link = Link(_dial(address))
        hello = {"magic": MAGIC, "protocol": PROTOCOL, "role": "calls", "token": token}
        link.send({**hello, "pid": 1, "python": "3.9", **changes})
        return link


def _dial(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(address)
    return connection


def soon() -> float:
    """Return an instant to give up at."""
    return _END[0]


_END = [0.0]


@pytest.fixture(autouse=True)
def bounded() -> None:
    _END[0] = time.monotonic() + 30.0


def started(stage: Stage, box: list[Any], start_s: float = 30.0) -> threading.Thread:
    """Start the parent's side in a thread; what comes of it is put into the box."""

    def start() -> None:
        try:
            box.append(WorkerProcess(stage.python, (), {}, lambda line: box.append(line), start_s))
        except WiwError as error:
            box.append(error)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    return thread


def test_strangers_are_refused_and_the_worker_still_gets_through(tmp_path: Path) -> None:
    stage, box = Stage(tmp_path), []
    thread = started(stage, box)
    address, token = stage.known()
    folder = Path(address).parent
    assert folder.stat().st_mode & 0o777 == 0o700, "nobody else may even look"
    for changes, words in (
        ({"token": "0" * 64}, "token"),
        ({"token": token[:-1]}, "token"),
        ({"token": ""}, "token"),
        ({"protocol": PROTOCOL + 1}, "version"),
        ({"magic": "other"}, "version"),
        ({"role": "admin"}, "role"),
        ({"token": 7}, "does not speak"),
    ):
        answer = stage.connect(**changes).receive(soon)
        assert answer["welcome"] is False
        assert words in answer["why"]
    for raw in (
        struct.pack(">I", 2**32 - 1),  # announces four gigabytes
        struct.pack(">I", 5000) + b"x" * 5000,  # larger than a stranger's message may be
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",  # no msgpack
        struct.pack(">I", 1) + b"\x90",  # no map
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ):
        connection = _dial(address)
        connection.sendall(raw)
        connection.close()
    assert stage.connect(role="calls").receive(soon)["welcome"] is True
    assert stage.connect(role="calls").receive(soon)["welcome"] is False, "one of each role"
    assert stage.connect(role="control").receive(soon)["welcome"] is True
    thread.join(30.0)
    worker = next(item for item in box if isinstance(item, WorkerProcess))
    assert not folder.exists(), "from then on nobody can connect"
    assert sum("refused" in str(item) for item in box) >= 12
    worker.kill()
    assert not worker.alive


@pytest.fixture
def pretender(tmp_path: Path) -> Iterator[tuple[Link, list[Any], threading.Thread]]:
    """A worker that has been let in and says what the test wants; what came of it is in a box."""
    stage, box = Stage(tmp_path), []

    def start() -> None:
        try:
            patience = Patience(start_s=20.0, answer_s=20.0)
            box.append(RemoteEnvironment("room", ROOM, {}, stage.python, patience=patience))
        except WiwError as error:
            box.append(error)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    control = stage.connect(role="control")
    calls = stage.connect(role="calls")
    assert control.receive(soon)["welcome"] and calls.receive(soon)["welcome"]
    assert calls.receive(soon)["call"] == "open"
    yield calls, box, thread
    calls.close()
    control.close()
    thread.join(30.0)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1",
        struct.pack(">I", 6) + b"\x81\xa4nameX"[:6],
        struct.pack(">I", 1) + b"\x80",  # a reply that says nothing
        struct.pack(">I", 600) + b"\x91" * 600,  # deeper than anything of ours
    ],
)
def test_a_worker_that_talks_nonsense_is_a_fault(pretender: Any, raw: bytes) -> None:
    calls, box, thread = pretender
    calls._socket.sendall(raw)
    thread.join(30.0)
    (error,) = box
    assert error.code is ErrorCode.ENVIRONMENT_FAILED
    assert "must not" in str(error)


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    link = Link(near, 10_000)
    yield link, far
    link.close()
    far.close()


def test_a_link_carries_whole_messages_both_ways(pair: Pair) -> None:
    link, far = pair
    other = Link(far)
    for size in (0, 1, 9000):
        link.send({"data": b"x" * size})
        assert other.receive(soon) == {"data": b"x" * size}
    other.send({"a": [1, 2.5, None, True, "ä"]})
    assert link.receive(soon) == {"a": [1, 2.5, None, True, "ä"]}


def test_a_link_refuses_too_much_in_both_directions(pair: Pair) -> None:
    link, far = pair
    with pytest.raises(BadMessage, match="at most 10000"):
        link.send({"data": b"x" * 10_001})
    with pytest.raises(BadMessage, match="cannot be packed"):
        link.send({"data": object()})
    far.sendall(struct.pack(">I", 10_001))
    with pytest.raises(BadMessage, match="allowed"):
        link.receive(soon)


def test_a_link_gives_up_in_time_and_sees_its_peer_go(pair: Pair) -> None:
    link, far = pair
    far.sendall(struct.pack(">I", 100) + b"half")
    with pytest.raises(Late):
        link.receive(lambda: 0.0)
    far.close()
    with pytest.raises(Closed):
        link.receive(soon)


def test_a_link_does_not_wait_for_ever_for_a_peer_that_does_not_read() -> None:
    near, far = socket.socketpair()
    link = Link(near)
    with pytest.raises(Late):
        link.send({"data": b"x" * 20_000_000}, timeout_s=0.2)
    link.close()
    far.close()


def observation() -> Observation:
    """Return one with every field set."""
    environment = FakeEnvironment()
    _, seen, _ = environment.reset("ignav", environment.episode_ids("ignav")[0])
    boxed = replace(seen.views[0], target_box=(3, 4, 70, 9))
    return replace(
        seen,
        views=(boxed, *seen.views[1:]),
        base_pose=Pose2(1.0, -2.0, 0.5),
        joints=(("joint1", 0.25), ("joint2", -1.0)),
        tool_pose=Pose3(0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0),
        gripper=0.5,
        objects=(SceneObject("object 1", 0.1, 0.2, 0.3),),
        stamp_s=12.5,
    )


def same(a: Any, b: Any) -> bool:
    """Tell whether two packed values are equal, not-a-number included."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b or (a != a and b != b))


def test_every_type_comes_back_as_it_was() -> None:
    environment = FakeEnvironment()
    episode, _, _ = environment.reset("ignav", environment.episode_ids("ignav")[0])
    seen = observation()
    plan = Plan((Action("tool_pose", (0.5,) * 8), Action("forward")), "do it", 0.25)
    result = EpisodeResult("ar", "7", 3, EpisodeStatus.TRUNCATED, False, message="ä", answer="b")
    for pack, unpack, value in (
        (codec.pack_observation, codec.unpack_observation, seen),
        (codec.pack_episode, codec.unpack_episode, episode),
        (codec.pack_plan, codec.unpack_plan, plan),
        (codec.pack_spec, codec.unpack_spec, TOOL_POSE),
        (codec.pack_transition, codec.unpack_transition, Transition(seen, 0.2, True, True)),
        (codec.pack_transition, codec.unpack_transition, Transition(None, 0.0)),
        (codec.pack_result, codec.unpack_result, result),
    ):
        packed = pack(value)
        assert same(pack(unpack(packed)), packed)
    back = codec.unpack_observation(codec.pack_observation(seen))
    assert np.array_equal(back.views[0].rgb, seen.views[0].rgb)
    back.views[0].rgb[0, 0] = 0  # it is ours to write to
    error = codec.unpack_error(codec.pack_error(WiwError(ErrorCode.NO_PATH, "No.", "Go round.")))
    assert (error.code, error.message, error.hint) == (ErrorCode.NO_PATH, "No.", "Go round.")


def places(packed: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value within a packed one."""
    if isinstance(packed, dict):
        items: Any = packed.items()
    elif isinstance(packed, list):
        items = enumerate(packed)
    else:
        items = ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def test_a_changed_message_is_refused_or_read_never_anything_else() -> None:
    rng = random.Random(7)
    environment = FakeEnvironment(height=4, width=8)
    episode, seen, _ = environment.reset("ignav", environment.episode_ids("ignav")[0])
    junk = (None, True, -1, 2**40, 1.5, float("nan"), "", b"", [], {}, [[]], ["x", 1])
    refused = 0
    for pack, unpack, value in (
        (codec.pack_transition, codec.unpack_transition, Transition(seen, 0.1)),
        (codec.pack_episode, codec.unpack_episode, episode),
        (codec.pack_plan, codec.unpack_plan, Plan((Action("forward", (1.0,)),))),
    ):
        ways = list(places(pack(value)))
        for _ in range(250):
            packed = pack(value)
            *to, last = rng.choice(ways)
            holder = packed
            for key in to:
                holder = holder[key]
            if rng.random() < 0.2 and isinstance(holder, dict):
                del holder[last]
            else:
                holder[last] = rng.choice(junk)
            try:
                unpack(packed)
            except BadMessage:
                refused += 1
    assert refused > 300
