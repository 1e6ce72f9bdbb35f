"""Actions: a client never sees (ABORTED, 0), and loses no response."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.action import RunEpisode
from wiw_msgs.srv import ListEpisodes
from wiw_ros.action import SafeActionClient, serve, serve_action
from wiw_ros.testing import Probe, own_domain


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


def as_failure(error: BaseException) -> WiwError:
    return error if isinstance(error, WiwError) else WiwError(ErrorCode.INTERNAL, repr(error))


def run(probe: Probe, name: str, execute: Callable[[Any], Any]) -> Any:
    server = serve_action(probe.node, RunEpisode, name, execute, as_failure)
    try:
        return probe.result(probe.send(RunEpisode, name, RunEpisode.Goal(task="t")))
    finally:
        server.destroy()


def test_a_good_goal_succeeds_with_code_ok(probe: Probe) -> None:
    answer = run(probe, "good", lambda handle: RunEpisode.Result(code=1))
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_SUCCEEDED, 1)


def test_a_refusal_aborts_with_its_code_and_sentence(probe: Probe) -> None:
    def refuse(handle: Any) -> Any:
        raise WiwError(ErrorCode.UNKNOWN_TASK, "There is no task.", "Name one.")

    answer = run(probe, "refused", refuse)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 1002)
    assert answer.result.message == "There is no task. Name one."


def test_an_unforeseen_exception_aborts_with_a_code_too(probe: Probe) -> None:
    def crash(handle: Any) -> Any:
        raise ZeroDivisionError("oops")

    answer = run(probe, "crashed", crash)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 9001)
    assert "oops" in answer.result.message


def test_a_forgotten_code_is_an_error_not_a_success(probe: Probe) -> None:
    answer = run(probe, "forgotten", lambda handle: RunEpisode.Result())
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 9001)


def test_a_cancel_is_accepted_and_ends_as_canceled(probe: Probe) -> None:
    begun = threading.Event()

    def wait(handle: Any) -> Any:
        begun.set()
        end = time.monotonic() + 20.0
        while not handle.is_cancel_requested and time.monotonic() < end:
            threading.Event().wait(0.01)
        raise WiwError(ErrorCode.CANCELLED, "Cancelled.")

    server = serve_action(probe.node, RunEpisode, "cancelled", wait, as_failure)
    handle = probe.send(RunEpisode, "cancelled", RunEpisode.Goal())
    assert begun.wait(20.0)
    probe.cancel(handle)
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_CANCELED, 2005)
    server.destroy()


def test_a_service_that_fails_answers_with_a_code(probe: Probe) -> None:
    def refuse(request: Any, response: Any) -> None:
        raise WiwError(ErrorCode.UNKNOWN_TASK, f"There is no task '{request.task}'.")

    serve(probe.node, ListEpisodes, "list", refuse, as_failure)
    reply = probe.call(ListEpisodes, "list", ListEpisodes.Request(task="dance"))
    assert (reply.code, reply.message) == (1002, "There is no task 'dance'.")


def test_no_response_is_lost_when_it_arrives_before_the_request_is_noted(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Widens the window of ros2/rclpy#1123, between sending a request and noting it down."""

    def slow(send: Callable[..., int]) -> Callable[..., int]:
        def sent(request: Any) -> int:
            sequence = send(request)
            threading.Event().wait(0.02)
            return sequence

        return sent

    class Slow:
        def __init__(self, handle: Any) -> None:
            self._handle = handle

        def __getattr__(self, name: str) -> Any:
            value = getattr(self._handle, name)
            return slow(value) if name in ("send_goal_request", "send_result_request") else value

    server = serve_action(
        probe.node, RunEpisode, "raced", lambda handle: RunEpisode.Result(code=1), as_failure
    )
    client = SafeActionClient(probe.node, RunEpisode, "raced")
    assert isinstance(client, ActionClient) and client.wait_for_server(20.0)
    monkeypatch.setattr(client, "_client_handle", Slow(client._client_handle))
    for _ in range(10):
        done = threading.Event()
        future = client.send_goal_async(RunEpisode.Goal())
        future.add_done_callback(lambda _, done=done: done.set())
        assert done.wait(10.0), "the goal response was lost"
        done = threading.Event()
        result = future.result().get_result_async()
        result.add_done_callback(lambda _, done=done: done.set())
        assert done.wait(10.0), "the result was lost"
    monkeypatch.undo()
    client.destroy()
    server.destroy()
