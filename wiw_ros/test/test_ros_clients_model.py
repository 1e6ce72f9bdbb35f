"""The client of remote world models, against scripted servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from ros_peers import OK, Graph, Peer, failure

from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeModel
from wiw_ros import convert
from wiw_ros.action import serve_action
from wiw_ros.clients import Patience
from wiw_ros.host import host_id
from wiw_ros.qos import ROLLOUTS
from wiw_ros.testing import own_domain


@pytest.fixture
def graph() -> Iterator[Graph]:
    with own_domain() as domain:
        graph = Graph(domain)
        yield graph
        graph.close()


def rollout(goal: Any, index: int, generation: int | None = None) -> RolloutAction.Feedback:
    count = goal.frames[index]
    indices = (count,) if goal.last_frame_only else tuple(range(1, count + 1))
    shade = len(goal.plans[index].actions)
    frames = np.full((len(indices), 8, 16, 3), shade, np.uint8)
    made = Rollout(
        plan_index=index,
        frames=frames,
        frame_indices=indices,
        generation=goal.generation if generation is None else generation,
    )
    return RolloutAction.Feedback(rollout=convert.rollout_to_msg(made), finished=index + 1)


def good_model(handle: Any) -> RolloutAction.Result:
    for index in range(len(handle.request.plans)):
        handle.publish_feedback(rollout(handle.request, index))
    return RolloutAction.Result(rollouts=len(handle.request.plans), code=OK)


def serve_model(peer: Peer, execute: Callable[[Any], Any], **info: Any) -> None:
    told = ModelInfo("scripted", height=8, width=16, **info)

    def describe(request: Any, reply: Any) -> Any:
        reply.info, reply.host, reply.code = convert.model_info_to_msg(told), host_id(), OK
        return reply

    name = peer.node.get_name()
    peer.node.create_service(
        DescribeModel, f"{name}/describe_model", describe, callback_group=ReentrantCallbackGroup()
    )
    serve_action(peer.node, RolloutAction, f"{name}/rollout", execute, peer.error)


def request(plans: int = 5, **options: Any) -> RolloutRequest:
    env = FakeEnvironment()
    episode, seen, _ = env.reset("ignav", "val_000")
    chosen = tuple(navigation_plan(["forward"] * (k + 1)) for k in range(plans))
    options.setdefault("deadline_s", time.monotonic() + 20.0)
    options.setdefault("generation", 7)
    frames = tuple(len(plan) for plan in chosen)
    return RolloutRequest((seen,), chosen, frames, episode, **options)


def test_each_plan_gets_its_own_rollout_from_several_servers(graph: Graph) -> None:
    shares = []
    for name in ("wm1", "wm2"):

        def execute(handle: Any) -> Any:
            shares.append(len(handle.request.plans))
            return good_model(handle)

        serve_model(graph.peer(name), execute)
    model = graph.model("wm1/rollout", "wm2/rollout")
    rollouts = {r.plan_index: r for r in model.rollout(request(5))}
    assert sorted(rollouts) == [0, 1, 2, 3, 4] and sorted(shares) == [2, 3]
    for index, got in rollouts.items():
        assert got.frame_indices == tuple(range(1, index + 2))
        assert (got.frames == index + 1).all() and got.generation == 7


def test_rollouts_that_arrive_after_the_result_are_not_lost(graph: Graph) -> None:
    """DDS promises no order between the two, and rclpy itself would drop them."""
    serve_model(graph.peer("wm"), good_model)
    model = graph.model("wm/rollout")
    for _ in range(40):
        assert len(list(model.rollout(request(4)))) == 4


def test_jpeg_is_used_between_hosts_and_raw_frames_on_one(graph: Graph) -> None:
    modes = []

    def execute(handle: Any) -> Any:
        modes.append(handle.request.return_mode)
        return good_model(handle)

    serve_model(graph.peer("wm"), execute)
    for mode in ("auto", "jpeg"):
        assert len(list(graph.model("wm/rollout", return_mode=mode).rollout(request(1)))) == 1
    assert modes == [RolloutAction.Goal.RAW, RolloutAction.Goal.JPEG]


def test_servers_that_are_not_alike_are_refused(graph: Graph) -> None:
    serve_model(graph.peer("wm1"), good_model)
    serve_model(graph.peer("wm2"), good_model, context=4)
    error = failure(lambda: graph.model("wm1/rollout", "wm2/rollout").info)
    assert error.code is ErrorCode.BAD_PARAMETER


def test_an_absent_model_is_named(graph: Graph) -> None:
    error = failure(lambda: list(graph.model("nobody/rollout", wait_s=0.3).rollout(request())))
    assert error.code is ErrorCode.MODEL_UNAVAILABLE and "/nobody" in error.message


def test_a_silent_model_of_a_live_process_hangs(graph: Graph) -> None:
    peer, ending = graph.peer("wm"), threading.Event()

    def dies(handle: Any) -> Any:
        handle.publish_feedback(rollout(handle.request, 0))
        peer.beating = False
        ending.wait(20.0)
        return good_model(handle)

    serve_model(peer, dies)
    stream = graph.model("wm/rollout").rollout(request())
    assert next(stream).plan_index == 0
    error = failure(lambda: next(stream))
    assert error.code is ErrorCode.WM_UNRESPONSIVE and "no heartbeat" in error.message
    ending.set()


def test_a_restarted_model_has_lost_its_goal(graph: Graph) -> None:
    peer, ending = graph.peer("wm"), threading.Event()

    def restarts(handle: Any) -> Any:
        ending.wait(0.3)  # a beat or two of the old life
        peer.restart()
        ending.wait(20.0)
        return good_model(handle)

    serve_model(peer, restarts)
    model = graph.model("wm/rollout", patience=Patience())
    assert model.info.name == "scripted"
    while graph.liveness.silence_s("/wm") > 0.2 or peer._count < 5:
        ending.wait(0.05)
    error = failure(lambda: list(model.rollout(request())))
    assert error.code is ErrorCode.WM_DIED and "restarted" in error.message
    ending.set()


def test_a_model_that_had_restarted_before_the_goal_is_not_lost(graph: Graph) -> None:
    peer, ending = graph.peer("wm"), threading.Event()

    def steady(handle: Any) -> Any:
        ending.wait(0.5)
        return good_model(handle)

    serve_model(peer, steady)
    model = graph.model("wm/rollout", patience=Patience())
    while graph.liveness.silence_s("/wm") > 0.2 or peer._count < 5:
        ending.wait(0.05)
    peer.restart()
    assert len(list(model.rollout(request()))) == 5


def test_a_model_that_outlasts_the_deadline_is_cancelled(graph: Graph) -> None:
    cancelled = threading.Event()

    def slow(handle: Any) -> Any:
        while not handle.is_cancel_requested:
            cancelled.wait(0.01)
        cancelled.set()
        return RolloutAction.Result(code=int(ErrorCode.CANCELLED))

    serve_model(graph.peer("wm"), slow)
    model = graph.model("wm/rollout")
    assert model.info.name == "scripted"
    deadline = time.monotonic() + 0.3
    error = failure(lambda: list(model.rollout(request(deadline_s=deadline))))
    assert error.code is ErrorCode.DEADLINE_EXCEEDED
    assert cancelled.wait(5.0)


def test_losing_interest_cancels_the_goal_and_late_rollouts_are_counted(graph: Graph) -> None:
    cancelled, release = threading.Event(), threading.Event()

    def late(handle: Any) -> Any:
        handle.publish_feedback(rollout(handle.request, 0))
        while not handle.is_cancel_requested:
            release.wait(0.01)
        handle.publish_feedback(rollout(handle.request, 1))
        cancelled.set()
        return RolloutAction.Result(rollouts=2, code=int(ErrorCode.CANCELLED))

    serve_model(graph.peer("wm"), late)
    model = graph.model("wm/rollout")
    with closing(model.rollout(request())) as stream:  # type: ignore[type-var]
        assert next(stream).plan_index == 0
    assert cancelled.wait(5.0)
    for _ in range(100):
        if model.stale:
            break
        release.wait(0.05)
    assert model.stale == 1


def test_a_cancelled_request_ends_at_once(graph: Graph) -> None:
    gone, ending = threading.Event(), threading.Event()

    def waits(handle: Any) -> Any:
        gone.set()
        while not (handle.is_cancel_requested or ending.wait(0.01)):
            pass
        return RolloutAction.Result(code=int(ErrorCode.CANCELLED))

    serve_model(graph.peer("wm"), waits)
    model = graph.model("wm/rollout")
    error = failure(lambda: list(model.rollout(request(cancelled=gone.is_set))))
    assert error.code is ErrorCode.CANCELLED
    ending.set()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (int(ErrorCode.OUT_OF_MEMORY), ErrorCode.OUT_OF_MEMORY),
        (0, ErrorCode.INTERNAL),
        (4711, ErrorCode.INTERNAL),
    ],
)
def test_the_servers_own_code_is_passed_on(graph: Graph, code: int, expected: ErrorCode) -> None:
    def fails(handle: Any) -> Any:
        handle.abort()
        return RolloutAction.Result(code=code, message="a full GPU")

    peer = graph.peer("wm")
    serve_model(peer, good_model)
    ActionServer(
        peer.node,
        RolloutAction,
        "bare/rollout",
        fails,
        callback_group=ReentrantCallbackGroup(),
        cancel_callback=lambda handle: CancelResponse.ACCEPT,
        feedback_pub_qos_profile=ROLLOUTS,
    )
    describe = peer.node.create_service(
        DescribeModel,
        "bare/describe_model",
        lambda request, reply: _filled(reply, host_id()),
        callback_group=ReentrantCallbackGroup(),
    )
    error = failure(
        lambda: list(graph.model("bare/rollout", patience=Patience()).rollout(request()))
    )
    assert error.code is expected and error.message == "a full GPU"
    assert describe is not None


def _filled(reply: Any, host: str) -> Any:
    reply.info, reply.host, reply.code = convert.model_info_to_msg(ModelInfo("bare")), host, OK
    return reply


def test_a_rollout_of_a_plan_that_nobody_asked_for_is_a_violation(graph: Graph) -> None:
    def odd(handle: Any) -> Any:
        feedback = rollout(handle.request, 0)
        feedback.rollout.plan_index = 99
        handle.publish_feedback(feedback)
        return RolloutAction.Result(rollouts=1, code=OK)

    serve_model(graph.peer("wm"), odd)
    error = failure(lambda: list(graph.model("wm/rollout").rollout(request())))
    assert error.code is ErrorCode.CONTRACT_VIOLATION


def test_a_rollout_of_an_older_generation_is_never_used(graph: Graph) -> None:
    def stale(handle: Any) -> Any:
        handle.publish_feedback(rollout(handle.request, 0, generation=6))
        handle.publish_feedback(rollout(handle.request, 0))
        return RolloutAction.Result(rollouts=2, code=OK)

    serve_model(graph.peer("wm"), stale)
    model = graph.model("wm/rollout")
    assert [r.generation for r in model.rollout(request(1))] == [7]
    assert model.stale == 1


def test_a_promise_of_more_rollouts_than_sent_is_a_violation(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wiw_ros.clients.goal.STRAGGLERS_S", 0.3)

    def boasts(handle: Any) -> Any:
        return RolloutAction.Result(rollouts=3, code=OK)

    serve_model(graph.peer("wm"), boasts)
    error = failure(lambda: list(graph.model("wm/rollout").rollout(request())))
    assert error.code is ErrorCode.CONTRACT_VIOLATION
