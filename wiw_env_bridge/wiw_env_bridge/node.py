"""The environment node: one simulator or robot, its episodes, its motion and its oracle."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

from rclpy.action.server import ServerGoalHandle

from wiw_core.contracts import Environment
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import ENVIRONMENTS, Registry
from wiw_core.wrappers import Validated
from wiw_env_bridge.bridge.abilities import NodeUser, Physical
from wiw_env_bridge.bridge.holder import HolderWatch
from wiw_env_bridge.bridge.motion import Motion
from wiw_env_bridge.bridge.session import RESET_S, Session
from wiw_env_bridge.bridge.supervision import PARAMS as SUPERVISION
from wiw_env_bridge.bridge.supervision import Supervision
from wiw_env_bridge.bridge.topics import Topics
from wiw_env_bridge.oracle import Imaginable, OracleWorldModel
from wiw_msgs.action import ExecutePlan
from wiw_msgs.srv import DescribeEnv, FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.action import serve, serve_action
from wiw_ros.ears import Ears
from wiw_ros.host import host_id
from wiw_ros.node import HEARTBEAT_S, ManagedNode, run
from wiw_ros.parameters import Param, key_values
from wiw_ros.rollout_server import Backend, RolloutServer
from wiw_ros.worker import Worker

CLOSE_S = 2.0
"""Longest time an environment may take for each step of its shutdown."""

PARAMS = (
    Param("environment", "mujoco", "Registered name of the environment."),
    Param("environment_parameters", [], "The environment's own parameters, each as key=value."),
    Param(
        "command_ttl_s",
        0.5,
        "The robot is still when the holder of a motion has been silent for this long.",
        unit="s",
        low=0.2,
        high=10.0,
    ),
    Param(
        "hold_reserve_s",
        0.1,
        "The hold is sent so long before the end of command_ttl_s: a robot needs time to obey.",
        unit="s",
        low=0.0,
        high=5.0,
    ),
    Param("allow_unattended", True, "Accept motion goals that name no holder (sent by hand)."),
    Param(
        "oracle_height",
        0,
        "Height of the oracle's frames; 0 for the environment's own.",
        unit="px",
        low=0,
        high=4096,
    ),
    Param(
        "oracle_width",
        0,
        "Width of the oracle's frames; 0 for the environment's own.",
        unit="px",
        low=0,
        high=8192,
    ),
    *SUPERVISION,
)


class EnvBridge(ManagedNode):
    """Runs episodes of one environment and is the only owner of the robot's stillness."""

    def __init__(self, **options: Any) -> None:
        super().__init__("env_bridge", PARAMS, **options)
        self._session: Session | None = None
        self._motion: Motion | None = None
        self._oracle: Backend | None = None
        self._topics = Topics(self)
        self._ears = Ears(self)
        self._watch = HolderWatch(self._ears)
        self._supervision = Supervision(self, self._ears, self._interrupt)
        self._rollouts = RolloutServer(self, self._oracle_backend)
        serve(self, DescribeEnv, "~/describe", self._describe, self.fail)
        serve(self, ListEpisodes, "~/list_episodes", self._list_episodes, self.fail)
        serve(self, ResetEpisode, "~/reset_episode", self._reset_episode, self.fail)
        serve(self, FinishEpisode, "~/finish_episode", self._finish_episode, self.fail)
        serve_action(self, ExecutePlan, "~/execute_plan", self._execute_plan, self.fail)

    # Lifecycle ------------------------------------------------------------------------------------

    def setup(self, values: dict[str, Any]) -> None:
        """Build the environment in its own thread."""
        _require_patience(values["command_ttl_s"], values["hold_reserve_s"])
        name = values["environment"]
        registry = Registry(ENVIRONMENTS)
        plugin = registry.get(name).load()
        parameters = key_values(values["environment_parameters"], "environment_parameters", plugin)
        worker = Worker(f"environment '{name}'", ErrorCode.ENVIRONMENT_UNRESPONSIVE)
        try:
            environment: Environment = worker.call(
                lambda: self._made(registry, name, parameters), RESET_S
            )
            session = Session(environment, worker, self.get_logger().warning, self._now_s)
        except BaseException:
            worker.close(0.0)
            raise
        self._supervision.configure(values, environment)
        self._motion = Motion(
            self,
            session,
            self._topics,
            self._watch,
            self._supervision,
            values["command_ttl_s"],
            values["hold_reserve_s"],
            values["allow_unattended"],
        )
        if isinstance(environment, Imaginable):
            size = values["oracle_height"], values["oracle_width"]
            self._oracle = Backend(Validated(OracleWorldModel(environment, *size)), worker)
        self._session = session

    def start(self) -> None:
        """Take the robot."""
        self._supervision.activate()

    def stop(self) -> None:
        """Hold, and wait until the goal in progress has ended."""
        self._interrupt(WiwError(ErrorCode.NOT_ACTIVE, "The bridge was deactivated."))
        if self._motion is not None:
            self._motion.wait_still()  # raises: a robot that may still move is given to nobody
        self._supervision.deactivate()

    def destroy_node(self) -> None:
        """Stop listening, then destroy the node."""
        self._ears.close()
        super().destroy_node()

    def teardown(self) -> None:
        """Close the open episode as a fault, then the environment."""
        session, self._session, self._motion, self._oracle = self._session, None, None, None
        self._supervision.forget()
        if session is None:
            return
        try:
            session.close_as_fault(ErrorCode.NOT_ACTIVE, "The bridge was shut down.", CLOSE_S)
            session.worker.call(session.environment.close, CLOSE_S)
        finally:
            session.worker.close(0.0)

    def _made(self, registry: Registry, name: str, parameters: dict[str, Any]) -> Environment:
        """Run in the environment's thread."""
        environment: Environment = registry.create(name, **parameters)
        if isinstance(environment, NodeUser):
            environment.attach(self)
        self._topics.leave_to_robot(isinstance(environment, Physical))
        return environment

    # Services -------------------------------------------------------------------------------------

    def _describe(self, request: Any, response: Any) -> None:
        session = self._ready()
        response.name = session.environment.name
        response.revision = metadata.version("wiw_env_bridge")
        response.tasks = list(session.tasks)
        specs = session.environment.actions.values()
        response.actions = [convert.action_spec_to_msg(spec) for spec in specs]
        response.views = list(self._topics.views)
        response.cloneable = self._oracle is not None
        response.host = host_id()

    def _list_episodes(self, request: Any, response: Any) -> None:
        ids = self._ready().episode_ids(request.task, request.split or "val", request.limit)
        response.episode_ids = list(ids)

    def _reset_episode(self, request: Any, response: Any) -> None:
        session = self._ready()
        self._interrupt(WiwError(ErrorCode.STALE_GENERATION, "Another episode was begun."))
        if self._motion is not None:
            self._motion.wait_still()  # what still holds the old motion would hold the new reset
        self._supervision.admit_looking(request.episode_id)
        episode, observation, done = session.reset(
            request.task, request.episode_id, request.generation, self._supervision.forbidden
        )
        self._supervision.episode_begun()
        response.episode = convert.episode_to_msg(episode)
        response.observation = convert.observation_to_msg(observation)
        response.done = done
        self._topics.observation(response.observation, observation.base_pose)
        self.counters["episodes"] += 1

    def _finish_episode(self, request: Any, response: Any) -> None:
        session = self._ready()
        session.require_generation(request.generation)
        self._interrupt(WiwError(ErrorCode.STALE_GENERATION, "The episode was finished."))
        result = session.finish(
            request.episode_id,
            request.generation,
            request.decisions,
            request.answer,
            request.confidence,
            convert.code_from_msg(request.fault),
            request.fault_message,
        )
        response.result = convert.result_to_msg(result)

    def _execute_plan(self, handle: ServerGoalHandle) -> Any:
        self._ready()
        motion = self._motion
        if motion is None:
            raise WiwError(ErrorCode.NOT_ACTIVE, "The bridge is being shut down.")
        return motion.execute(handle)

    # Parts ----------------------------------------------------------------------------------------

    def _ready(self) -> Session:
        self.require_active()
        if self._session is None:
            raise WiwError(ErrorCode.NOT_ACTIVE, "No environment is loaded.")
        return self._session

    def _interrupt(self, why: WiwError) -> None:
        motion = self._motion
        if motion is not None:
            motion.interrupt(why)

    def _oracle_backend(self) -> Backend:
        name = self._ready().environment.name
        if self._oracle is None:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The environment '{name}' cannot save and restore its state: it has no oracle.",
                "Ask another rollout server.",
            )
        return self._oracle

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9


def _require_patience(ttl_s: float, reserve_s: float) -> None:
    if ttl_s - reserve_s < 2 * HEARTBEAT_S:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'command_ttl_s' = {ttl_s:g} s less 'hold_reserve_s' = {reserve_s:g} s is shorter than"
            f" two heartbeats of {HEARTBEAT_S:g} s: the robot would hold all the time.",
        )


def main() -> None:
    """Run the node until a signal."""
    sys.exit(run(EnvBridge))


if __name__ == "__main__":
    main()
