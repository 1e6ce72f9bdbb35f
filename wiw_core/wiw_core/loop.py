"""The closed loop of World-in-World: propose, simulate, revise, act (arXiv 2510.18135, section 2).

ROS-free: the planner node, tests and studies run this function; over ROS its parts are clients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic

from wiw_core.contracts import DecisionContext, Environment, Notes, Recorder
from wiw_core.decisions import Candidate, Decision, DecisionKind, EpisodeResult, Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan, check_proposals, prolonged
from wiw_core.policy import Policy, Stopwatch, decision_context
from wiw_core.rollouts import RolloutRequest
from wiw_core.rounds import Weighing

__all__ = ["Policy", "decide", "decision_context", "run_episode"]


def decide(
    policy: Policy,
    context: DecisionContext,
    *,
    seed: int = 0,
    generation: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    notes: Notes | None = None,
) -> Decision:
    """Take one decision; nothing moves. What is noted for it is in ``notes`` even if it fails.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` or an action's own code for a bad proposal, ``CONTRACT_VIOLATION`` for
        candidates lost by the reviser; else what proposer, world model or reviser raises,
        unchanged.
    """
    watch, frames_imagined = Stopwatch(), 0
    notes = Notes() if notes is None else notes
    context = replace(context, notes=notes, cancelled=cancelled)
    decision = policy.reviser.glance(context)
    watch.lap("glance")
    if decision is None:
        able = policy.imagine is not None and policy.reviser.frames != "none"
        imagining = able and policy.consults(context, seed)
        count = context.limits.candidates if imagining else 1
        plans = policy.proposer.propose(context, count)
        check_proposals(plans, context.actions, count, context.limits.horizon)
        watch.lap("propose")

        weighing, deadline_s = Weighing(policy.reviser), monotonic() + policy.deadline_s
        while plans:
            candidates = [Candidate(plan) for plan in plans]
            if imagining and policy.imagine is not None:
                imagined = tuple(prolonged(plan, context.limits.imagined) for plan in plans)
                request = RolloutRequest(
                    observations=context.history,
                    plans=imagined,
                    frames=tuple(len(plan) for plan in imagined),
                    episode=context.episode,
                    last_frame_only=policy.reviser.frames == "last",
                    seed=seed,
                    generation=generation,
                    deadline_s=deadline_s,
                    cancelled=cancelled,
                )
                for rollout in policy.imagine.rollout(request):
                    k = rollout.plan_index
                    candidates[k] = Candidate(
                        plans[k], rollout, code=rollout.code, reason=rollout.message
                    )
                    frames_imagined += len(rollout.frame_indices)
                watch.lap("imagine")
            decision = weighing.weigh(context, candidates)
            watch.lap("revise")
            plans = weighing.refined(policy.proposer, context, count) if imagining else []
            watch.lap("propose")
        assert decision is not None  # there was at least one round
        decision = replace(decision, degraded=decision.degraded or (able and not imagining))
    return replace(
        decision,
        seconds=watch.seconds,
        frames_imagined=frames_imagined,
        index=context.index,
        step=context.now.step,
        degraded=decision.degraded or notes.degraded,
        transcript=(*decision.transcript, *notes.transcript),
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
    on_decided: Callable[[Decision, Observation], None] = lambda decision, now: None,
) -> EpisodeResult:
    """Run one episode: reset, then decide and act until it ends, then finish.

    Whatever happens the robot ends in hold, and an episode that was begun is closed exactly once. A
    failure of any part closes it as a fault with that failure's code; it is not raised. A decision
    is told to ``on_decided`` before anything moves, to ``on_decision`` when it is carried out.

    Raises
    ------
    WiwError
        Only if the episode could not begin (``UNKNOWN_TASK``, ``UNKNOWN_EPISODE``,
        ``ENVIRONMENT_FAILED``), could not be closed, or its record could not be completed.
    """
    episode, observation, done = _reset(env, task, episode_id)
    history: tuple[Observation, ...] = (observation,)
    decision: Decision | None = None
    index, fault, message = 0, ErrorCode.OK, ""
    asked: Sequence[Exchange] = ()  # for the decision that is not recorded yet
    try:
        if recorder is not None:
            recorder.begin(episode, observation)
        policy.reviser.reset(episode)
        while not done and index < episode.budget:
            if cancelled():
                raise WiwError(ErrorCode.ABORTED_BY_USER, "The episode was cancelled.")
            context = decision_context(policy, episode, history, env.actions, index, seed, decision)
            notes = Notes()
            asked = notes.transcript
            decision = decide(
                policy, context, seed=seed, generation=generation, cancelled=cancelled, notes=notes
            )
            index += 1
            on_decided(decision, observation)
            executed = Plan(())
            if decision.kind is DecisionKind.ACT:
                start = monotonic()
                executed, observation, done = _act(env, decision, cancelled)
                decision.seconds["act"] = monotonic() - start
                history = (*history, observation)[-policy.context_length :]
            if recorder is not None:
                recorder.decision(decision, executed, observation)
            asked = ()
            on_decision(decision)
            if decision.kind is not DecisionKind.ACT:
                break
    except WiwError as error:
        fault, message = error.code, str(error)
        if fault is ErrorCode.CANCELLED and cancelled():  # a model gave up because we asked it to
            fault = ErrorCode.ABORTED_BY_USER
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the episode must be closed
        fault, message = ErrorCode.INTERNAL, f"{type(error).__name__}: {error}"
    finally:
        env.hold()
    answer = decision.answer if decision is not None else ""
    confidence = decision.confidence if decision is not None else float("nan")
    result = env.finish(index, answer, confidence, fault, message)
    if recorder is not None:
        if asked:
            recorder.undecided(asked)
        recorder.end(result)
    return result


def _reset(env: Environment, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
    try:
        return env.reset(task, episode_id)
    except WiwError:
        env.hold()
        raise
    except Exception as error:
        env.hold()
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            f"The environment could not begin episode '{episode_id}': {error}.",
        ) from error


def _act(
    env: Environment, decision: Decision, cancelled: Callable[[], bool]
) -> tuple[Plan, Observation, bool]:
    """Execute the decision; return the prefix really executed, what is seen, whether it is done."""
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
