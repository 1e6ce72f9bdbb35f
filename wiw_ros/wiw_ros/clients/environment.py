"""The environment contract over ROS: a thin client of one env_bridge."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from wiw_core.decisions import EpisodeResult, Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.plans import ActionSpec, Plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.srv import DescribeEnv, FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import Service
from wiw_ros.clients.goal import GoalCall, Inbox, follow
from wiw_ros.clients.liveness import DEFAULT_PATIENCE, Liveness, Patience, Watch

STILL_S = 1.0
"""Longest wait for the bridge to confirm that a cancelled motion has stopped."""


class RosEnvironment:
    """The environment behind an ``env_bridge`` node.

    Called from any one thread that does not spin the executor. A bridge whose process ends raises
    ``ACTION_SERVER_LOST`` within a second, and one that is not there after ``wait_s``; one that
    hangs raises ``ENVIRONMENT_UNRESPONSIVE``.

    Parameters
    ----------
    bridge : str
        Node name of the bridge, relative to this node's namespace.
    patience : Patience
        How long the bridge may be silent.
    wait_s : float
        Seconds to wait for the bridge to appear.
    reply_s : float
        Seconds allowed for a reset, a finish and each action of a plan.

    Attributes
    ----------
    interrupted : callable
        Asked at least 20 times a second in motion; once it says True the motion is cancelled and
        :meth:`act` raises ``CANCELLED``.
    """

    def __init__(
        self,
        node: Node,
        bridge: str,
        liveness: Liveness,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        wait_s: float = 10.0,
        reply_s: float = 60.0,
    ) -> None:
        self._node = node
        self._liveness = liveness
        self._patience = patience
        self._wait_s = wait_s
        self._reply_s = reply_s

        def service(srv_type: Any, name: str) -> Service:
            return Service(node, srv_type, f"{bridge}/{name}", ErrorCode.ACTION_SERVER_LOST)

        self._describe = service(DescribeEnv, "describe")
        self._list = service(ListEpisodes, "list_episodes")
        self._reset = service(ResetEpisode, "reset_episode")
        self._finish = service(FinishEpisode, "finish_episode")
        self._execute = SafeActionClient(
            node,
            ExecutePlan,
            f"{bridge}/execute_plan",
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        self.bridge = self._describe.name.rsplit("/", 1)[0]
        self._description: Any = None
        self._episode = ""
        self._generation = 0
        self._reserved = 0
        self._closed = False
        self._motion: GoalCall | None = None
        self.interrupted: Callable[[], bool] = lambda: False

    @property
    def generation(self) -> int:
        """The generation of the open episode; grows with every reset, across restarts too."""
        return self._generation

    def next_generation(self) -> int:
        """Return the generation of the next reset; commands of older ones are then refused."""
        if not self._reserved:
            self._reserved = max(self._generation + 1, time.time_ns() // 1_000_000)
        return self._reserved

    @property
    def name(self) -> str:
        """The environment's registered name, as the bridge says."""
        return str(self._described().name)

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Every action that the bridge accepts."""
        specs = (convert.action_spec_from_msg(spec) for spec in self._described().actions)
        return {spec.name: spec for spec in specs}

    def tasks(self) -> Sequence[str]:
        """Return the tasks the bridge has episodes for."""
        return tuple(self._described().tasks)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return episode ids in evaluation order."""
        request = ListEpisodes.Request(task=task, split=split, limit=limit)
        return tuple(self._list.call(request, self._wait_s, tries=3).episode_ids)

    def forget(self) -> None:
        """Ask the bridge anew what it is, at the next use: it may have been reconfigured."""
        self._description = None

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode under a new generation."""
        self._described()  # waits for the bridge, so that the reset itself is sent once
        self._generation, self._reserved = self.next_generation(), 0
        request = ResetEpisode.Request(
            task=task, episode_id=episode_id, generation=self._generation
        )
        reply = self._reset.call(request, self._reply_s, self._alive("reset"))
        episode = convert.episode_from_msg(reply.episode)
        self._episode = episode.id
        return episode, convert.observation_from_msg(reply.observation), bool(reply.done)

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute the plan; a transition is yielded once the next one, or the result, has come."""
        goal = ExecutePlan.Goal(
            episode_id=self._opened(),
            plan=convert.plan_to_msg(plan),
            prefix_length=len(plan),
            generation=self._generation,
            holder=self._node.get_fully_qualified_name(),
            observe_each=observe,
        )
        watch = self._liveness.watch(self.bridge)
        alive = self._alive("motion", watch)

        def check(quiet_s: float) -> None:
            if self.interrupted():
                raise WiwError(ErrorCode.CANCELLED, "The episode was cancelled in motion.")
            alive()
            if quiet_s > self._reply_s:
                raise WiwError(
                    ErrorCode.ENVIRONMENT_UNRESPONSIVE,
                    f"'{self.bridge}' has made no progress for {self._reply_s:g} s.",
                )

        inbox: Inbox = queue.SimpleQueue()
        motion = GoalCall(
            self._execute, goal, inbox, _steps, _drop, f"'{self.bridge}/execute_plan'"
        )
        self._motion = motion
        held: Transition | None = None
        try:
            for _, feedback in follow([motion], inbox, check):
                if held is not None:
                    yield held
                held = _transition(feedback, observe)
            if held is None:
                return
            last = convert.observation_from_msg(motion.result.observation)
            yield replace(held, observation=last, done=bool(motion.result.done))
        finally:
            motion.abandon(0.0 if watch.dead(self._patience) else STILL_S)
            self._motion = None

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = float("nan"),
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode; the bridge judges it."""
        request = FinishEpisode.Request(
            episode_id=self._opened(),
            generation=self._generation,
            answer=answer,
            confidence=confidence,
            decisions=decisions,
            fault=int(fault),
            fault_message=message,
        )
        self._episode = ""
        reply = self._finish.call(request, self._reply_s, self._alive("finish"))
        return convert.result_from_msg(reply.result)

    def hold(self) -> None:
        """Cancel the motion, if there is one; the bridge itself holds whenever no goal runs."""
        motion = self._motion
        if motion is not None:
            motion.abandon(STILL_S)

    def close(self) -> None:
        """Hold, and give the clients back to the node; idempotent."""
        self.hold()
        if self._closed:
            return
        self._closed = True
        for service in (self._describe, self._list, self._reset, self._finish):
            service.close()
        self._execute.destroy()

    def _opened(self) -> str:
        if not self._episode:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset one first.")
        return self._episode

    def _described(self) -> Any:
        if self._description is None:
            self._description = self._describe.call(DescribeEnv.Request(), self._wait_s, tries=5)
        return self._description

    def _alive(self, doing: str, watch: Watch | None = None) -> Callable[[], None]:
        watched = watch or self._liveness.watch(self.bridge)
        dead, hung = ErrorCode.ACTION_SERVER_LOST, ErrorCode.ENVIRONMENT_UNRESPONSIVE
        return lambda: watched.require(self._patience, dead, hung, doing)


def _transition(feedback: Any, observe: bool) -> Transition:
    seen = convert.observation_from_msg(feedback.observation) if observe else None
    code = convert.code_from_msg(feedback.code)
    return Transition(seen, feedback.path_m, feedback.collided, code=code)


def _steps(result: Any) -> int:
    return len(result.executed.actions)


def _drop() -> None:
    """A transition that comes after the motion was cancelled tells nobody anything."""
