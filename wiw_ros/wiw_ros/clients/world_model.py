"""The world-model contract over ROS: a thin client of one or more rollout servers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeModel
from wiw_ros import convert, host
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import Service
from wiw_ros.clients.goal import GoalCall, Inbox, follow
from wiw_ros.clients.liveness import DEFAULT_PATIENCE, Liveness, Patience

RETURN_MODES = {"raw": RolloutAction.Goal.RAW, "jpeg": RolloutAction.Goal.JPEG}


@dataclass
class _Server:
    """One rollout server: ``name`` is its action, ``node`` the fully qualified name of its node."""

    name: str
    node: str
    client: SafeActionClient
    describe: Service
    mode: int = RolloutAction.Goal.JPEG


class RosWorldModel:
    """The world models behind one or more rollout servers; plans are dealt out evenly.

    Called from any one thread that does not spin the executor. A server whose process ends raises
    ``WM_DIED`` within a second, one that hangs ``WM_UNRESPONSIVE``, one that is not there at all
    ``MODEL_UNAVAILABLE`` after ``wait_s``.

    Parameters
    ----------
    servers : sequence of str
        Names of rollout actions, such as ``"wm_node/rollout"``, relative to this node's namespace.
    return_mode : str
        ``raw`` or ``jpeg``; ``auto`` takes raw frames from the same host and JPEG from others.
    """

    def __init__(
        self,
        node: Node,
        servers: Sequence[str],
        liveness: Liveness,
        *,
        return_mode: str = "auto",
        patience: Patience = DEFAULT_PATIENCE,
        wait_s: float = 10.0,
    ) -> None:
        if not servers:
            raise WiwError(ErrorCode.BAD_PARAMETER, "There are no rollout servers.")
        self._liveness = liveness
        self._return_mode = return_mode
        self._patience = patience
        self._wait_s = wait_s
        self._servers = [_connect(node, name) for name in servers]
        self._info: ModelInfo | None = None
        self._late = 0
        self._lock = threading.Lock()

    @property
    def stale(self) -> int:
        """Rollouts dropped because nobody waited for them any more."""
        return self._late

    @property
    def info(self) -> ModelInfo:
        """What the servers are, asked once until :meth:`forget`; they must be alike."""
        if self._info is None:
            self._info = _merge([self._ask(server) for server in self._servers])
        return self._info

    def forget(self) -> None:
        """Ask the servers anew what they are, at the next use: they may have been reconfigured."""
        self._info = None

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield rollouts as the servers finish them; cancels what still runs on any exit."""
        self._check(request, 0.0)
        _ = self.info  # a server that is not there is found before any goal is sent
        shares = [
            (server, shard)
            for k, server in enumerate(self._servers)
            if (shard := tuple(range(k, len(request.plans), len(self._servers))))
        ]
        inbox: Inbox = queue.SimpleQueue()
        check = self._checks(request, [server for server, _ in shares])
        plans: dict[GoalCall, tuple[int, ...]] = {}
        try:
            for server, shard in shares:
                goal = _goal(request, shard, server.mode)
                what = f"'{server.name}'"
                call = GoalCall(server.client, goal, inbox, _rollouts, self._count_late, what)
                plans[call] = shard
            for call, feedback in follow(list(plans), inbox, check):
                rollout = convert.rollout_from_msg(feedback.rollout)
                if rollout.generation != request.generation:
                    self._count_late()
                    continue
                yield _renumber(rollout, plans[call], call.what)
        finally:
            for call in plans:
                call.abandon()

    def close(self) -> None:
        """Give the clients back to the node; idempotent."""
        for server in self._servers:
            server.client.destroy()
            server.describe.close()
        self._servers = []

    def _ask(self, server: _Server) -> ModelInfo:
        reply = server.describe.call(DescribeModel.Request(), self._wait_s, tries=5)
        mode = self._return_mode
        if mode == "auto":
            mode = "raw" if reply.host == host.host_id() else "jpeg"
        server.mode = RETURN_MODES[mode]
        return convert.model_info_from_msg(reply.info)

    def _checks(
        self, request: RolloutRequest, servers: Sequence[_Server]
    ) -> Callable[[float], None]:
        watches = [self._liveness.watch(server.node) for server in servers]

        def check(quiet_s: float) -> None:
            for watch in watches:
                watch.require(
                    self._patience, ErrorCode.WM_DIED, ErrorCode.WM_UNRESPONSIVE, "a rollout"
                )
            self._check(request, quiet_s)

        return check

    def _check(self, request: RolloutRequest, quiet_s: float) -> None:
        if request.cancelled():
            raise WiwError(ErrorCode.CANCELLED, "The rollouts were cancelled.")
        if time.monotonic() >= request.deadline_s:
            raise WiwError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"The rollouts were not done at their deadline; nothing came for {quiet_s:.1f} s.",
                "Ask for fewer or shorter plans, or raise rollout_deadline_s.",
            )

    def _count_late(self) -> None:
        with self._lock:
            self._late += 1


def _connect(node: Node, name: str) -> _Server:
    parent = name.rsplit("/", 1)[0]
    describe = Service(node, DescribeModel, f"{parent}/describe_model", ErrorCode.MODEL_UNAVAILABLE)
    client = SafeActionClient(
        node,
        RolloutAction,
        name,
        callback_group=MutuallyExclusiveCallbackGroup(),
    )
    return _Server(name, describe.name.rsplit("/", 1)[0], client, describe)


def _merge(infos: Sequence[ModelInfo]) -> ModelInfo:
    """Return what all the servers are together; raises ``BAD_PARAMETER`` when they differ."""
    whole = replace(
        infos[0],
        max_frames=min(info.max_frames for info in infos),
        max_plans=sum(info.max_plans for info in infos),
    )
    for info in infos[1:]:
        if replace(info, max_frames=whole.max_frames, max_plans=whole.max_plans) != whole:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The rollout servers are not alike: {infos[0].name} and {info.name}.",
                "List servers of one model and one configuration.",
            )
    return whole


def _goal(request: RolloutRequest, shard: Sequence[int], mode: int) -> RolloutAction.Goal:
    goal = RolloutAction.Goal(
        observations=[convert.observation_to_msg(seen) for seen in request.observations],
        plans=[convert.plan_to_msg(request.plans[k]) for k in shard],
        frames=[request.frames[k] for k in shard],
        last_frame_only=request.last_frame_only,
        return_mode=mode,
        seed=request.seed,
        deadline_s=max(1e-3, request.deadline_s - time.monotonic()),
        generation=request.generation,
    )
    if request.episode is not None:
        goal.episode = convert.episode_to_msg(request.episode)
    return goal


def _renumber(rollout: Rollout, shard: Sequence[int], what: str) -> Rollout:
    if not 0 <= rollout.plan_index < len(shard):
        raise WiwError(
            ErrorCode.CONTRACT_VIOLATION,
            f"{what} sent a rollout of plan {rollout.plan_index}, but was given {len(shard)}.",
        )
    return replace(rollout, plan_index=shard[rollout.plan_index])


def _rollouts(result: Any) -> int:
    return int(result.rollouts)
