"""A real robot as an environment, through standard ROS 2 interfaces only."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rclpy.node import Node

from wiw_core.arm import target_of
from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.decisions import EpisodeResult, Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, wrap
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_env_bridge.robot.body import BodyState, Outcome
from wiw_env_bridge.robot.looking import Eyes
from wiw_env_bridge.robot.parts import Parts
from wiw_env_bridge.robot.profile import load_profile
from wiw_env_bridge.robot.referee.base import Ending, Travelled
from wiw_env_bridge.robot.referee.pose import result_of


@dataclass(frozen=True)
class _Open:
    episode: Episode
    origin: Pose2
    """``T_odom_base`` of the first observation: what a policy sees begins there."""


class RobotEnvironment:
    """One robot of one profile; see :class:`wiw_core.contracts.Environment`.

    It connects at its first use, to the node it was attached to, else in a context of its own; then
    every interface must be there within ``timing.server_wait_s``. :meth:`hold` and :meth:`motion`
    may be called from any thread at any time. Each action passes the gate, is sent as a finite
    goal, and ends with the robot still; then the robot settles, and the first pictures after that
    are taken.

    Parameters
    ----------
    profile : str
        Name of a shipped profile, or a path to a YAML file.
    """

    name = "robot"

    def __init__(self, profile: str = "simulated_base") -> None:
        self.profile = load_profile(profile)
        self.still_only = False
        """Set by the bridge in a dry run: also looking around must not move the robot."""
        self._parts: Parts | None = None
        self._ready = self._closed = False
        self._halted = threading.Event()
        self._open: _Open | None = None
        self._travelled, self._done = Travelled(), False

    def attach(self, node: Node) -> None:
        """Live beside this node: its context, namespace and clock. Waits for nothing."""
        self._parts = Parts(self.profile, node)

    @property
    def robot(self) -> str:
        """The resolved name of the robot's first command interface: who owns it owns the robot."""
        p = self.profile
        name = p.base.cmd_vel if p.kind == "base" else p.arm.trajectory_action
        return str(self._made().link.node.resolve_topic_name(name))

    @property
    def looking(self) -> Plan:
        """What it moves to look around when an episode begins: a full turn, or nothing."""
        turns = TURNS_PER_CIRCLE if self.profile.panorama.turning else 0
        return Plan((Action("turn_left"),) * turns, "look around")

    @property
    def parts(self) -> Parts:
        """What it is made of: for tools that look at a robot."""
        return self._made()

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """What the body can do."""
        return self._made().body.actions

    def tasks(self) -> Sequence[str]:
        """Return the tasks that the referee has episodes for; connects to the robot."""
        return self._connected().referee.tasks()

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return the referee's ids in evaluation order."""
        return self._connected().referee.episode_ids(task, split, limit)

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Have the robot placed, and look; :meth:`hold` ends it with ``CANCELLED``."""
        self._open = None
        self._halted.clear()
        parts = self._connected()
        parts.body.ready()  # a driver may have gone and come back since
        parts.frozen.reset()
        parts.failures.reset()
        try:
            episode, done = parts.referee.begin(task, episode_id, self._require_free)
            now = parts.link.now_s()
            seen = self._eyes().observe(episode.id, 0, now, self._require_free)
            self._require_free()
        except BaseException:
            self.hold()
            raise
        self._travelled, self._done = Travelled(), done
        self._open = _Open(episode, seen.base_pose)
        return episode, replace(seen, base_pose=Pose2()), done

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; see :class:`wiw_core.contracts.Environment`."""
        opened = self._opened()
        check_plan(plan, self.actions)
        if self.profile.kind == "arm":
            for action in plan.actions:
                target_of(action)  # refuses what is no pose, before anything moves
        if self._done:
            raise WiwError(ErrorCode.NO_EPISODE, "The episode is decided.", "Finish it.")
        self._halted.clear()
        return self._execute(opened, plan, observe)

    def check(self, plan: Plan) -> None:
        """Make every check of :meth:`act` that needs no motion; raises what it would."""
        self._connected().body.check(plan)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Hold, and have the referee judge; a referee that cannot is a fault of the episode."""
        opened = self._opened()
        self.hold()
        self._open = None
        ending = Ending(decisions, answer, confidence, ErrorCode(fault), message)
        try:
            return self._made().referee.finish(ending, self._travelled)
        except WiwError as error:
            return _unjudged(opened.episode, ending, self._travelled, error)

    def hold(self) -> None:
        """Stop all motion now; from any thread, never waits."""
        self._halted.set()
        if self._parts is not None:
            self._parts.body.hold()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return the live pose since the episode's start, speed in m/s and yaw rate in rad/s."""
        if self._parts is None:
            return Pose2(), 0.0, 0.0
        pose, forward, turn = self._parts.body.motion()
        opened = self._open
        return (pose if opened is None else opened.origin.inverse() * pose), forward, turn

    def time_jumped(self) -> None:
        """Forget every message and moving transform: the clock was set."""
        if self._parts is not None:
            self._parts.link.clear()

    def close(self) -> None:
        """Hold and leave the graph; idempotent."""
        self.hold()
        self._open, self._closed = None, True
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.close()

    # Acting ---------------------------------------------------------------------------------------

    def _execute(self, opened: _Open, plan: Plan, observe: bool) -> Iterator[Transition]:
        parts = self._connected()
        for index, action in enumerate(plan.actions):
            if self._halted.is_set() or self._open is not opened:
                return
            try:
                outcome, defeat = self._one(parts, action)
                halted = self._halted.is_set()
                self._done = not halted and parts.referee.decided()
                last = (
                    index == len(plan) - 1
                    or self._done
                    or halted
                    or outcome.code is not ErrorCode.OK
                )
                seen = self._look(opened, outcome) if observe or last else None
            except BaseException:
                self.hold()
                raise
            yield Transition(seen, outcome.path_m, outcome.collided, self._done, outcome.code)
            if defeat is not None:
                self.hold()
                raise defeat
            if last:
                return

    def _one(self, parts: Parts, action: Action) -> tuple[Outcome, WiwError | None]:
        """Execute one action and take it down; also return the fault of one failure too many."""
        before = parts.body.state()
        outcome = parts.body.execute(action, self._halted)
        parts.frozen.moved(*_moved(before, parts.body.state()))
        failed = outcome.code is ErrorCode.ACTION_FAILED
        t = self._travelled
        self._travelled = Travelled(
            t.actions + 1,
            t.collisions + int(outcome.collided),
            t.failures + int(outcome.code is not ErrorCode.OK),
            t.path_m + outcome.path_m,
        )
        try:
            parts.failures.note(failed, outcome.message)
        except WiwError as error:
            return outcome, error
        return outcome, None

    def _look(self, opened: _Open, outcome: Outcome) -> Observation | None:
        """Return what is seen after an action.

        Of an interrupted one, what can be seen without moving: nothing if a sensor is lost too, for
        why the motion was ended is worth more than that.
        """
        moment = opened.episode.id, self._travelled.actions, outcome.motion_end_s
        if not self._halted.is_set():
            try:
                return self._relative(self._eyes().observe(*moment, self._require_free))
            except WiwError:
                if not self._halted.is_set():
                    raise
        try:
            return self._relative(self._eyes().glance(*moment))
        except WiwError as error:
            self._made().link.warn(f"Nothing is seen after the interruption: {error}")
            return None

    # Parts ----------------------------------------------------------------------------------------

    def _made(self) -> Parts:
        if self._closed:
            raise WiwError(ErrorCode.NO_EPISODE, "The environment is closed.", "Make a new one.")
        if self._parts is None:
            self._parts = Parts(self.profile, None)
        return self._parts

    def _connected(self) -> Parts:
        parts = self._made()
        if not self._ready:
            parts.body.ready()
            self._eyes().ready()
            self._ready = True
        return parts

    def _eyes(self) -> Eyes:
        return Eyes(self._made(), self._halted, self.still_only)

    def _require_free(self) -> None:
        if self._halted.is_set():
            raise WiwError(ErrorCode.CANCELLED, "The robot was told to hold.")

    def _opened(self) -> _Open:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open

    def _relative(self, observation: Observation) -> Observation:
        pose = self._opened().origin.inverse() * observation.base_pose
        return replace(observation, base_pose=pose)


def _moved(before: BodyState, after: BodyState) -> tuple[float, float]:
    """Return how far a body came, in metres and radians: its base and its tool together."""
    metres = before.base_pose.distance_m(after.base_pose)
    radians = abs(wrap(after.base_pose.yaw_rad - before.base_pose.yaw_rad))
    if before.tool_pose is not None and after.tool_pose is not None:
        a, b = before.tool_pose, after.tool_pose
        metres += math.dist(a.position, b.position)
        radians += 2.0 * math.acos(min(1.0, abs(float(a.quaternion @ b.quaternion))))
    return metres, radians


def _unjudged(
    episode: Episode, ending: Ending, travelled: Travelled, error: WiwError
) -> EpisodeResult:
    """Return the result of an episode that its referee could not judge."""
    fault = error.code if ending.fault is ErrorCode.OK else ending.fault
    why = f"The episode could not be judged: {error}"
    ending = replace(ending, fault=fault, message=f"{ending.message} {why}".strip())
    return result_of(episode, ending, travelled, success=False)
