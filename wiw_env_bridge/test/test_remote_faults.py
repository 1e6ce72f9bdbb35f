"""A worker that dies, hangs or lies costs an episode, never a run; and it never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from remote_tools import (
    FAKES,
    ROOM,
    Lines,
    eventually,
    first,
    is_running,
    room,
    script,
    trouble,
)

from wiw_core.conformance.promise import same_view
from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_env_bridge.remote import client
from wiw_env_bridge.remote.client import RemoteEnvironment
from wiw_env_bridge.remote.plugin import remote

TURN = navigation_plan(["turn_left"])


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF_S", (0.05, 0.2))


def failure(call: object, *arguments: object) -> WiwError:
    with pytest.raises(WiwError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value


def test_a_worker_that_dies_is_a_fault_and_its_episode_begins_again() -> None:
    environment, log = room(), Lines()
    environment.attach(log)
    try:
        name = first(environment)
        _, before, _ = environment.reset("ignav", name)
        list(environment.act(TURN))
        died = environment.pid
        os.kill(died, signal.SIGKILL)
        error = failure(lambda: list(environment.act(TURN)))
        assert error.code is ErrorCode.ENVIRONMENT_FAILED
        assert "SIGKILL" in str(error)
        assert environment.episode_ids("ignav")[0] == name, "what is known stays known"
        lost = failure(environment.episode_ids, "ignav", "train")
        assert lost.code is ErrorCode.ENVIRONMENT_FAILED
        result = environment.finish(1, fault=error.code, message=error.message)
        assert result.status is EpisodeStatus.ABORTED_FAULT
        assert (result.code, result.actions) == (ErrorCode.ENVIRONMENT_FAILED, 1)
        assert "attempt 1" in result.message
        assert failure(environment.finish, 1).code is ErrorCode.NO_EPISODE

        _, again, _ = environment.reset("ignav", name)
        assert environment.pid != died
        assert environment.attempt == 2
        assert log.said("attempt 2")
        assert same_view(before, again), "the same episode, from its start"
        list(environment.act(TURN))
        second = environment.finish(1)
        assert second.status is not EpisodeStatus.ABORTED_FAULT
        assert "attempt 2" in second.message, "the record tells of it"
        environment.reset("ignav", name)
        assert environment.attempt == 1
    finally:
        environment.close()


def test_a_result_without_a_judge_is_a_fault_even_if_none_is_told() -> None:
    environment = room()
    try:
        environment.reset("ignav", first(environment))
        os.kill(environment.pid, signal.SIGKILL)
        failure(lambda: list(environment.act(TURN)))
        result = environment.finish(3, answer="a sofa", confidence=0.9)
        assert result.status is EpisodeStatus.ABORTED_FAULT
        assert result.code is ErrorCode.ENVIRONMENT_FAILED
        assert (result.success, result.decisions, result.answer) == (False, 3, "a sofa")
    finally:
        environment.close()


def test_a_worker_that_dies_at_each_reset_is_started_again_and_again() -> None:
    environment = trouble("Dropper")
    try:
        pids = set()
        for attempt in range(1, 4):
            error = failure(environment.reset, "ignav", "0")
            pids.add(environment.pid)
            assert error.code is ErrorCode.ENVIRONMENT_FAILED
            assert "SIGABRT" in str(error) and "about to crash" in str(error)
            assert environment._attempts["ignav", "0"] == attempt
        assert len(pids) == 3
    finally:
        environment.close()


def test_a_worker_is_not_started_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF_S", (0.3, 0.6))
    environment = trouble("Dropper")
    try:
        failure(environment.reset, "ignav", "0")
        for least_s in (0.3, 0.6, 0.6):
            died = environment._died_s
            failure(environment.reset, "ignav", "0")
            assert environment._died_s - died >= least_s
    finally:
        environment.close()


@pytest.mark.parametrize("name", ["Deaf", "Greedy"])
def test_an_action_that_never_ends_is_late_and_its_worker_killed(name: str) -> None:
    environment = trouble(name, act_s=0.7, answer_s=0.7)
    pid = environment.pid
    try:
        environment.reset("ignav", first(environment))
        error = failure(lambda: list(environment.act(TURN)))
        assert error.code is ErrorCode.ENVIRONMENT_UNRESPONSIVE
        assert eventually(lambda: not is_running(pid))
        assert environment.finish(1, fault=error.code).code is ErrorCode.ENVIRONMENT_UNRESPONSIVE
    finally:
        environment.close()


def test_an_action_that_does_not_obey_a_hold_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "HOLD_S", 0.3)
    stopped = trouble("Greedy", act_s=60.0)
    try:
        stopped.reset("ignav", first(stopped))
        log = Lines()
        stopped.attach(log)
        threading.Thread(target=hold_when, args=(stopped, log, "stuck now"), daemon=True).start()
        error = failure(lambda: list(stopped.act(TURN)))
        assert error.code is ErrorCode.ENVIRONMENT_UNRESPONSIVE
    finally:
        stopped.close()


def hold_when(environment: RemoteEnvironment, log: Lines, words: str) -> None:
    assert eventually(lambda: log.said(words))
    environment.hold()


def test_a_worker_that_sends_no_image_is_killed() -> None:
    environment = room(fault="wrong_shape")
    pid = environment.pid
    try:
        error = failure(environment.reset, "ignav", first(environment))
        assert error.code is ErrorCode.ENVIRONMENT_FAILED
        assert "has shape" in str(error)
        assert eventually(lambda: not is_running(pid))
    finally:
        environment.close()


def test_an_unforeseen_error_is_told_and_the_worker_lives_on() -> None:
    environment, log = room(fault="crash"), Lines()
    environment.attach(log)
    try:
        pid = environment.pid
        environment.reset("ignav", first(environment))
        error = failure(lambda: list(environment.act(TURN)))
        assert error.code is ErrorCode.ENVIRONMENT_FAILED
        assert eventually(lambda: log.said("Traceback"))
        environment.reset("ignav", first(environment))
        assert environment.pid == pid
    finally:
        environment.close()


def test_what_the_worker_prints_goes_to_the_log_of_the_node() -> None:
    environment, log = trouble("Dropper"), Lines()
    environment.attach(log)
    try:
        failure(environment.reset, "ignav", "0")
        assert eventually(lambda: log.said("about to crash"))
        assert any("dropper worker" in line for line in log.all)
    finally:
        environment.close()


def test_close_ends_the_worker_and_all_that_it_started() -> None:
    environment = trouble("Parent")
    worker = environment.pid
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    assert len(children) == 1
    environment.close()
    environment.close()
    assert eventually(lambda: not is_running(worker) and not is_running(int(children[0])))
    assert failure(environment.reset, "ignav", "0").code is ErrorCode.NOT_ACTIVE


@pytest.mark.parametrize(
    ("factory", "then"),
    [(ROOM, "input()"), ("remote_troubles:Orphan", "next(e.act(navigation_plan(['forward'])))")],
)
def test_a_worker_ends_when_its_parent_is_killed(factory: str, then: str) -> None:
    code = f"""
