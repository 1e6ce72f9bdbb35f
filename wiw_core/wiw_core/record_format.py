"""The lines of a record, to and from JSON: not-a-number is null, infinity is a string."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from wiw_core.decisions import (
    Candidate,
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
)
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Action, Plan

SCHEMA = 2
"""Version of the record; a reader refuses any other."""

Json = dict[str, Any]


@dataclass(frozen=True)
class DecisionRecord:
    """A decision, the prefix of it that was really executed, and where that led.

    The candidates hold no frames: only plans, scores, reasons and codes.

    Attributes
    ----------
    base_pose : Pose2
        ``T_odom_base`` after execution.
    step : int
        Primitive actions executed since the episode began, this decision's included.
    tool_pose : Pose3 or None
        ``T_base_tool`` after execution; None without an arm.
    """

    decision: Decision
    executed: Plan
    base_pose: Pose2
    step: int
    tool_pose: Pose3 | None = None


@dataclass(frozen=True)
class EpisodeRecord:
    """All that was kept of an episode.

    Attributes
    ----------
    episode : Episode
        Its public side, without the goal image.
    provenance : dict
        See :func:`wiw_core.provenance.provenance`.
    result : EpisodeResult or None
        None only in a record that was never completed.
    undecided : tuple of Exchange
        What other programs were asked for a decision that came to nothing.
    """

    episode: Episode
    provenance: Json
    decisions: tuple[DecisionRecord, ...]
    result: EpisodeResult | None
    undecided: tuple[Exchange, ...] = ()


def episode_line(episode: Episode, provenance: Json) -> Json:
    """Return the first line."""
    return {
        "kind": "episode",
        "schema": SCHEMA,
        "task": episode.task,
        "id": episode.id,
        "seed": int(episode.seed),
        "scene": episode.scene,
        "split": episode.split,
        "budget": int(episode.budget),
        "goal_text": episode.goal_text,
        "labels": list(episode.labels),
        "privileges": list(episode.privileges),
        "difficulty": episode.difficulty,
        "provenance": provenance,
    }


def decision_line(decision: Decision, executed: Plan, observation: Observation) -> Json:
    """Return the line of one decision."""
    pose, tool = observation.base_pose, observation.tool_pose
    transcript = [_exchange(e) for e in decision.transcript]
    return {
        "kind": "decision",
        "index": int(decision.index),
        "step": int(decision.step),
        "decision": decision.kind.name,
        "plan": _plan(decision.plan),
        "prefix_length": int(decision.prefix_length),
        "chosen": int(decision.chosen),
        "answer": str(decision.answer),
        "confidence": _number(decision.confidence),
        "candidates": [_candidate(c) for c in decision.candidates],
        "seconds": {stage: _number(s) for stage, s in decision.seconds.items()},
        "frames_imagined": int(decision.frames_imagined),
        "degraded": bool(decision.degraded),
        "executed": _plan(executed),
        "base_pose": [_number(v) for v in (pose.x_m, pose.y_m, pose.yaw_rad)],
        "step_after": int(observation.step),
        "tool_pose": None if tool is None else [_number(v) for v in astuple(tool)],
        **({"transcript": transcript} if transcript else {}),
    }


def undecided_line(transcript: Sequence[Exchange]) -> Json:
    """Return the line of what was asked for a decision that came to nothing."""
    return {"kind": "undecided", "transcript": [_exchange(e) for e in transcript]}


def result_line(result: EpisodeResult) -> Json:
    """Return the last line."""
    line = {k: _number(v) if isinstance(v, float) else v for k, v in asdict(result).items()}
    return {**line, "kind": "result", "status": result.status.name, "code": int(result.code)}


def dumps(line: Json) -> str:
    """Return one line of JSON, newline included."""
    return json.dumps(line, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"


def parse_episode(line: Json) -> tuple[Episode, Json]:
    """Return the episode and the provenance of a first line."""
    if line["schema"] != SCHEMA:
        raise ValueError(f"schema {line['schema']} is not {SCHEMA}")
    names = ("task", "id", "seed", "scene", "split", "budget", "goal_text", "difficulty")
    episode = Episode(
        **{name: line[name] for name in names},
        labels=tuple(line["labels"]),
        privileges=tuple(line["privileges"]),
    )
    return episode, line["provenance"]


def parse_decision(line: Json) -> DecisionRecord:
    """Return the decision of a line."""
    decision = Decision(
        kind=DecisionKind[line["decision"]],
        plan=_parse_plan(line["plan"]),
        prefix_length=line["prefix_length"],
        chosen=line["chosen"],
        answer=line["answer"],
        confidence=_parse_number(line["confidence"]),
        candidates=tuple(_parse_candidate(c) for c in line["candidates"]),
        index=line["index"],
        step=line["step"],
        seconds={stage: _parse_number(s) for stage, s in line["seconds"].items()},
        frames_imagined=line["frames_imagined"],
        degraded=line["degraded"],
        transcript=tuple(_parse_exchange(e) for e in line.get("transcript", ())),
    )
    pose = Pose2(*(_parse_number(v) for v in line["base_pose"]))
    tool = line["tool_pose"]
    return DecisionRecord(
        decision,
        _parse_plan(line["executed"]),
        pose,
        line["step_after"],
        None if tool is None else Pose3(*(_parse_number(v) for v in tool)),
    )


def parse_result(line: Json) -> EpisodeResult:
    """Return the result of a last line."""
    fields: Json = {k: v for k, v in line.items() if k != "kind"}
    for name in ("path_m", "shortest_m", "final_distance_m", "confidence", "score"):
        fields[name] = _parse_number(fields[name])
    fields["status"], fields["code"] = EpisodeStatus[fields["status"]], ErrorCode(fields["code"])
    return EpisodeResult(**fields)


def _candidate(candidate: Candidate) -> Json:
    line = {
        "plan": _plan(candidate.plan),
        "score": _number(candidate.score),
        "reason": candidate.reason,
        "code": int(candidate.code),
    }
    if candidate.round:
        line["round"] = candidate.round
    return line


def _parse_candidate(line: Json) -> Candidate:
    return Candidate(
        plan=_parse_plan(line["plan"]),
        score=_parse_number(line["score"]),
        reason=line["reason"],
        code=ErrorCode(line["code"]),
        round=line.get("round", 0),
    )


def parse_undecided(line: Json) -> tuple[Exchange, ...]:
    """Return what was asked for a decision that came to nothing."""
    return tuple(_parse_exchange(e) for e in line["transcript"])


def _exchange(exchange: Exchange) -> Json:
    seconds = _number(exchange.seconds)
    return {**asdict(exchange), "seconds": seconds, "code": int(exchange.code)}


def _parse_exchange(line: Json) -> Exchange:
    seconds, code = _parse_number(line["seconds"]), ErrorCode(line["code"])
    return Exchange(**{**line, "seconds": seconds, "code": code})


def _plan(plan: Plan) -> Json:
    """Write an action as its name alone, or as a list of name and numbers."""
    actions = [[a.name, *map(_number, a.values)] if a.values else a.name for a in plan.actions]
    line: Json = {"actions": actions}
    if plan.text:
        line["text"] = plan.text
    if plan.prior or math.copysign(1.0, plan.prior) < 0.0:  # -0.0 comes back as it was
        line["prior"] = _number(plan.prior)
    return line


def _parse_plan(line: Json) -> Plan:
    actions: Sequence[Any] = line["actions"]
    return Plan(
        tuple(
            Action(a) if isinstance(a, str) else Action(a[0], tuple(map(_parse_number, a[1:])))
            for a in actions
        ),
        line.get("text", ""),
        _parse_number(line.get("prior", 0.0)),
    )


def _number(value: float) -> float | str | None:
    value = float(value)
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _parse_number(value: Any) -> float:
    return math.nan if value is None else float(value)


def plain(config: Mapping[str, Any]) -> Json:
    """Return a config as plain JSON values, not-a-number as null.

    Raises
    ------
    TypeError
        If it holds anything that JSON cannot say.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): walk(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [walk(v) for v in value]
        return _number(value) if isinstance(value, float) else value

    found: Json = json.loads(json.dumps(walk(config), allow_nan=False))
    return found
