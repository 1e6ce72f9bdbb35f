"""An environment in a worker is as good as one in this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from remote_tools import ROOM, first, room

from wiw_core.conformance import check_environment
from wiw_core.conformance.examples import example_context, example_request
from wiw_core.conformance.promise import same_view
from wiw_core.contracts import Cloneable, Mobile
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.oracle import Imaginable, OracleWorldModel
from wiw_env_bridge.remote.client import RemoteEnvironment
from wiw_env_bridge.remote.plugin import remote

SMALL = {"panorama_height": 36, "panorama_width": 64, "front_size": 32}
OTHER_PYTHON = "WIW_OTHER_PYTHON"
"""Variable with an interpreter of another version that has numpy, scipy and msgpack."""


@pytest.fixture
def slow_room() -> Iterator[RemoteEnvironment]:
    environment = remote(ROOM, ("action_seconds=30",))
    yield environment
    environment.close()


def test_an_environment_in_a_worker_keeps_the_contract() -> None:
    environment = remote(ROOM, ("episodes=2",))
    assert isinstance(environment, Cloneable)
    assert isinstance(environment, Mobile)
    assert not isinstance(environment, Imaginable), "the room offers no oracle"
    check_environment(environment)


def test_the_worker_runs_on_another_interpreter() -> None:
    python = os.environ.get(OTHER_PYTHON, "")
    if not python:
        pytest.skip(f"{OTHER_PYTHON} names no other interpreter")
    asked = [python, "-c", "import sys; print(sys.version_info[:2])"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert version.strip() != str(sys.version_info[:2])
    check_environment(remote(ROOM, ("episodes=1",), python))


def test_all_that_a_worker_imports_is_python_3_9() -> None:
    listing = (
        "import sys, wiw_env_bridge.remote.serving, wiw_env_bridge.habitat.world,"
        "wiw_env_bridge.rlbench.world\n"
        "print(*(m.__file__ for n, m in sorted(sys.modules.items()) if n.startswith('wiw_')),"
        "*(n for n in ('rclpy', 'mujoco', 'cv2', 'torch') if n in sys.modules), sep='\\n')"
    )
    out = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    files = out.stdout.split()
    assert len(files) > 15
    for name in files:
        assert name.endswith(".py"), f"a worker must not import {name}"
        compile_for(3, 9, name)


def compile_for(major: int, minor: int, name: str) -> None:
    import ast

    ast.parse(Path(name).read_text("utf-8"), name, feature_version=(major, minor))


def test_the_oracle_imagines_in_the_worker_what_it_imagines_here() -> None:
    task = ImageGoalNavigation()
    arguments = tuple(f"{key}={value}" for key, value in SMALL.items())
    there = remote("wiw_env_bridge.mujoco.environment:MujocoEnvironment", arguments)
    here = MujocoEnvironment(**SMALL)
    try:
        assert isinstance(there, Imaginable)
        contexts = [example_context(env, task) for env in (here, there)]
        assert same_view(contexts[0].now, contexts[1].now)
        both = [
            list(OracleWorldModel(env).rollout(example_request(context)))
            for env, context in zip((here, there), contexts)
        ]
        for a, b in zip(*both):
            assert np.array_equal(a.frames, b.frames)
            assert np.array_equal(a.value, b.value)
    finally:
        here.close()
        there.close()


def test_no_action_is_executed_before_it_is_asked_for() -> None:
    environment = room()
    try:
        environment.reset("ignav", first(environment))
        motion = environment.act(navigation_plan(["turn_left"] * 3))
        assert next(motion).observation.step == 1
        motion.close()
        after = list(environment.act(navigation_plan(["turn_left"])))
        assert after[-1].observation.step == 2
    finally:
        environment.close()


def test_hold_stops_an_action_while_it_runs(slow_room: RemoteEnvironment) -> None:
    slow_room.reset("ignav", first(slow_room))
    began = threading.Event()
    seen: list[float] = []

    def drive() -> None:
        motion = slow_room.act(navigation_plan(["forward", "forward"]))
        began.set()
        seen.extend(t.path_m for t in motion)
        seen.append(time.monotonic())

    thread = threading.Thread(target=drive)
    thread.start()
    assert began.wait(10.0)
    while slow_room.motion()[1] == 0.0:  # until it moves
        time.sleep(0.005)
    told = time.monotonic()
    slow_room.hold()
    thread.join(10.0)
    assert not thread.is_alive()
    assert len(seen) == 2, "the action in progress is told of, the next one is not begun"
    assert 0.0 <= seen[0] < 0.2
    assert seen[1] - told < 0.5, "a hold is obeyed at once"
    assert slow_room.motion()[1:] == (0.0, 0.0)


def test_a_hold_of_before_a_plan_never_ends_it() -> None:
    environment = room()
    try:
        environment.reset("ignav", first(environment))
        for _ in range(30):
            for _ in range(20):
                environment.hold()
            turns = list(environment.act(navigation_plan(["turn_left", "turn_right"])))
            assert len(turns) == 2
    finally:
        environment.close()


def test_a_state_is_lost_with_its_episode() -> None:
    environment = remote(ROOM)
    try:
        environment.reset("ignav", first(environment))
        state = environment.snapshot()
        environment.reset("ignav", first(environment))
        with pytest.raises(WiwError) as caught:
            environment.restore(state)
        assert caught.value.code is ErrorCode.ENVIRONMENT_MISMATCH
    finally:
        environment.close()


@pytest.mark.parametrize(
    ("environment", "arguments", "python", "code", "words"),
    [
        ("", (), "", ErrorCode.BAD_PARAMETER, "MODULE:CLASS"),
        (ROOM, ("fault=nonsense",), "", ErrorCode.BAD_PARAMETER, "nonsense"),
        (ROOM, ("colour=red",), "", ErrorCode.ENVIRONMENT_FAILED, "colour"),
        ("no_such_module:Room", (), "", ErrorCode.ENVIRONMENT_FAILED, "no_such_module"),
        (ROOM, (), "/no/such/python", ErrorCode.BAD_PARAMETER, "/no/such/python"),
    ],
)
def test_what_cannot_be_built_says_why(
    environment: str, arguments: tuple[str, ...], python: str, code: ErrorCode, words: str
) -> None:
    with pytest.raises(WiwError, match=words) as caught:
        remote(environment, arguments, python)
    assert caught.value.code is code


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_patience_is_finite_and_above_zero(seconds: float) -> None:
    with pytest.raises(WiwError) as caught:
        remote(ROOM, act_s=seconds)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
