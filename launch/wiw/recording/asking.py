"""Asks a running planner node what it would decide on recorded observations."""

from __future__ import annotations

import threading
import time

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from wiw.recording.episodes import RecordedEpisode
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation
from wiw_msgs.action import Decide
from wiw_ros import convert
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import wait

THERE_S = 20.0
"""Seconds for the planner to appear."""


class AskedPlanner:
    """The action ``decide`` of a planner node, from a thread that does not spin.

    It decides with its own policy, world model and deadline; nothing moves.

    Parameters
    ----------
    node : rclpy.node.Node
        Spun here, in a thread, until :meth:`close`.
    planner : str
        The planner's node name.
    reply_s : float
        Seconds allowed for one decision, > 0.
    """

    def __init__(self, node: Node, planner: str, reply_s: float = 600.0) -> None:
        self._planner, self._reply_s = planner, reply_s
        self._decide = SafeActionClient(node, Decide, f"{planner}/decide")
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="asking", daemon=True)
        self._thread.start()

    def of(self, episode: RecordedEpisode) -> _Asked:
        """Return what decides an episode."""
        return _Asked(self, episode)

    def ask(self, goal: Decide.Goal) -> Decision:
        """Return its decision.

        Raises
        ------
        WiwError
            ``NOT_ACTIVE`` if it is not there or does not answer, ``GOAL_REJECTED``, or its own.
        """
        until = time.monotonic() + THERE_S
        while not self._decide.server_is_ready():
            if time.monotonic() > until:
                raise WiwError(
                    ErrorCode.NOT_ACTIVE, f"Nobody offers '{self._planner}/decide'.", "wiw up"
                )
            threading.Event().wait(0.05)
        silent = WiwError(ErrorCode.NOT_ACTIVE, f"'{self._planner}' does not answer.")
        until = time.monotonic() + self._reply_s
        handle = wait(self._decide.send_goal_async(goal), until, silent)
        if not handle.accepted:
            raise WiwError(ErrorCode.GOAL_REJECTED, f"'{self._planner}' refused the question.")
        try:
            reply = wait(handle.get_result_async(), until, silent).result
        except BaseException:
            handle.cancel_goal_async()
            raise
        if reply.code != ErrorCode.OK:
            raise WiwError(ErrorCode(reply.code), reply.message)
        return convert.decision_from_msg(reply.decision)

    def close(self) -> None:
        """Stop spinning."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(2.0)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass


class _Asked:
    """One episode, decided by a planner node; it keeps its own previous decision."""

    def __init__(self, planner: AskedPlanner, episode: RecordedEpisode) -> None:
        self._planner, self._begun = planner, episode.begun
        self._episode = convert.episode_to_msg(episode.begun.episode)

    @property
    def context_length(self) -> int:
        """As many as the recorded world model asked for."""
        return max(1, self._begun.model.context) if self._begun.model is not None else 1

    def decide(
        self, turn: convert.Turn, history: tuple[Observation, ...], previous: Decision | None
    ) -> Decision:
        """Ask for the decision; raises as :meth:`AskedPlanner.ask`."""
        goal = Decide.Goal(
            episode=self._episode,
            observations=[convert.observation_to_msg(seen) for seen in history],
            index=turn.decision.index,
            seed=self._begun.seed,
        )
        return self._planner.ask(goal)
