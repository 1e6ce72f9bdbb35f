"""The contracts every plugin meets: each docstring is one, and ``conformance`` tests it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from wiw_core.decisions import Candidate, Decision, EpisodeResult, Exchange, Transition
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Observation
from wiw_core.plans import ActionSpec, Plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest

FramesWanted = Literal["none", "last", "all"]
Metric = Literal["success", "score"]


@runtime_checkable
class Environment(Protocol):
    """A simulator or a robot. Not thread-safe, :meth:`hold` apart: one caller at a time.

    Nothing moves except inside :meth:`act`; after any method returns, or raises, the robot is
    still.
    """

    @property
    def name(self) -> str:
        """The registered name."""
        ...

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Every action that :meth:`act` accepts, by name."""
        ...

    def tasks(self) -> Sequence[str]:
        """Return the tasks it has episodes for."""
        ...

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in evaluation order, all if ``limit`` is 0; raises ``UNKNOWN_TASK``."""
        ...

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode; return its public side, the first observation, whether it is decided.

        Raises ``UNKNOWN_TASK`` or ``UNKNOWN_EPISODE``; the episode open before is abandoned.
        """
        ...

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute the plan's actions one by one, yielding what really happened after each.

        The last transition carries an observation; the others do if ``observe``. Stops early when
        done. Closing the iterator stops the motion; :meth:`hold` ends it after a last transition
        that says how far the interrupted action came. Raises ``NO_EPISODE``, ``EMPTY_PLAN``,
        ``UNKNOWN_ACTION``, ``ACTION_OUT_OF_LIMITS`` before anything moves.
        """
        ...

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = float("nan"),
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Hold, close the open episode, judge it with privileged state; raises ``NO_EPISODE``."""
        ...

    def hold(self) -> None:
        """Stop all motion now; never raises, may be called at any time and repeatedly."""
        ...

    def close(self) -> None:
        """Release everything; idempotent."""
        ...


@runtime_checkable
class Cloneable(Protocol):
    """An environment whose state can be saved and restored bit-exactly: what an oracle needs."""

    def snapshot(self) -> Any:
        """Return an opaque state of the open episode."""
        ...

    def restore(self, state: Any) -> None:
        """Return to a state that :meth:`snapshot` gave, bit-exactly."""
        ...


@runtime_checkable
class Mobile(Protocol):
    """An environment that can say how it moves while :meth:`Environment.act` runs."""

    def motion(self) -> tuple[Pose2, float, float]:
        """Return ``T_odom_base``, forward speed in m/s and yaw rate in rad/s; thread-safe."""
        ...


@runtime_checkable
class WorldModel(Protocol):
    """Imagines where plans lead. One caller at a time."""

    @property
    def info(self) -> ModelInfo:
        """What it accepts, returns and costs."""
        ...

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, as each finishes, in any order.

        A result never depends on the other plans of the request, and repeats bit-exactly for the
        same request and seed. Between frames it asks ``request.cancelled()`` (then raises
        ``CANCELLED``) and the deadline (then raises ``DEADLINE_EXCEEDED``). Raises
        ``DEPTH_REQUIRED`` or ``PANORAMA_REQUIRED`` when the observation lacks what it needs: it
        never guesses.
        """
        ...

    def close(self) -> None:
        """Free memory and devices; idempotent."""
        ...


@dataclass(frozen=True)
class PlanLimits:
    """M ``candidates`` of at most ``horizon`` actions; the first ``execute`` are executed.

    A navigation plan is imagined as at least ``imagined`` actions: a shorter one goes on with
    ``forward``, in imagination only; 0 imagines the plan alone.
    """

    candidates: int
    horizon: int
    execute: int
    imagined: int = 0


@dataclass
class Notes:
    """What a proposer and a reviser leave for the record of a decision, beside what they return.

    Attributes
    ----------
    transcript : list of Exchange
        What they asked of other programs, in the order of the replies.
    degraded : bool
        A named degradation was in force.
    """

    transcript: list[Exchange] = field(default_factory=list)
    degraded: bool = False


def _never() -> bool:
    return False


@dataclass(frozen=True)
class DecisionContext:
    """All that a proposer and a reviser may use.

    Attributes
    ----------
    history : tuple of Observation
        Oldest first, as many as the world model's context asks for; the last one is now.
    rng : numpy.random.Generator
        The only source of chance, seeded by run seed, episode seed and decision index.
    previous : Decision or None
        The decision before this one, in this episode.
    actions : mapping
        The actions the environment accepts.
    notes : Notes
        For the record; the loop takes them into the decision.
    cancelled : callable
        True once nobody waits for the decision any more; who takes long asks, and raises
        ``CANCELLED``.
    """

    episode: Episode
    history: tuple[Observation, ...]
    index: int
    limits: PlanLimits
    actions: Mapping[str, ActionSpec]
    rng: np.random.Generator
    previous: Decision | None = None
    notes: Notes = field(default_factory=Notes)
    cancelled: Callable[[], bool] = _never

    @property
    def now(self) -> Observation:
        """The newest observation."""
        return self.history[-1]


@runtime_checkable
class Proposer(Protocol):
    """Suggests plans.

    A class of proposers, or of revisers, may name the tasks it is made for in an attribute
    ``serves``; without one it is taken to serve those whose default it is, or navigation.
    """

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return 1 to ``count`` distinct plans of 1 to ``limits.horizon`` actions, best first.

        The first plan does not depend on ``count``: it is what a policy without a world model does.
        """
        ...


