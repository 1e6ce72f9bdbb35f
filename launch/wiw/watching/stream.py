"""A run as a Rerun stream: what was seen, which plans were weighed, where each would lead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wiw_core.decisions import Candidate, Decision, DecisionKind, EpisodeResult
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.geometry import Array, Pose2
from wiw_core.observation import Observation
from wiw_core.rollouts import Rollout
from wiw_planner_node.showing import path
from wiw_ros import convert

APPLICATION = "wiw"
_CHOSEN, _OTHER = (40, 190, 80), (140, 150, 180)


def rerun() -> Any:
    """Return the ``rerun`` module; raises ``INTERFACE_MISSING`` if it is not installed."""
    try:
        import rerun as found
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            "Watching a run in Rerun needs the package 'rerun-sdk', which is not installed.",
            "pip install rerun-sdk",
        ) from error
    return found


class Stream:
    """Logs episodes as they are told; made for one planner.

    Entities: ``seen/<view>``, ``goal``, ``base`` and ``candidates/<k>`` in odom, ``tool``,
    ``imagined/<k>``, ``score``, ``decision`` in words. Timelines: ``ros_time`` in seconds,
    ``decision`` counted from the first one of the stream.

    Parameters
    ----------
    save : Path or None
        File of the stream (.rrd); None opens Rerun's viewer.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING`` without Rerun; ``RECORDING_FAILED`` if the file cannot be written.
    """

    def __init__(self, save: Path | None = None) -> None:
        self._rr = rerun()
        self._stream = self._rr.RecordingStream(APPLICATION)
        if save is None:
            self._stream.spawn()
        else:
            try:
                save.parent.mkdir(parents=True, exist_ok=True)
                self._stream.save(str(save))
            except (OSError, RuntimeError) as error:
                raise WiwError(
                    ErrorCode.RECORDING_FAILED, f"'{save}' cannot be written: {error}."
                ) from error
        self._decisions = 0
        self._trail: list[Pose2] = []
        self._now: Observation | None = None

    def begun(self, begun: convert.Begun) -> None:
        """Show the goal and the first observation."""
        episode, rr = begun.episode, self._rr
        self._trail = []
        self._at(begun.observation)
        for name in ("candidates", "imagined", "goal"):
            self._log(name, rr.Clear(recursive=True))
        words = f"## {episode.task} {episode.id}\n\n{episode.goal_text}"
        self._log("episode", self._text(words))
        if episode.goal_view is not None:
            self._log("goal", rr.Image(episode.goal_view.rgb))
        self._see(begun.observation)

    def imagined(self, rollout: Rollout) -> None:
        """Show where a candidate of the coming decision leads: its last frame."""
        if len(rollout.frames):
            self._log(f"imagined/{rollout.plan_index}", self._rr.Image(rollout.frames[-1]))

    def turn(self, turn: convert.Turn) -> None:
        """Show a decision with its candidates, then what was seen afterwards."""
        decision = turn.decision
        self._candidates(decision)
        self._log("decision", self._text(words(decision)))
        scores = [c.score for c in decision.candidates if math.isfinite(c.score)]
        if scores:
            self._log("score", self._rr.Scalars(max(scores)))
        self._decisions += 1
        self._at(turn.observation)
        self._see(turn.observation)

    def result(self, result: EpisodeResult) -> None:
        """Say how the episode ended."""
        text = f"{result.task} {result.episode_id}: {result.status.name.lower()}"
        if result.code is not ErrorCode.OK:
            text += f" ({describe(result.code)}: {result.message})"
        self._log("log", self._rr.TextLog(text))

    def close(self) -> None:
        """Hand over what is left."""
        self._stream.flush()
        self._stream.disconnect()

    def _at(self, now: Observation) -> None:
        self._now = now
        self._stream.set_time("ros_time", timestamp=now.stamp_s)
        self._stream.set_time("decision", sequence=self._decisions)

    def _see(self, now: Observation) -> None:
        rr = self._rr
        for view in now.views:
            self._log(f"seen/{view.name}", rr.Image(view.rgb))
        self._trail.append(now.base_pose)
        trail = [[p.x_m, p.y_m, 0.0] for p in self._trail]
        self._log("base", rr.Points3D(trail[-1:], radii=0.08, colors=[_CHOSEN]))
        if len(trail) > 1:
            self._log("base/trail", rr.LineStrips3D([trail], radii=0.01))
        if now.tool_pose is not None:
            self._log("tool", rr.Points3D([now.tool_pose.position], radii=0.02))

    def _candidates(self, decision: Decision) -> None:
        rr, now = self._rr, self._now
        assert now is not None
        self._log("candidates", rr.Clear(recursive=True))
        for place, candidate in enumerate(decision.candidates):
            points = np.array([[p.x, p.y, p.z] for p in path(candidate.plan, now)])
            if len(points) > 1:
                chosen = place == decision.chosen
                strip = rr.LineStrips3D(
                    [_in_odom(now.base_pose, points)],
                    colors=[_CHOSEN if chosen else _OTHER],
                    radii=0.03 if chosen else 0.01,
                    labels=[label(place, candidate)],
                )
                self._log(f"candidates/{place}", strip)

    def _text(self, words: str) -> Any:
        return self._rr.TextDocument(words, media_type=self._rr.MediaType.MARKDOWN)

    def _log(self, entity: str, content: Any) -> None:
        self._stream.log(entity, content)


def label(place: int, candidate: Candidate) -> str:
    """Return a candidate's number and score."""
    return f"{place}" if math.isnan(candidate.score) else f"{place}: {candidate.score:.3g}"


def words(decision: Decision) -> str:
    """Return a decision and its candidates as Markdown."""
    lines = [f"## Decision {decision.index}: {_verdict(decision)}", ""]
    if decision.candidates:
        lines += ["| | plan | score | reason |", "|---|---|---|---|"]
    for place, candidate in enumerate(decision.candidates):
        mark = "**" if place == decision.chosen else ""
        plan = ", ".join(candidate.plan.names)
        score = "" if math.isnan(candidate.score) else f"{candidate.score:.3g}"
        reason = candidate.reason.replace("|", "/").replace("\n", " ")
        lines.append(f"| {mark}{place}{mark} | {plan} | {score} | {reason} |")
    return "\n".join(lines) + "\n"


def _verdict(decision: Decision) -> str:
    if decision.kind is DecisionKind.ANSWER:
        return f"answer '{decision.answer}'"
    if decision.kind is DecisionKind.STOP:
        return "stop"
    return ", ".join(decision.plan.prefix(decision.prefix_length).names)


def _in_odom(base: Pose2, points: Array) -> Sequence[Sequence[float]]:
    matrix = base.matrix()
    moved: Sequence[Sequence[float]] = (points @ matrix[:3, :3].T + matrix[:3, 3]).tolist()
    return moved
