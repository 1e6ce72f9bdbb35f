"""Records what a graph of WIW nodes and a robot does, for :mod:`invariants`."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from geometry_msgs.msg import Twist, TwistStamped
from invariants import (
    Begun,
    Closed,
    Command,
    Decided,
    Fault,
    GoalChange,
    Imagined,
    Limits,
    Trace,
    Violation,
    check,
    hold_s,
)
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_action_status_default
from sensor_msgs.msg import JointState

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_msgs.action import Rollout
from wiw_msgs.msg import Decision
from wiw_ros.ears import Ears
from wiw_ros.qos import ROLLOUTS
from wiw_ros.testing import NodeProcess, Probe

ACTIVE = (
    GoalStatus.STATUS_ACCEPTED,
    GoalStatus.STATUS_EXECUTING,
    GoalStatus.STATUS_CANCELING,
)
COMMANDS = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Hears every publisher, whatever it offers."""
JOINT_STILL_RAD_S = 0.02
HOLDS = os.environ.get("WIW_HOLDS", "")
"""A file for one line of JSON per fault: how long the robot went on, for ``docs/safety.md``."""
TICK_S = 0.02
_CLOSED = re.compile(
    r"closed (?P<task>\S+)/(?P<id>\S+) as (?P<status>\w+) \((?P<code>\d+) \w+: (?P<message>.*)\)"
)


