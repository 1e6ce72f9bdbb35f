"""The clients of remote environments and world models, against scripted servers in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.observation import Projection
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_msgs.action import ExecutePlan
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.msg import Heartbeat
from wiw_msgs.srv import DescribeEnv, DescribeModel, FinishEpisode, ResetEpisode
from wiw_ros import convert
from wiw_ros.action import serve_action
from wiw_ros.clients import Liveness, RosEnvironment, RosWorldModel
from wiw_ros.host import host_id
from wiw_ros.qos import HEARTBEAT, ROLLOUTS
from wiw_ros.testing import own_domain

OK = int(ErrorCode.OK)
LOST_S = 0.5


class Peer:
    """A scripted peer: a node that beats until it is told to stop."""

    def __init__(self, context: Any, executor: MultiThreadedExecutor, name: str) -> None:
        self.node = rclpy.create_node(name, context=context)
        self.beating = True
        self._count = 0
        self._heartbeat = self.node.create_publisher(Heartbeat, "heartbeat", HEARTBEAT)
        self.node.create_timer(0.1, self._beat, callback_group=MutuallyExclusiveCallbackGroup())
        executor.add_node(self.node)

    def restart(self) -> None:
        """Count heartbeats anew, as a restarted process does."""
        self._count = 0

    def _beat(self) -> None:
        if self.beating:
            self._count += 1
            self._heartbeat.publish(Heartbeat(node=f"/{self.node.get_name()}", count=self._count))

    def error(self, error: BaseException) -> WiwError:
        return error if isinstance(error, WiwError) else WiwError(ErrorCode.INTERNAL, str(error))


class Graph:
    """One context, one executor, our own node, and as many peers as a test wants."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = MultiThreadedExecutor(12, context=self.context)
        self.node = rclpy.create_node("planner", context=self.context)
        self.executor.add_node(self.node)
        self.liveness = Liveness(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def peer(self, name: str) -> Peer:
        return Peer(self.context, self.executor, name)

    def model(self, *servers: str, **options: Any) -> RosWorldModel:
        options = {"lost_after_s": LOST_S, "wait_s": 5.0, **options}
        return RosWorldModel(self.node, servers, self.liveness, **options)

    def environment(self, **options: Any) -> RosEnvironment:
        options = {"lost_after_s": LOST_S, "wait_s": 5.0, **options}
        return RosEnvironment(self.node, "bridge", self.liveness, **options)

    def close(self) -> None:
        self._ending.set()
        self._thread.join(2.0)
        self.executor.shutdown(2.0)
        rclpy.shutdown(context=self.context)

    def _spin(self) -> None:
        while not self._ending.is_set():
            self.executor.spin_once(timeout_sec=0.2)


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


def failure(run: Callable[[], Any]) -> WiwError:
    with pytest.raises(WiwError) as caught:
        run()
    return caught.value


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


def test_a_silent_model_has_died(graph: Graph) -> None:
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
    assert error.code is ErrorCode.WM_DIED and "no heartbeat" in error.message
    ending.set()


def test_a_restarted_model_has_lost_its_goal(graph: Graph) -> None:
    peer, ending = graph.peer("wm"), threading.Event()

    def restarts(handle: Any) -> Any:
        ending.wait(0.3)  # a beat or two of the old life
        peer.restart()
        ending.wait(20.0)
        return good_model(handle)

    serve_model(peer, restarts)
    model = graph.model("wm/rollout", lost_after_s=10.0)
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
    model = graph.model("wm/rollout", lost_after_s=10.0)
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
    error = failure(lambda: list(graph.model("bare/rollout", lost_after_s=30.0).rollout(request())))
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


class Bridge(Peer):
    """A scripted bridge around the fake environment."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph.context, graph.executor, "bridge")
        self.env = FakeEnvironment()
        self.generations: list[int] = []
        self.goals: list[Any] = []
        self.stopped = threading.Event()
        self.execute = self.moves
        group = ReentrantCallbackGroup()
        for kind, name, answer in (
            (DescribeEnv, "describe", self._describe),
            (ResetEpisode, "reset_episode", self._reset),
            (FinishEpisode, "finish_episode", self._finish),
        ):
            self.node.create_service(kind, f"bridge/{name}", answer, callback_group=group)
        serve_action(
            self.node, ExecutePlan, "bridge/execute_plan", lambda h: self.execute(h), self.error
        )

    def _describe(self, _: Any, reply: Any) -> Any:
        reply.name, reply.code, reply.tasks = "scripted", OK, list(self.env.tasks())
        reply.actions = [convert.action_spec_to_msg(a) for a in self.env.actions.values()]
        return reply

    def _reset(self, request: Any, reply: Any) -> Any:
        self.generations.append(request.generation)
        episode, seen, reply.done = self.env.reset(request.task, request.episode_id)
        reply.episode = convert.episode_to_msg(episode)
        reply.observation, reply.code = convert.observation_to_msg(seen), OK
        return reply

    def _finish(self, request: Any, reply: Any) -> Any:
        reply.result = convert.result_to_msg(self.env.finish(request.decisions, request.answer))
        reply.code = OK
        return reply

    def moves(self, handle: Any) -> Any:
        goal = handle.request
        self.goals.append(goal)
        plan, result = convert.plan_from_msg(goal.plan), ExecutePlan.Result(code=OK)
        for count, seen in enumerate(self.env.act(plan, observe=True), start=1):
            feedback = ExecutePlan.Feedback(
                executed=count, collided=seen.collided, path_m=seen.path_m
            )
            message = convert.observation_to_msg(seen.observation)
            if goal.observe_each:
                feedback.observation = message
            handle.publish_feedback(feedback)
            result.observation, result.done = message, seen.done
            result.executed = convert.plan_to_msg(plan.prefix(count))
        return result

    def drives_on(self, handle: Any) -> Any:
        handle.publish_feedback(ExecutePlan.Feedback(executed=1, path_m=0.2))
        handle.publish_feedback(ExecutePlan.Feedback(executed=2, path_m=0.2))
        while not handle.is_cancel_requested:
            self.stopped.wait(0.01)
        self.stopped.set()
        return ExecutePlan.Result(code=int(ErrorCode.CANCELLED))


def test_a_plan_over_ros_gives_the_transitions_of_the_environment_itself(graph: Graph) -> None:
    bridge, plan = Bridge(graph), navigation_plan(["forward", "turn_left", "turn_left"])
    env, twin = graph.environment(), FakeEnvironment()
    assert env.name == "scripted" and set(env.actions) == set(twin.actions)
    for observe in (False, True):
        episode, _, done = env.reset("ignav", "val_001")
        assert (episode.id, done) == ("val_001", False)
        twin.reset("ignav", "val_001")
        for got, expected in zip(
            env.act(plan, observe=observe), twin.act(plan, observe=observe), strict=True
        ):
            assert got.path_m == expected.path_m and got.done == expected.done
            assert (got.observation is None) == (expected.observation is None)
            if got.observation is not None and expected.observation is not None:
                assert got.observation.base_pose == expected.observation.base_pose
                view = got.observation.view("panorama")
                assert view is not None and view.projection is Projection.EQUIRECTANGULAR
                assert (view.rgb == expected.observation.view("panorama").rgb).all()  # type: ignore[union-attr]
        assert repr(env.finish(1)) == repr(twin.finish(1))  # NaN differs from itself, not its name
    assert bridge.goals[0].holder == "/planner"


def test_every_reset_carries_a_newer_generation(graph: Graph) -> None:
    bridge, env = Bridge(graph), graph.environment()
    promised = []
    for _ in range(3):
        promised.append(env.next_generation())
        env.reset("ignav", "val_000")
        assert env.generation == promised[-1]
    assert bridge.generations == promised == sorted(set(promised))


def test_closing_the_motion_cancels_it_and_waits_until_the_robot_is_still(graph: Graph) -> None:
    bridge, env = Bridge(graph), graph.environment()
    bridge.execute = bridge.drives_on
    env.reset("ignav", "val_000")
    with closing(env.act(navigation_plan(["forward"] * 5))) as motion:  # type: ignore[type-var]
        assert next(motion).path_m == 0.2
    assert bridge.stopped.is_set()


def test_a_bridge_that_falls_silent_in_motion_is_lost(graph: Graph) -> None:
    bridge, env = Bridge(graph), graph.environment()
    bridge.execute = bridge.drives_on
    env.reset("ignav", "val_000")
    bridge.beating = False
    error = failure(lambda: list(env.act(navigation_plan(["forward"] * 5), observe=False)))
    assert error.code is ErrorCode.ACTION_SERVER_LOST and "motion" in error.message


def test_a_bridge_without_progress_is_unresponsive(graph: Graph) -> None:
    bridge, env = Bridge(graph), graph.environment(reply_s=2.0)
    bridge.execute = bridge.drives_on
    env.reset("ignav", "val_000")
    error = failure(lambda: list(env.act(navigation_plan(["forward"] * 5), observe=False)))
    assert error.code is ErrorCode.ENVIRONMENT_UNRESPONSIVE


def test_an_absent_bridge_is_named(graph: Graph) -> None:
    error = failure(lambda: graph.environment(wait_s=0.3).reset("ignav", "val_000"))
    assert error.code is ErrorCode.ACTION_SERVER_LOST and "/bridge" in error.message


def test_hold_without_motion_does_nothing_and_close_is_repeatable(graph: Graph) -> None:
    env = graph.environment()
    env.hold()
    env.close()
    env.close()
    env.hold()
