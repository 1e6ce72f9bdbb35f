"""The planner node: runs episodes of the loop over ROS, and advises on observations it is sent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.action.server import ServerGoalHandle

from wiw_core.contracts import Environment, Recorder, WorldModel
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.loop import Policy, decide, decision_context, run_episode
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder, record_path
from wiw_core.registry import TASKS, Registry
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_core.wrappers import Validated
from wiw_msgs.action import Decide, RunEpisode
from wiw_msgs.msg import Decision as DecisionMsg
from wiw_planner_node.film import filmed
from wiw_planner_node.policy import make_policy
from wiw_planner_node.showing import Showing
from wiw_planner_node.telling import Teller
from wiw_ros import convert, qos
from wiw_ros.action import serve_action
from wiw_ros.clients import Liveness, Patience, RosEnvironment, RosWorldModel
from wiw_ros.node import ManagedNode, run
from wiw_ros.parameters import Param, key_values

STOP_S = 3.0
"""Longest wait for a running episode to be closed when the node is stopped."""

PARAMS = (
    Param("bridge", "env_bridge", "Node name of the environment bridge."),
    Param(
        "rollout_servers", [], "Rollout actions to share the plans out to; empty: no world model."
    ),
    Param("proposer", "", "Registered name; empty: the task's default."),
    Param("reviser", "", "Registered name; empty: the task's default."),
    Param("proposer_parameters", [], "The proposer's own, each as key=value."),
    Param("reviser_parameters", [], "The reviser's own, each as key=value."),
    Param("candidates", 0, "Plans weighed per decision; 0: the task's.", low=0, high=256),
    Param("horizon", 0, "Most actions of a plan; 0: the task's.", low=0, high=256),
    Param("execute", 0, "Actions executed per decision; 0: the task's.", low=0, high=256),
    Param(
        "consult_share",
        1.0,
        "Share of decisions that may ask the world model; the others are marked as degraded.",
        low=0.0,
        high=1.0,
    ),
    Param(
        "rollout_deadline_s", 60.0, "For all rollouts of a decision.", "s", low=0.01, high=3600.0
    ),
    Param(
        "return_mode",
        "auto",
        "How frames travel; auto: raw on one host, JPEG between hosts.",
        choices=("auto", "raw", "jpeg"),
    ),
    Param("server_lost_s", 15.0, "Silence after which a server hangs.", "s", low=1.0, high=600.0),
    Param("server_wait_s", 10.0, "How long to wait for a server.", "s", low=0.0, high=600.0),
    Param(
        "bridge_reply_s",
        150.0,
        "For a reset, and for each action: a person may have to place the robot, or to approve.",
        "s",
        low=1.0,
        high=3600.0,
    ),
    Param("record_dir", "", "Folder of the records, one per task; empty: none are kept."),
    Param("record_frames", 0, "Episodes of which a film is kept with the record.", low=0),
)


class PlannerNode(ManagedNode):
    """Offers ``~/run_episode`` and ``~/decide``; publishes each ``~/decision``.

    What is to be seen of it is shown by :class:`wiw_planner_node.showing.Showing`; what replays an
    episode is told by :class:`wiw_planner_node.telling.Teller`.

    It runs :func:`wiw_core.loop.run_episode` unchanged: environment and world model are clients of
    other nodes. One goal at a time; a second one ends with ``BUSY``.
    """

    def __init__(self) -> None:
        super().__init__("planner_node", PARAMS)
        self._busy = threading.Lock()
        self._stopping = threading.Event()
        self._liveness = Liveness(self)  # for life: DDS takes its time to know new peers
        self._env: RosEnvironment | None = None
        self._remote: RosWorldModel | None = None
        self._advised: tuple[str, str, Decision] | None = None
        self._values: dict[str, Any] = {}
        self._policy_options: dict[str, Any] = {}
        self._policies: dict[str, Policy] = {}
        self._films = 0
        self._decisions = self.create_publisher(DecisionMsg, "~/decision", qos.LATCHED)
        self._showing = Showing(self)
        self._teller = Teller(self)
        serve_action(self, RunEpisode, "~/run_episode", self._run_episode, self.fail)
        serve_action(self, Decide, "~/decide", self._decide, self.fail)

    def setup(self, values: dict[str, Any]) -> None:
        """Connect the clients and check the policy's names and parameters."""
        self._values = values
        self._films = values["record_frames"]
        self._policy_options = {
            "proposer": values["proposer"],
            "reviser": values["reviser"],
            "proposer_parameters": key_values(values["proposer_parameters"], "proposer_parameters"),
            "reviser_parameters": key_values(values["reviser_parameters"], "reviser_parameters"),
            "candidates": values["candidates"],
            "horizon": values["horizon"],
            "execute": values["execute"],
            "rollout_deadline_s": values["rollout_deadline_s"],
            "consult_share": values["consult_share"],
        }
        limits: dict[str, Any] = {
            "patience": Patience(hung_s=values["server_lost_s"]),
            "wait_s": values["server_wait_s"],
        }
        self._env = RosEnvironment(
            self, values["bridge"], self._liveness, reply_s=values["bridge_reply_s"], **limits
        )
        if values["rollout_servers"]:
            self._remote = RosWorldModel(
                self,
                values["rollout_servers"],
                self._liveness,
                return_mode=values["return_mode"],
                **limits,
            )
        self._check_policies()

    def start(self) -> None:
        """Accept goals."""
        self._stopping.clear()

    def stop(self) -> None:
        """Cancel the running goal and wait, within limits, until its episode is closed."""
        self._stopping.set()
        if self._busy.acquire(timeout=STOP_S):
            self._busy.release()

    def destroy_node(self) -> None:
        """Stop listening, then destroy the node."""
        self._liveness.close()
        super().destroy_node()

    def teardown(self) -> None:
        """Drop the clients and the policies."""
        for part in (self._env, self._remote):
            if part is not None:
                part.close()
        self._env = self._remote = None
        self._policies, self._advised = {}, None

    def _check_policies(self) -> None:
        """Make the policies of the tasks that take these parameters; raises if none does."""
        problems: list[WiwError] = []
        for task in Registry(TASKS).names():
            try:
                self._policy(task)
            except WiwError as problem:  # told again, as the code of an episode of that task
                problems.append(problem)
        if not self._policies:
            raise problems[0]

    def _policy(self, task: str) -> Policy:
        if task not in self._policies:
            model = Validated(self._remote) if self._remote is not None else None
            self._policies[task] = make_policy(task, model, **self._policy_options)
        if "torch" in sys.modules:  # a reviser that needs it has imported it by now
            sys.modules["torch"].set_num_threads(1)  # in the thread that is about to decide
        return self._policies[task]

    def _run_episode(self, handle: ServerGoalHandle) -> RunEpisode.Result:
        goal = handle.request
        with self._one_goal():
            assert self._env is not None
            self._env.interrupted = cancelled = self._cancelled(handle)
            env, policy, recorder = self._recorded(goal, self._policy(goal.task))
            result = run_episode(
                env,
                goal.task,
                goal.episode_id,
                policy,
                seed=goal.seed,
                recorder=recorder,
                generation=self._env.next_generation(),
                cancelled=cancelled,
                on_decision=lambda decision: self._tell(handle, decision),
                on_decided=self._showing.show,
            )
        self.counters["episodes"] += 1
        return RunEpisode.Result(
            result=convert.result_to_msg(result), code=int(result.code), message=result.message
        )

    def _decide(self, handle: ServerGoalHandle) -> Decide.Result:
        goal = handle.request
        if not goal.observations:
            raise WiwError(ErrorCode.BAD_PARAMETER, "A decision needs at least one observation.")
        with self._one_goal():
            episode = convert.episode_from_msg(goal.episode)
            history = tuple(convert.observation_from_msg(seen) for seen in goal.observations)
            policy, previous = self._advisee(episode, goal.index)
            actions = Registry(TASKS).create(episode.task).actions
            told = replace(
                policy, imagine=_Told(policy.imagine, handle) if policy.imagine else None
            )
            context = decision_context(
                told, episode, history, actions, goal.index, goal.seed, previous
            )
            decision = decide(told, context, seed=goal.seed, cancelled=self._cancelled(handle))
            self._advised = (episode.task, episode.id, decision)
        message = convert.decision_to_msg(decision)
        self._decisions.publish(message)
        self._showing.show(decision, history[-1])
        return Decide.Result(decision=message, code=int(ErrorCode.OK))

    def _advisee(self, episode: Episode, index: int) -> tuple[Policy, Decision | None]:
        """Return the policy, and its decision before this one if it was asked for that too."""
        policy = self._policy(episode.task)
        if index > 0 and self._advised is not None:
            task, episode_id, previous = self._advised
            if (task, episode_id) == (episode.task, episode.id):
                return policy, previous
        policy.reviser.reset(episode)
        return policy, None

    @contextmanager
    def _one_goal(self) -> Iterator[None]:
        """Refuse a goal while inactive or busy; ask the peers anew what they are."""
        self.require_active()
        if not self._busy.acquire(blocking=False):
            raise WiwError(ErrorCode.BUSY, "The planner is working on another goal.")
        try:
            for peer in (self._env, self._remote):
                if peer is not None:
                    peer.forget()
            yield
        finally:
            self.counters["stale replies"] = self._remote.stale if self._remote is not None else 0
            self._busy.release()

    def _cancelled(self, handle: ServerGoalHandle) -> Callable[[], bool]:
        return lambda: bool(handle.is_cancel_requested) or self._stopping.is_set()

    def _recorded(
        self, goal: RunEpisode.Goal, policy: Policy
    ) -> tuple[Environment, Policy, Recorder]:
        """Return what an episode runs with: told alone, recorded too, or recorded and filmed."""
        assert self._env is not None
        begun = partial(self._begun, goal.seed, policy)
        if not self._values["record_dir"]:
            return self._env, policy, self._teller.episode(begun, None)
        folder = Path(self._values["record_dir"])
        kept = JsonlRecorder(folder, config={**self._values, "seed": goal.seed})
        recorder = self._teller.episode(begun, kept)
        if self._films == 0:
            return self._env, policy, recorder
        self._films -= 1
        film = record_path(folder / "film", goal.episode_id).with_suffix("")
        return filmed(film, self._env, policy, recorder)

    def _begun(
        self, seed: int, policy: Policy, episode: Episode, observation: Observation
    ) -> convert.Begun:
        """Return what the decisions of an episode that has just begun will depend on."""
        assert self._env is not None
        return convert.Begun(
            episode,
            observation,
            seed,
            self._env.generation,
            self._env.name,
            self._env.actions,
            policy.imagine.info if policy.imagine is not None else None,
            self._values,
        )

    def _tell(self, handle: ServerGoalHandle, decision: Decision) -> None:
        message = convert.decision_to_msg(decision)
        handle.publish_feedback(RunEpisode.Feedback(decision=message))
        self._decisions.publish(message)


class _Told:
    """A world model whose finished rollouts are told as feedback of a ``~/decide`` goal."""

    def __init__(self, model: WorldModel, handle: ServerGoalHandle) -> None:
        self._model = model
        self._handle = handle
        self._count = 0

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        for rollout in self._model.rollout(request):
            self._count += 1  # of all rounds
            self._handle.publish_feedback(Decide.Feedback(stage="imagine", rollouts=self._count))
            yield rollout

    def close(self) -> None:
        self._model.close()


def main() -> None:
    """Run the node as a process."""
    sys.exit(run(PlannerNode))


if __name__ == "__main__":
    main()
