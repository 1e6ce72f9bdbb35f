"""The client of a remote environment, against a scripted bridge."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from rclpy.callback_groups import ReentrantCallbackGroup
from ros_peers import OK, Graph, Peer, failure

from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.observation import Projection
from wiw_core.plans import navigation_plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.srv import DescribeEnv, FinishEpisode, ResetEpisode
from wiw_ros import convert
from wiw_ros.action import serve_action
from wiw_ros.testing import own_domain


@pytest.fixture
def graph() -> Iterator[Graph]:
    with own_domain() as domain:
        graph = Graph(domain)
        yield graph
        graph.close()


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


def test_a_bridge_that_falls_silent_in_motion_hangs(graph: Graph) -> None:
    bridge, env = Bridge(graph), graph.environment()
    bridge.execute = bridge.drives_on
    env.reset("ignav", "val_000")
    bridge.beating = False
    error = failure(lambda: list(env.act(navigation_plan(["forward"] * 5), observe=False)))
    assert error.code is ErrorCode.ENVIRONMENT_UNRESPONSIVE and "motion" in error.message


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