class Watcher:
    """Hears the command topic, the goals of actions, decisions and rollouts; knows no one's word.

    Parameters
    ----------
    robot_actions : sequence of str
        The robot's own actions; while it moves, one of them must have a goal. Empty: the bridge
        commands the speed itself.
    joints : bool
        Watch ``joint_states`` of an arm in place of ``cmd_vel`` of a base.
    stamped : bool
        ``cmd_vel`` is a TwistStamped.
    """

    def __init__(
        self,
        probe: Probe,
        limits: Limits,
        robot_actions: Sequence[str] = ("drive_on_heading", "spin"),
        joints: bool = False,
        stamped: bool = True,
    ) -> None:
        self.trace = Trace()
        self._lock = threading.Lock()
        self._limits = limits
        self._active: dict[str, set[str]] = {}
        self._gaps: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._ears = Ears(probe.node)
        listen = self._ears.node.create_subscription
        if joints:
            listen(JointState, "joint_states", self._joint_states, COMMANDS)
        elif stamped:
            listen(TwistStamped, "cmd_vel", lambda m: self._twist(m.twist), COMMANDS)
        else:
            listen(Twist, "cmd_vel", self._twist, COMMANDS)
        for action in ("env_bridge/execute_plan", *robot_actions):
            listen(
                GoalStatusArray,
                f"{action}/_action/status",
                self._statuses(action),
                qos_profile_action_status_default,
            )
        listen(Decision, "planner_node/decision", self._decision, QoSProfile(depth=10))
        listen(
            Rollout.Impl.FeedbackMessage,
            "wm_node/rollout/_action/feedback",
            self._rollout,
            ROLLOUTS,
        )
        self._ticker = threading.Thread(target=self._tick, name="watcher", daemon=True)
        self._ticker.start()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._ticker.join(1.0)
        self._ears.close()

    # What the test knows --------------------------------------------------------------------------

    def fault(self, name: str, within_s: float | None) -> Fault:
        """Note that something is broken now; the robot must hold within so many seconds."""
        fault = Fault(time.monotonic(), name, within_s)
        with self._lock:
            self.trace.faults.append(fault)
        return fault

    def require(self, fault: Fault, within_s: float) -> None:
        """Require of a fault that was noted that the robot held within so many seconds."""
        with self._lock:
            index = self.trace.faults.index(fault)
            self.trace.faults[index] = replace(fault, hold_s=within_s)

    def begun(self, key: str) -> None:
        """Note that an episode begins now."""
        with self._lock:
            generation = time.time_ns() // 1_000_000  # as RosEnvironment counts them
            self.trace.begun.append(Begun(time.monotonic(), key, generation))

    def closed(self, key: str, source: str, status: int, code: int, message: str) -> None:
        """Note that an episode was closed."""
        with self._lock:
            now = time.monotonic()
            self.trace.closed.append(Closed(now, key, source, status, code, message))

    def gone(self, action: str, after_s: float = 0.0) -> None:
        """Note that the server of an action is dead: its goals end now, or after so long."""
        with self._lock:
            for goal in sorted(self._active.pop(action, set())):
                end = time.monotonic() + after_s
                self.trace.goals.append(GoalChange(end, action, goal, False))

    # What is found --------------------------------------------------------------------------------

    @property
    def moving(self) -> bool:
        """Whether the newest command is motion."""
        with self._lock:
            return bool(self.trace.commands) and self.trace.commands[-1].moves

    @property
    def newest_s(self) -> float:
        """Seconds since the newest command."""
        with self._lock:
            last = self.trace.commands[-1].t if self.trace.commands else 0.0
        return time.monotonic() - last

    def stalls_s(self, since: float) -> float:
        """Return the longest time for which this process itself stood still."""
        return max((gap for t, gap in self._gaps if t >= since), default=0.0)

    def hold_s(self, fault: Fault) -> float:
        """Return seconds from the fault to the end of motion, seen up to now."""
        with self._lock:
            self.trace.until = time.monotonic()
            return hold_s(self.trace, fault, self._limits)

    def violations(self) -> list[Violation]:
        """Return every broken promise up to now."""
        with self._lock:
            self.trace.until = time.monotonic()
            since = self.trace.begun[0].t if self.trace.begun else 0.0
            return check(self.trace, replace(self._limits, stalls_s=self.stalls_s(since)))

    def forget(self) -> None:
        """Begin a new trace; goals that are active stay so."""
        with self._lock:
            now, old = time.monotonic(), self._active
            self.trace = Trace()
            self._gaps.clear()
            self.trace.goals = [
                GoalChange(now, action, goal, True)
                for action in old
                for goal in sorted(old[action])
            ]

    # What is heard --------------------------------------------------------------------------------

    def _twist(self, message: Twist) -> None:
        with self._lock:
            linear = max(message.linear.x, message.linear.y, message.linear.z, key=abs)
            self.trace.commands.append(Command(time.monotonic(), linear, message.angular.z))

    def _joint_states(self, message: JointState) -> None:
        speed = max((abs(v) for v in message.velocity), default=0.0)
        with self._lock:
            moves = speed if not speed <= JOINT_STILL_RAD_S else 0.0
            self.trace.commands.append(Command(time.monotonic(), 0.0, moves))

    def _statuses(self, action: str) -> Callable[[GoalStatusArray], None]:
        def take(message: GoalStatusArray) -> None:
            now = time.monotonic()
            with self._lock:
                known = self._active.setdefault(action, set())
                listed = {
                    bytes(s.goal_info.goal_id.uuid).hex(): s.status for s in message.status_list
                }
                for goal, status in listed.items():
                    if (status in ACTIVE) != (goal in known):
                        self.trace.goals.append(GoalChange(now, action, goal, status in ACTIVE))
                known.clear()
                known.update(goal for goal, status in listed.items() if status in ACTIVE)

        return take

    def _decision(self, message: Decision) -> None:
        with self._lock:
            imagined = sum(bool(c.imagined) for c in message.candidates)
            self.trace.decided.append(Decided(time.monotonic(), imagined))

    def _rollout(self, message: Any) -> None:
        rollout = message.feedback.rollout
        goal = bytes(message.goal_id.uuid).hex()
        with self._lock:
            self.trace.imagined.append(
                Imagined(time.monotonic(), goal, rollout.plan_index, rollout.generation)
            )

    def _tick(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(TICK_S):
            now = time.monotonic()
            if now - last > 2 * TICK_S:
                self._gaps.append((now, now - last - TICK_S))
            last = now


def tell(fault: Fault, code: int, held_s: float) -> None:
    """Append what came of a fault to the file that :data:`HOLDS` names, if any."""
    if HOLDS:
        row = {"fault": fault.name, "code": code, "hold_s": round(held_s, 3)}
        with Path(HOLDS).open("a") as file:
            file.write(json.dumps({**row, "load": round(os.getloadavg()[0], 1)}) + "\n")


def closings(bridge: NodeProcess, episode_id: str, start: int = 0) -> list[tuple[int, int, str]]:
    """Return ``(status, code, message)`` of each time that the bridge itself closed this episode.

    Parameters
    ----------
    start : int
        Characters of its output that are older.
    """
    found = _CLOSED.finditer(bridge.output[start:])
    return [
        (EpisodeStatus[m["status"]], ErrorCode(int(m["code"])), m["message"])
        for m in found
        if m["id"] == episode_id
    ]