@runtime_checkable
class Refiner(Proposer, Protocol):
    """A proposer that looks at what became of its plans, and suggests better ones."""

    def refine(
        self, context: DecisionContext, candidates: Sequence[Candidate], count: int
    ) -> list[Plan]:
        """Return 1 to ``count`` new plans for another round of imagination, or none to end.

        It is asked after each round, and never without a world model. ``candidates`` are all that
        were weighed so far in this decision, scored where they could be; a new plan is none of
        them. All rounds of a decision share one deadline.
        """
        ...


@runtime_checkable
class Reviser(Protocol):
    """Scores candidates, then selects, rewrites, answers or stops."""

    frames: FramesWanted
    """Which imagined frames it looks at: none, the last one of each plan, or all."""

    def reset(self, episode: Episode) -> None:
        """Forget the episode before."""
        ...

    def glance(self, context: DecisionContext) -> Decision | None:
        """Return a decision that needs no imagination (a confident answer, a stop), else None."""
        ...

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Decide; rollouts are absent without a world model, and then the first plan is taken.

        Once per round: after the first, ``candidates`` are the best so far and the new ones. A
        decision holds all of them again, in order, or none.

        Raises ``NO_VALID_SCORE`` when there are rollouts and none could be scored.
        """
        ...


@runtime_checkable
class Task(Protocol):
    """What is asked of the robot, and the numbers of its protocol."""

    @property
    def name(self) -> str:
        """The registered name."""
        ...

    @property
    def limits(self) -> PlanLimits:
        """M, L and how much is executed per decision."""
        ...

    @property
    def budget(self) -> int:
        """Greatest number of decisions."""
        ...

    @property
    def views(self) -> Sequence[str]:
        """Names of the views a policy of this task is given."""
        ...

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """The actions it is solved with."""
        ...

    @property
    def metric(self) -> Metric:
        """What its episodes are compared by: success, or the score of their open answers."""
        ...

    @property
    def family(self) -> str:
        """Tasks of one family are also reported together, such as ``manipulation``."""
        ...

    @property
    def environment(self) -> str:
        """Default environment's registered name."""
        ...

    @property
    def proposer(self) -> str:
        """Default proposer's registered name."""
        ...

    @property
    def reviser(self) -> str:
        """Default reviser's registered name."""
        ...


class Recorder(Protocol):
    """Keeps what happened."""

    def begin(self, episode: Episode, observation: Observation) -> None:
        """An episode has begun."""
        ...

    def decision(self, decision: Decision, executed: Plan, observation: Observation) -> None:
        """A decision was taken and this prefix of it really executed, ending in ``observation``."""
        ...

    def undecided(self, transcript: Sequence[Exchange]) -> None:
        """A decision came to nothing, and this is what other programs were asked for it.

        The result that follows has the fault's code.
        """
        ...

    def end(self, result: EpisodeResult) -> None:
        """The episode has ended; after this returns its record survives a crash."""
        ...