from wiw_core.plans import navigation_plan
from wiw_env_bridge.remote.client import RemoteEnvironment
from wiw_env_bridge.remote.plugin import remote
e = RemoteEnvironment("room", "{factory}", {{}}, path=("{FAKES}",))
e.reset("ignav", e.episode_ids("ignav")[0])
e.hold()
print(e.pid, flush=True)
{then}
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None and parent.stderr is not None
    worker = int(parent.stdout.readline())
    if "Orphan" in factory:
        while b"stuck now" not in parent.stderr.readline():
            pass
    assert is_running(worker)
    parent.kill()
    parent.wait(10.0)
    assert eventually(lambda: not is_running(worker))


def test_a_ctrl_c_in_the_terminal_is_left_to_the_parent() -> None:
    environment = room()
    try:
        assert os.getsid(environment.pid) == environment.pid
        assert os.getsid(environment.pid) != os.getsid(0)
    finally:
        environment.close()


def test_an_interpreter_that_lacks_something_says_what(tmp_path: Path) -> None:
    bare = script(tmp_path, f'exec {sys.executable} -S "$@"')
    error = failure(lambda: room(python=bare))
    assert error.code is ErrorCode.ENVIRONMENT_FAILED
    assert "cannot import numpy" in str(error) and "pip install" in str(error)


def test_a_worker_that_never_connects_is_late(tmp_path: Path) -> None:
    silent = script(tmp_path, "exec sleep 60")
    began = time.monotonic()
    with pytest.raises(WiwError, match="did not connect"):
        RemoteEnvironment("room", ROOM, {}, silent, patience=client.Patience(start_s=0.5))
    assert time.monotonic() - began < 20.0


def test_a_worker_that_does_not_answer_never_delays_who_asks_how_it_moves() -> None:
    environment = remote(ROOM)
    try:
        environment.reset("ignav", first(environment))
        list(environment.act(TURN))
        assert environment.motion()[0].yaw_rad > 0.0
        os.kill(environment.pid, signal.SIGSTOP)
        began = time.monotonic()
        told = {environment.motion() for _ in range(50)}
        assert time.monotonic() - began < 2.0, "it waits once, not each time"
        assert [(speed, rate) for _, speed, rate in told] == [(0.0, 0.0)]
        os.kill(environment.pid, signal.SIGCONT)
        list(environment.act(TURN))
        assert eventually(lambda: environment.motion()[0].yaw_rad > 0.7), "and goes on"
        os.kill(environment.pid, signal.SIGKILL)
        assert eventually(lambda: environment.motion()[1:] == (0.0, 0.0))
    finally:
        environment.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_episode_is_closed_even_if_its_worker_fails_only_then(number: int) -> None:
    environment = RemoteEnvironment("room", ROOM, {}, patience=client.Patience(answer_s=1.0))
    try:
        environment.reset("ignav", first(environment))
        list(environment.act(TURN))
        os.kill(environment.pid, number)
        result = environment.finish(1)
        assert result.status is EpisodeStatus.ABORTED_FAULT
        assert result.actions == 1
        assert result.code in (ErrorCode.ENVIRONMENT_FAILED, ErrorCode.ENVIRONMENT_UNRESPONSIVE)
        environment.reset("ignav", first(environment))
    finally:
        environment.close()


def test_close_ends_a_call_that_hangs_and_nothing_begins_again() -> None:
    environment = trouble("Deaf")
    environment.reset("ignav", first(environment))
    errors: list[WiwError] = []

    def drive() -> None:
        try:
            list(environment.act(TURN))
        except WiwError as error:
            errors.append(error)

    thread = threading.Thread(target=drive)
    thread.start()
    time.sleep(0.3)  # into the action; there is no sign of it to wait for
    environment.close()
    thread.join(10.0)
    assert [error.code for error in errors] == [ErrorCode.NOT_ACTIVE]
    assert failure(environment.reset, "ignav", "0").code is ErrorCode.NOT_ACTIVE
    assert environment.pid == 0
