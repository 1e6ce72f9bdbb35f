"""Six promises about a robot that is told what to do, checked on what is seen of it from outside.

I1  The robot is commanded to move only while a goal is active.
I2  After a fault no motion is commanded any more, once the fault's time to hold is over.
I3  Every commanded speed is finite and within the limits.
I4  Every episode that was begun is closed, once.
I5  What did not succeed has a code and a sentence; nothing ends with code 0.
I6  Nothing of an older generation is used: no imagination that was made for an earlier episode, no
    motion outside an open one.

Plain data and functions, without ROS: :mod:`watcher` records a :class:`Trace` of a running graph.
All times are seconds of ``time.monotonic()``, when the watcher received a message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, describe

STILL = 1e-6
"""Commanded speeds up to this are none."""


@dataclass(frozen=True)
class Command:
    """A commanded speed: m/s and rad/s of a base; the greatest rad/s of a joint, as ``angular``."""

    t: float
    linear: float
    angular: float

    @property
    def moves(self) -> bool:
        """Whether it is motion; what is not a number is motion too."""
        return not (abs(self.linear) <= STILL and abs(self.angular) <= STILL)


@dataclass(frozen=True)
class GoalChange:
    """A goal of an action has become active, or has ended."""

    t: float
    action: str
    goal: str
    active: bool


@dataclass(frozen=True)
class Fault:
    """Something was broken on purpose; ``hold_s``: the time to hold, None if nothing need hold."""

    t: float
    name: str
    hold_s: float | None


@dataclass(frozen=True)
class Begun:
    """An episode was begun; ``generation``: the smallest that it can have."""

    t: float
    key: str
    generation: int = 0


@dataclass(frozen=True)
class Closed:
    """An episode was closed, as ``source`` says: the planner's result, or the bridge by itself.

    ``status`` 0: the source knows no verdict, only that its own part ended with this code.
    """

    t: float
    key: str
    source: str
    status: int
    code: int
    message: str


@dataclass(frozen=True)
class Decided:
    """A decision was told; ``imagined``: its candidates that were weighed by their imagination."""

    t: float
    imagined: int


@dataclass(frozen=True)
class Imagined:
    """A rollout was sent by a world model."""

    t: float
    goal: str
    plan_index: int
    generation: int


@dataclass
class Trace:
    """What was seen, each list in order of time.

    Attributes
    ----------
    until : float
        The time up to which was watched.
    """

    commands: list[Command] = field(default_factory=list)
    goals: list[GoalChange] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    imagined: list[Imagined] = field(default_factory=list)
    until: float = math.inf


@dataclass(frozen=True)
class Limits:
    """What the checks allow.

    Attributes
    ----------
    linear_m_s, angular_rad_s : float
        Greatest commanded speeds.
    goals : tuple of tuple of str
        Of every group of actions one must have an active goal while the robot moves.
    plans : str
        The action whose goals are decisions of an episode.
    grace_s : float
        How far messages of different topics may overtake one another.
    watchdog_s : float
        A command counts for so long when no other follows: the driver stops the robot then.
    stalls_s : float
        How long the watcher itself was not running at worst; added to every time to hold.
    """

    linear_m_s: float = 0.6
    angular_rad_s: float = 1.6
    goals: tuple[tuple[str, ...], ...] = ()
    plans: str = ""
    grace_s: float = 0.15
    watchdog_s: float = 0.5
    stalls_s: float = 0.0


@dataclass(frozen=True)
class Violation:
    """A broken promise: which one, when, and a sentence."""

    rule: str
    t: float
    sentence: str


def check(trace: Trace, limits: Limits) -> list[Violation]:
    """Return every broken promise, once per gap between goals, fault or episode; I3 once."""
    found = [
        *_motion_without_goal(trace, limits),
        *_late_holds(trace, limits),
        *_wild_commands(trace, limits),
        *_endings(trace),
        *_verdicts(trace),
        *_old_generations(trace, limits),
    ]
    return sorted(found, key=lambda v: v.t)


def hold_s(trace: Trace, fault: Fault, limits: Limits) -> float:
    """Return seconds from a fault to the end of the motion commanded after it; 0: it stood still.

    Looks up to the beginning of the next episode. A motion ends with the first command that is
    zero, or with the driver's watchdog where the stream of commands just ends.
    """
    later = [b.t for b in trace.begun if b.t > fault.t]
    end = min(later, default=trace.until)
    last = 0.0
    for command, until in _spans(trace.commands, limits.watchdog_s):
        if command.moves and command.t < end and until > fault.t:
            last = max(last, until - fault.t)
    return last


def _spans(commands: Sequence[Command], watchdog_s: float) -> Iterator[tuple[Command, float]]:
    """Yield each command with the time up to which it counts."""
    for index, command in enumerate(commands):
        after = commands[index + 1].t if index + 1 < len(commands) else math.inf
        yield command, min(after, command.t + watchdog_s)


def _motion_without_goal(trace: Trace, limits: Limits) -> Iterator[Violation]:
    for group in limits.goals:
        active = _active(trace.goals, group)
        told = None
        for command in trace.commands:
            inside = _inside(active, command.t, limits.grace_s)
            if command.moves and not inside and told is None:
                told = command
                yield Violation(
                    "I1",
                    command.t,
                    f"Motion ({command.linear:.2f} m/s, {command.angular:.2f} rad/s) was commanded"
                    f" while no goal of {' or '.join(group)} was active.",
                )
            elif inside:
                told = None


def _active(goals: Sequence[GoalChange], actions: Iterable[str]) -> list[tuple[float, float]]:
    """Return the spans of time in which any of the actions had a goal."""
    wanted, open_goals, spans = set(actions), dict[str, float](), list[tuple[float, float]]()
    for change in goals:
        if change.action not in wanted:
            continue
        if change.active:
            open_goals.setdefault(change.goal, change.t)
        elif change.goal in open_goals:
            spans.append((open_goals.pop(change.goal), change.t))
    return spans + [(start, math.inf) for start in open_goals.values()]


def _inside(spans: Sequence[tuple[float, float]], t: float, grace_s: float) -> bool:
    return any(start - grace_s <= t <= end + grace_s for start, end in spans)


def _late_holds(trace: Trace, limits: Limits) -> Iterator[Violation]:
    for fault in trace.faults:
        if fault.hold_s is None:
            continue
        took = hold_s(trace, fault, limits)
        if took > fault.hold_s + limits.stalls_s:
            yield Violation(
                "I2",
                fault.t,
                f"The robot was still commanded to move {took:.2f} s after '{fault.name}';"
                f" it must hold within {fault.hold_s:.2f} s.",
            )


def _wild_commands(trace: Trace, limits: Limits) -> Iterator[Violation]:
    wild = [
        command
        for command in trace.commands
        if not (  # also what is not a number
            abs(command.linear) <= limits.linear_m_s + STILL
            and abs(command.angular) <= limits.angular_rad_s + STILL
        )
    ]
    for command in wild[:1]:
        yield Violation(
            "I3",
            command.t,
            f"{len(wild)} times a speed beyond {limits.linear_m_s:.2f} m/s and"
            f" {limits.angular_rad_s:.2f} rad/s was commanded, first {command.linear:.2f} m/s and"
            f" {command.angular:.2f} rad/s.",
        )


def _endings(trace: Trace) -> Iterator[Violation]:
    """Two sources may tell of one closing: then they must say the same."""
    told: Mapping[str, list[Closed]] = {b.key: [] for b in trace.begun}
    for closed in trace.closed:
        if closed.key not in told:
            yield Violation("I4", closed.t, f"'{closed.key}' was closed and never begun.")
        else:
            told[closed.key].append(closed)
    for begun in trace.begun:
        closings = told[begun.key]
        if not closings:
            yield Violation("I4", begun.t, f"'{begun.key}' was begun and never closed.")
        elif len({c.source for c in closings}) < len(closings):
            yield Violation("I4", begun.t, f"'{begun.key}' was closed twice by the same node.")
        elif len({(c.status, c.code) for c in closings if c.status}) > 1:
            verdicts = "; ".join(f"{c.source}: {c.status}, {describe(c.code)}" for c in closings)
            yield Violation("I4", begun.t, f"'{begun.key}' has several verdicts: {verdicts}.")


def _verdicts(trace: Trace) -> Iterator[Violation]:
    for closed in trace.closed:
        aborted = closed.status not in (
            EpisodeStatus.SUCCESS,
            EpisodeStatus.FAILURE,
            EpisodeStatus.TRUNCATED,
        )
        if closed.code == ErrorCode.UNSET:
            yield Violation("I5", closed.t, f"'{closed.key}' ended with code 0.")
        elif aborted and closed.code == ErrorCode.OK:
            yield Violation("I5", closed.t, f"'{closed.key}' was aborted with the code of success.")
        elif not aborted and closed.code != ErrorCode.OK:
            yield Violation(
                "I5", closed.t, f"'{closed.key}' was judged in spite of {describe(closed.code)}."
            )
        if closed.code != ErrorCode.OK and not closed.message.strip():
            yield Violation("I5", closed.t, f"'{closed.key}' ended without a sentence.")


def _old_generations(trace: Trace, limits: Limits) -> Iterator[Violation]:
    for index, begun in enumerate(trace.begun):
        last = index + 1 == len(trace.begun)
        after = Begun(math.inf, "") if last else trace.begun[index + 1]
        claimed = sum(d.imagined for d in trace.decided if begun.t <= d.t < after.t)
        fresh = {
            (r.goal, r.plan_index)
            for r in trace.imagined
            if r.generation >= begun.generation and (last or r.generation < after.generation)
        }
        if claimed > len(fresh):
            yield Violation(
                "I6",
                begun.t,
                f"The decisions of '{begun.key}' used {claimed} rollouts, and only {len(fresh)} of"
                " its generation were sent: an older reply was used.",
            )
    moving = [c.t for c in trace.commands if c.moves]
    for start, end in _active(trace.goals, (limits.plans,)):
        if not any(start <= t <= end for t in moving):
            continue  # it was refused
        before = [b for b in trace.begun if b.t <= start + limits.grace_s]
        key = before[-1].key if before else ""
        told = [c.t for c in trace.closed if c.key == key and c.source == "planner"]
        if not before or start > min(told, default=math.inf) + limits.grace_s:
            yield Violation("I6", start, "A plan was executed while no episode was open.")
