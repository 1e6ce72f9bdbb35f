"""Candidates, decisions and episode results."""

from __future__ import annotations

import array

from wiw_core.decisions import (
    Candidate,
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
)
from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.msg import Candidate as CandidateMsg
from wiw_msgs.msg import Decision as DecisionMsg
from wiw_msgs.msg import EpisodeResult as EpisodeResultMsg
from wiw_msgs.msg import Exchange as ExchangeMsg
from wiw_ros.convert.checks import code_from_msg, enum_from_msg
from wiw_ros.convert.plans import plan_from_msg, plan_to_msg


def candidate_to_msg(candidate: Candidate) -> CandidateMsg:
    """Return the candidate as a message: of its rollout only the number of frames."""
    rollout = candidate.rollout
    return CandidateMsg(
        plan=plan_to_msg(candidate.plan),
        imagined=rollout is not None,
        frames=len(rollout.frame_indices) if rollout is not None else 0,
        score=float(candidate.score),
        reason=candidate.reason,
        code=int(candidate.code),
        round=candidate.round,
    )


def candidate_from_msg(message: CandidateMsg) -> Candidate:
    """Return the candidate; its rollout is not on the wire."""
    return Candidate(
        plan=plan_from_msg(message.plan),
        score=message.score,
        reason=message.reason,
        code=code_from_msg(message.code),
        round=message.round,
    )


def exchange_to_msg(exchange: Exchange) -> ExchangeMsg:
    """Return the exchange as a message."""
    return ExchangeMsg(
        role=exchange.role,
        server=exchange.server,
        attempt=exchange.attempt,
        pictures=exchange.pictures,
        seconds=float(exchange.seconds),
        code=int(exchange.code),
        reason=exchange.reason,
        reply=exchange.reply,
    )


def exchange_from_msg(message: ExchangeMsg) -> Exchange:
    """Return the exchange."""
    return Exchange(
        role=message.role,
        server=message.server,
        attempt=message.attempt,
        pictures=message.pictures,
        seconds=message.seconds,
        code=code_from_msg(message.code),
        reason=message.reason,
        reply=message.reply,
    )


def decision_to_msg(decision: Decision) -> DecisionMsg:
    """Return the decision as a message."""
    return DecisionMsg(
        step=decision.step,
        index=decision.index,
        kind=int(decision.kind),
        plan=plan_to_msg(decision.plan),
        prefix_length=decision.prefix_length,
        chosen=decision.chosen,
        answer=decision.answer,
        confidence=float(decision.confidence),
        candidates=[candidate_to_msg(c) for c in decision.candidates],
        stages=list(decision.seconds),
        seconds=array.array("d", decision.seconds.values()),
        frames_imagined=decision.frames_imagined,
        transcript=[exchange_to_msg(e) for e in decision.transcript],
        degraded=decision.degraded,
    )


def decision_from_msg(message: DecisionMsg) -> Decision:
    """Return the decision, its candidates without rollouts."""
    if len(message.stages) != len(message.seconds):
        raise WiwError(
            ErrorCode.CONTRACT_VIOLATION,
            f"A decision names {len(message.stages)} stages and times {len(message.seconds)}.",
        )
    return Decision(
        kind=enum_from_msg(
            DecisionKind, message.kind, "The decision's kind", ErrorCode.CONTRACT_VIOLATION
        ),
        plan=plan_from_msg(message.plan),
        prefix_length=message.prefix_length,
        chosen=message.chosen,
        answer=message.answer,
        confidence=message.confidence,
        candidates=tuple(candidate_from_msg(c) for c in message.candidates),
        index=message.index,
        step=message.step,
        seconds=dict(zip(message.stages, message.seconds)),
        frames_imagined=message.frames_imagined,
        degraded=message.degraded,
        transcript=tuple(exchange_from_msg(e) for e in message.transcript),
    )


def result_to_msg(result: EpisodeResult) -> EpisodeResultMsg:
    """Return the episode's result as a message."""
    return EpisodeResultMsg(
        task=result.task,
        episode_id=result.episode_id,
        seed=result.seed,
        status=int(result.status),
        success=result.success,
        code=int(result.code),
        message=result.message,
        decisions=result.decisions,
        actions=result.actions,
        collisions=result.collisions,
        path_m=float(result.path_m),
        shortest_m=float(result.shortest_m),
        shortest_actions=result.shortest_actions,
        final_distance_m=float(result.final_distance_m),
        answer=result.answer,
        confidence=float(result.confidence),
        failures=result.failures,
        score=float(result.score),
    )


def result_from_msg(message: EpisodeResultMsg) -> EpisodeResult:
    """Return the episode's result."""
    return EpisodeResult(
        task=message.task,
        episode_id=message.episode_id,
        seed=message.seed,
        status=enum_from_msg(
            EpisodeStatus, message.status, "The episode's status", ErrorCode.CONTRACT_VIOLATION
        ),
        success=message.success,
        code=code_from_msg(message.code),
        message=message.message,
        decisions=message.decisions,
        actions=message.actions,
        collisions=message.collisions,
        path_m=message.path_m,
        shortest_m=message.shortest_m,
        shortest_actions=message.shortest_actions,
        final_distance_m=message.final_distance_m,
        answer=message.answer,
        confidence=message.confidence,
        failures=message.failures,
        score=message.score,
    )
