"""The outcome of one turn of the loop, and of one episode."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from wiw_core.errors import ErrorCode
from wiw_core.observation import Observation
from wiw_core.plans import Plan
from wiw_core.rollouts import Rollout


class DecisionKind(IntEnum):
    """What the robot is told to do."""

    ACT = 1
    ANSWER = 2
    STOP = 3


class EpisodeStatus(IntEnum):
    """How an episode ended; faults are never counted as task failures."""

    SUCCESS = 1
    FAILURE = 2
    TRUNCATED = 3
    ABORTED_FAULT = 4
    ABORTED_USER = 5


def episode_status(success: bool, fault: ErrorCode, truncated: bool) -> EpisodeStatus:
    """Return how an episode ended; ``truncated``: the budget ran out where the task needed more.

    A fault comes before success: an episode that was interrupted proves nothing.
    """
    if fault is ErrorCode.ABORTED_BY_USER:
        return EpisodeStatus.ABORTED_USER
    if fault is not ErrorCode.OK:
        return EpisodeStatus.ABORTED_FAULT
    if success:
        return EpisodeStatus.SUCCESS
    return EpisodeStatus.TRUNCATED if truncated else EpisodeStatus.FAILURE


@dataclass(frozen=True)
class Candidate:
    """One plan under consideration; ``score`` is higher-is-better, NaN when it was not scored.

    ``round`` is 0 for what was proposed first; see :class:`wiw_core.contracts.Refiner`.
    """

    plan: Plan
    rollout: Rollout | None = None
    score: float = math.nan
    reason: str = ""
    code: ErrorCode = ErrorCode.OK
    round: int = 0


@dataclass(frozen=True)
class Exchange:
    """One question that a policy put to another program, such as a language model, and the reply.

    Attributes
    ----------
    role : str
        What was asked for, such as ``"propose"``.
    server : str
        Who was asked and where it runs: where the pictures went.
    attempt : int
        1 for the first try of a question.
    pictures : int
        How many were sent.
    seconds : float
        From request to reply.
    code : ErrorCode
        ``OK``, or why the reply could not be used.
    reason : str
        The same in a sentence; empty if it could be used.
    reply : str
        As it came, cut at a length that its client sets.
    """

    role: str
    server: str
    attempt: int = 1
    pictures: int = 0
    seconds: float = 0.0
    code: ErrorCode = ErrorCode.OK
    reason: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do now, and every candidate that was weighed for it.

    Attributes
    ----------
    prefix_length : int
        How many actions of ``plan`` to execute before the next decision.
    chosen : int
        Index into ``candidates``; -1 if the plan was rewritten, or there is none.
    answer, confidence : str, float
        The best answer so far and its probability; final when ``kind`` is ``ANSWER``.
    seconds : dict
        Seconds per stage.
    transcript : tuple of Exchange
        What other programs, such as a language model, were asked for it, and what they replied.
    """

    kind: DecisionKind
    plan: Plan = Plan(())
    prefix_length: int = 0
    chosen: int = -1
    answer: str = ""
    confidence: float = math.nan
    candidates: tuple[Candidate, ...] = ()
    index: int = 0
    step: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    frames_imagined: int = 0
    degraded: bool = False
    transcript: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Transition:
    """What really happened when one action was executed.

    Attributes
    ----------
    observation : Observation or None
        After the motion has settled; None if none was asked for.
    path_m : float
        Metres really travelled.
    done : bool
        The episode is decided: by the oracle stop, where the protocol grants one, or because its
        actions are used up, where they are limited.
    code : ErrorCode
        ``NO_PATH`` or ``IK_FAILED`` if the action could not be begun: the robot has not moved;
        ``ACTION_FAILED`` if its controller gave up on the way. In each case
        the rest of the plan is dropped, and the next decision follows. ``OK`` otherwise.
    """

    observation: Observation | None
    path_m: float
    collided: bool = False
    done: bool = False
    code: ErrorCode = ErrorCode.OK


@dataclass(frozen=True)
class EpisodeResult:
    """How an episode ended.

    Without a goal place ``shortest_m`` and ``final_distance_m`` are NaN, ``shortest_actions`` 0.

    Attributes
    ----------
    failures : int
        Actions that could not be executed, see :class:`Transition`.
    score : float
        Of an open answer, 0 to 100; NaN for a task without.
    """

    task: str
    episode_id: str
    seed: int
    status: EpisodeStatus
    success: bool
    code: ErrorCode = ErrorCode.OK
    message: str = ""
    decisions: int = 0
    actions: int = 0
    collisions: int = 0
    path_m: float = 0.0
    shortest_m: float = math.nan
    shortest_actions: int = 0
    final_distance_m: float = math.nan
    answer: str = ""
    confidence: float = math.nan
    failures: int = 0
    score: float = math.nan
