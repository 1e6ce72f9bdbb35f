"""A ROS 2 client of a running loop: lists episodes, runs them, reconfigures nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.action import RunEpisode
from wiw_msgs.srv import ListEpisodes
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import Service, wait
from wiw_ros.convert import result_from_msg

READY_S = 60.0
"""Seconds for a node to appear."""
LOADED_S = 660.0
"""Seconds for a reply, and for a transition: a node that loads a large model replies afterwards."""
TRY_S = 2.0
"""Seconds after which a request without a reply is sent again."""
TRANSITIONS: dict[int, tuple[str, int]] = {
    Transition.TRANSITION_CONFIGURE: ("configure", State.PRIMARY_STATE_INACTIVE),
    Transition.TRANSITION_ACTIVATE: ("activate", State.PRIMARY_STATE_ACTIVE),
    Transition.TRANSITION_DEACTIVATE: ("deactivate", State.PRIMARY_STATE_INACTIVE),
    Transition.TRANSITION_CLEANUP: ("clean up", State.PRIMARY_STATE_UNCONFIGURED),
}
"""What each transition is called and where it leads."""
STABLE = {state for _, state in TRANSITIONS.values()}
Check = Callable[[], None]
"""Called while waiting; raises to give up."""


class LoopClient:
    """Drives a bridge and a planner by name, from one thread that does not spin.

    Parameters
    ----------
    node : rclpy.node.Node
        Spun here, in a thread, until :meth:`close`.
    """

    def __init__(self, node: Node, bridge: str, planner: str, check: Check = lambda: None) -> None:
        self._node, self._check = node, check
        self._episodes = Service(
            node, ListEpisodes, f"{bridge}/list_episodes", ErrorCode.ENVIRONMENT_UNRESPONSIVE
        )
        self._clients: dict[str, Any] = {}
        self._runs = SafeActionClient(node, RunEpisode, f"{planner}/run_episode")
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def episode_ids(self, task: str, split: str, limit: int) -> list[str]:
        """Return episode ids in evaluation order; raises the bridge's own code."""
        request = ListEpisodes.Request(task=task, split=split, limit=limit)
        return list(self._episodes.call(request, READY_S, self._check, tries=3).episode_ids)

    def run_episode(
        self, task: str, episode_id: str, seed: int, timeout_s: float = 3600.0
    ) -> EpisodeResult:
        """Run one episode through the planner.

        Raises
        ------
        WiwError
            If there is no result: the planner is absent, refused, or did not answer in time.
        """
        absent = WiwError(ErrorCode.NOT_ACTIVE, "Nobody offers the action 'run_episode'.")
        self._until(self._runs.server_is_ready, READY_S, absent)
        goal = RunEpisode.Goal(task=task, episode_id=episode_id, seed=seed)
        silent = WiwError(ErrorCode.NOT_ACTIVE, f"No result of '{episode_id}' in {timeout_s:g} s.")
        response = self._runs.send_goal_async(goal)
        handle = wait(response, time.monotonic() + READY_S, silent, self._check)
        if not handle.accepted:
            raise WiwError(ErrorCode.GOAL_REJECTED, f"The planner refused '{episode_id}'.")
        try:
            until = time.monotonic() + timeout_s
            reply = wait(handle.get_result_async(), until, silent, self._check).result
        except BaseException:
            handle.cancel_goal_async()
            raise
        if not reply.result.episode_id:  # it could not even begin
            code = ErrorCode(reply.code) if reply.code else ErrorCode.INTERNAL
            raise WiwError(code, reply.message or "The planner gave no result.")
        return result_from_msg(reply.result)

    def configure(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Bring a managed node to active with these parameters, from whatever state it is in.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` with the node's own reason, or ``NOT_ACTIVE``.
        """
        state = self._state(name)
        if state == State.PRIMARY_STATE_ACTIVE:
            state = self._change(name, Transition.TRANSITION_DEACTIVATE)
        if state == State.PRIMARY_STATE_INACTIVE:
            self._change(name, Transition.TRANSITION_CLEANUP)
        self._set(name, parameters)
        self._change(name, Transition.TRANSITION_CONFIGURE)
        self._change(name, Transition.TRANSITION_ACTIVATE)

    def wait_active(self, name: str) -> None:
        """Wait until a node that starts by itself is active; raises ``NOT_ACTIVE``."""
        late = WiwError(
            ErrorCode.NOT_ACTIVE, f"'{name}' did not become active.", "Its log says why."
        )
        self._until(lambda: self._state(name) == State.PRIMARY_STATE_ACTIVE, LOADED_S, late)

    def close(self) -> None:
        """Stop spinning."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)

    def _state(self, name: str) -> int:
        reply = self._call(GetState, f"{name}/get_state", GetState.Request())
        return int(reply.current_state.id)

    def _change(self, name: str, transition: int) -> int:
        """Make a transition and return the state it leads to."""
        before, (verb, after) = self._state(name), TRANSITIONS[transition]
        request = ChangeState.Request(transition=Transition(id=transition))

        def arrived() -> bool:
            # A reply may be lost; a second request must not follow a first one that was heard.
            return self._state(name) != before

        reply = self._call(ChangeState, f"{name}/change_state", request, arrived)
        if not (reply.success if reply is not None else self._reaches(name, after)):
            raise WiwError(ErrorCode.NOT_ACTIVE, f"'{name}' could not {verb}.", "Its log says why.")
        return after

    def _reaches(self, name: str, state: int) -> bool:
        late = WiwError(ErrorCode.NOT_ACTIVE, f"'{name}' is still on its way.")
        self._until(lambda: self._state(name) in STABLE, LOADED_S, late)
        return self._state(name) == state

    def _set(self, name: str, parameters: Mapping[str, Any]) -> None:
        messages = [
            Parameter(
                key, Parameter.Type.STRING_ARRAY if isinstance(value, list) else None, value
            ).to_parameter_msg()
            for key, value in parameters.items()
        ]
        request = SetParameters.Request(parameters=messages)
        for result in self._call(SetParameters, f"{name}/set_parameters", request).results:
            if not result.successful:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"'{name}': {result.reason}")

    def _call(
        self, kind: Any, name: str, request: Any, arrived: Callable[[], bool] = lambda: False
    ) -> Any:
        """Return the reply, or None once ``arrived`` says that the request was heard all the same.

        Repeated every :data:`TRY_S` seconds: for some 20 s after a node was killed its services
        look ready, and a reply to a client that its server has not matched yet is lost.
        """
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name)
        client, until = self._clients[name], time.monotonic() + LOADED_S
        absent = WiwError(ErrorCode.NOT_ACTIVE, f"Nobody offers '{name}'.")
        self._until(client.service_is_ready, READY_S, absent)
        while time.monotonic() < until:
            silent = WiwError(ErrorCode.NOT_ACTIVE, f"No reply from '{name}'.")
            future = client.call_async(request)
            try:
                return wait(future, time.monotonic() + TRY_S, silent, self._check)
            except WiwError as error:
                if error is not silent:
                    raise
            finally:
                client.remove_pending_request(future)
            if arrived():
                return None
        raise silent

    def _until(self, ready: Callable[[], bool], timeout_s: float, late: WiwError) -> None:
        until = time.monotonic() + timeout_s
        while not ready():
            self._check()
            if time.monotonic() >= until:
                raise late
            threading.Event().wait(0.05)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
