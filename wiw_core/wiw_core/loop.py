"""The closed loop of World-in-World: propose, simulate, revise, act (arXiv 2510.18135, section 2.1).

ROS-free: the planner node, the tests and in-process studies run this same function. Over ROS the
environment and the world model are thin action clients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from wiw_core.contracts import (
    DecisionContext,
    Environment,
    PlanLimits,
    Proposer,
    Recorder,
    Reviser,
    WorldModel,
)
from wiw_core.decisions import Candidate, Decision, DecisionKind, EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.plans import ActionSpec, Plan, check_plan
from wiw_core.rollouts import Rollout, RolloutRequest


@dataclass
class Policy:
    """A proposer, an optional world model and a reviser, with the limits they plan under.

    Attributes
    ----------
    imagine : WorldModel or None
        None is the base policy: the proposer's first plan.
    deadline_s : float
        Seconds allowed for all rollouts of one decision.
    """

    proposer: Proposer
    reviser: Reviser
    limits: PlanLimits
    imagine: WorldModel | None = None
    deadline_s: float = 60.0


@dataclass
class _Stages:
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, name: str, since: float) -> float:
        now = time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - since
        return now


def decide(
    policy: Policy,
    context: DecisionContext,
    *,
    seed: int = 0,
    generation: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Decision:
    """Take one decision; nothing moves.

    Raises
    ------
    WiwError
        What the proposer, the world model or the reviser raises, unchanged.
    """
    stages, start = _Stages(), time.monotonic()
    decision = policy.reviser.glance(context)
    mark = stages.time("glance", start)
    if decision is not None:
        return replace(decision, seconds=stages.seconds, index=context.index, step=context.now.step)

    imagining = policy.imagine is not None and policy.reviser.frames != "none"
    plans = policy.proposer.propose(context, context.limits.candidates if imagining else 1)
    for plan in plans:
        check_plan(plan, context.actions)
    mark = stages.time("propose", mark)

    candidates = [Candidate(plan) for plan in plans]
    frames_imagined = 0
    if imagining and policy.imagine is not None:
        request = RolloutRequest(
            observations=context.history,
            plans=tuple(plans),
            frames=tuple(len(plan) for plan in plans),
            episode=context.episode,
            last_frame_only=policy.reviser.frames == "last",
            seed=seed,
            generation=generation,
            deadline_s=time.monotonic() + policy.deadline_s,
            cancelled=cancelled,
        )
        for rollout in policy.imagine.rollout(request):
            candidates[rollout.plan_index] = _candidate(plans[rollout.plan_index], rollout)
            frames_imagined += len(rollout.frame_indices)
        mark = stages.time("imagine", mark)

    decision = policy.reviser.revise(context, candidates)
    stages.time("revise", mark)
    return replace(
        decision,
        candidates=decision.candidates or tuple(candidates),
        seconds=stages.seconds,
        frames_imagined=frames_imagined,
        index=context.index,
        step=context.now.step,
    )


def _candidate(plan: Plan, rollout: Rollout) -> Candidate:
    return Candidate(plan, rollout, code=rollout.code, reason=rollout.message)


def decision_context(
    policy: Policy,
    episode: Episode,
    history: tuple[Observation, ...],
    actions: Mapping[str, ActionSpec],
    index: int,
    seed: int,
    previous: Decision | None,
) -> DecisionContext:
    """Return the context of decision ``index``; its randomness depends only on seeds and index."""
    context_length = policy.imagine.info.context if policy.imagine is not None else 1
    return DecisionContext(
        episode=episode,
        history=history[-max(1, context_length) :],
        index=index,
        limits=policy.limits,
        actions=actions,
        rng=np.random.default_rng([seed, episode.seed, index]),
        previous=previous,
    )


def run_episode(
    env: Environment,
    task: str,
    episode_id: str,
    policy: Policy,
    *,
    seed: int = 0,
    recorder: Recorder | None = None,
    generation: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> EpisodeResult:
    """Run one episode: reset, then decide and act until it ends, then finish.

    Whatever happens the robot ends in hold and an episode that was begun is closed exactly once. A
    :class:`WiwError` of any part closes it as a fault with that error's code; it is not raised.

    Raises
    ------
    WiwError
        Only if the episode could not begin (``UNKNOWN_TASK``, ``UNKNOWN_EPISODE``), or could not be closed.
    """
    episode, observation, done = env.reset(task, episode_id)
    history: tuple[Observation, ...] = (observation,)
    if recorder is not None:
        recorder.begin(episode, observation)
    decision: Decision | None = None
    index, fault, message = 0, ErrorCode.OK, ""
    try:
        policy.reviser.reset(episode)
        while not done and index < episode.budget:
            if cancelled():
                raise WiwError(ErrorCode.ABORTED_BY_USER, "The episode was cancelled.")
            context = decision_context(policy, episode, history, env.actions, index, seed, decision)
            decision = decide(
                policy, context, seed=seed, generation=generation, cancelled=cancelled
            )
            index += 1
            executed = Plan(())
            if decision.kind is DecisionKind.ACT:
                start = time.monotonic()
                executed, observation, done = _act(env, decision, cancelled)
                decision.seconds["act"] = time.monotonic() - start
                history = (*history[-15:], observation)
            if recorder is not None:
                recorder.decision(decision, executed, observation)
            on_decision(decision)
            if decision.kind is not DecisionKind.ACT:
                break
    except WiwError as error:
        fault, message = error.code, str(error)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the episode must be closed
        fault, message = ErrorCode.INTERNAL, f"{type(error).__name__}: {error}"
    finally:
        env.hold()
    answer = decision.answer if decision is not None else ""
    confidence = decision.confidence if decision is not None else float("nan")
    result = env.finish(index, answer, confidence, fault, message)
    if recorder is not None:
        recorder.end(result)
    return result


def _act(
    env: Environment, decision: Decision, cancelled: Callable[[], bool]
) -> tuple[Plan, Observation, bool]:
    prefix = decision.plan.prefix(decision.prefix_length)
    executed, observation, done = 0, None, False
    with closing(env.act(prefix, observe=False)) as transitions:  # type: ignore[type-var]
        for transition in transitions:
            executed += 1
            observation, done = transition.observation or observation, transition.done
            if cancelled():
                raise WiwError(ErrorCode.ABORTED_BY_USER, "The episode was cancelled in motion.")
    if observation is None:
        raise WiwError(ErrorCode.STALE_OBSERVATION, "The environment gave no observation.")
    return prefix.prefix(executed), observation, done
