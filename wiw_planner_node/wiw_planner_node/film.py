"""Film strips of an episode: what was imagined beside what was then really seen.

``filmed`` wraps environment, policy and recorder of one episode, in-process and in the planner node
alike. It writes JPEG files and an index, ``film.json``, into a folder::

    {"schema": 1, "task", "episode_id", "goal_text", "goal": file or null,
     "success", "status", "code",
     "decisions": [{
        "index", "step", "kind", "chosen", "plan": [action names], "text": the plan in words,
        "executed", "score" or null,
        "answer", "confidence" or null, "now": file,
        "imagined": [{"after": actions, "file"}],   the chosen plan, frame by frame
        "real": [{"after": actions, "file"}],       what was seen after each executed action
        "candidates": [{"plan", "text", "score" or null, "reason", "after", "file" or null}],
        "note": why there are no imagined frames, or ""}]}
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2

from wiw_core.contracts import Environment, Recorder
from wiw_core.decisions import Candidate, Decision, EpisodeResult, Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.loop import Policy
from wiw_core.observation import Episode, Observation, Projection, Rgb
from wiw_core.plans import Plan
from wiw_core.rollouts import Rollout
from wiw_planner_node.filming import Camera, Dreamer
from wiw_planner_node.pictures import matching_view, thumbnail

INDEX = "film.json"
SCHEMA = 1


def filmed(
    folder: Path, env: Environment, policy: Policy, recorder: Recorder | None = None
) -> tuple[Environment, Policy, FilmRecorder]:
    """Return the three with a film of the next episode being made in ``folder``.

    No decision changes. Where the reviser looks at fewer frames, it costs one more rollout per
    decision, of the chosen plan alone; those seconds are kept out of the decision's stages, under
    ``film``. It also costs an observation after each action.
    """
    camera = Camera(env)
    dreamer = Dreamer(policy)
    film = FilmRecorder(folder, camera, dreamer, recorder)
    return cast(Environment, camera), replace(policy, reviser=dreamer), film


class FilmRecorder:
    """Writes the film of one episode and passes all on to ``recorder``; made by :func:`filmed`."""

    def __init__(
        self, folder: Path, camera: Camera, dreamer: Dreamer, recorder: Recorder | None
    ) -> None:
        self._folder = Path(folder)
        self._camera = camera
        self._dreamer = dreamer
        self._recorder = recorder
        self._index: dict[str, Any] = {}
        self._now: Observation | None = None

    def begin(self, episode: Episode, observation: Observation) -> None:
        """Start the film."""
        if self._recorder is not None:
            self._recorder.begin(episode, observation)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WiwError(ErrorCode.RECORDING_FAILED, f"No film can be made: {error}.") from error
        self._now = observation
        goal = episode.goal_view
        self._index = {
            "schema": SCHEMA,
            "task": episode.task,
            "episode_id": episode.id,
            "goal_text": episode.goal_text,
            "goal": self._save("goal", goal.rgb) if goal is not None else None,
            "decisions": [],
        }

    def decision(self, decision: Decision, executed: Plan, observation: Observation) -> None:
        """Save the pictures of one decision."""
        if "revise" in decision.seconds:
            decision.seconds["revise"] -= self._dreamer.seconds
            decision.seconds["film"] = self._dreamer.seconds
        if self._recorder is not None:
            self._recorder.decision(decision, executed, observation)
        imagined = self._dreamer.imagined
        projection = imagined.projection if imagined is not None else Projection.EQUIRECTANGULAR
        stem = f"d{decision.index:02d}"
        chosen = decision.candidates[decision.chosen] if decision.chosen >= 0 else None
        assert self._now is not None
        self._index["decisions"].append(
            {
                "index": decision.index,
                "step": decision.step,
                "kind": decision.kind.name,
                "chosen": decision.chosen,
                "plan": list(decision.plan.names),
                "text": decision.plan.text,
                "executed": len(executed),
                "score": _number(chosen.score) if chosen is not None else None,
                "answer": decision.answer,
                "confidence": _number(decision.confidence),
                "now": self._save(f"{stem}_now", matching_view(self._now, projection)),
                "imagined": self._strip(f"{stem}_imagined", imagined),
                "real": [
                    {
                        "after": seen.step - decision.step,
                        "file": self._save(
                            f"{stem}_real_{seen.step - decision.step}",
                            matching_view(seen, projection),
                        ),
                    }
                    for seen in (self._camera.seen if len(executed) else [])
                ],
                "candidates": [
                    self._candidate(f"{stem}_candidate_{k}", c)
                    for k, c in enumerate(decision.candidates)
                ],
                "note": self._dreamer.note,
            }
        )
        self._now = observation

    def undecided(self, transcript: Sequence[Exchange]) -> None:
        """Pass on what was asked for a decision that came to nothing."""
        if self._recorder is not None:
            self._recorder.undecided(transcript)

    def end(self, result: EpisodeResult) -> None:
        """Write the index."""
        self._index |= {
            "success": result.success,
            "status": result.status.name,
            "code": int(result.code),
        }
        part = self._folder / f"{INDEX}.partial"
        try:
            part.write_text(json.dumps(self._index, indent=1), encoding="utf-8")
            os.replace(part, self._folder / INDEX)
        except OSError as error:
            raise WiwError(
                ErrorCode.RECORDING_FAILED, f"The film's index was not written: {error}."
            ) from error
        finally:
            if self._recorder is not None:
                self._recorder.end(result)

    def _candidate(self, stem: str, candidate: Candidate) -> dict[str, Any]:
        rollout = candidate.rollout
        shown = rollout is not None and len(rollout.frames) > 0
        return {
            "plan": list(candidate.plan.names),
            "text": candidate.plan.text,
            "score": _number(candidate.score),
            "reason": candidate.reason,
            "after": rollout.frame_indices[-1] if rollout is not None and shown else None,
            "file": self._save(stem, rollout.frames[-1]) if rollout is not None and shown else None,
        }

    def _strip(self, stem: str, rollout: Rollout | None) -> list[dict[str, Any]]:
        if rollout is None:
            return []
        return [
            {"after": after, "file": self._save(f"{stem}_{after}", frame)}
            for after, frame in zip(rollout.frame_indices, rollout.frames)
        ]

    def _save(self, stem: str, rgb: Rgb) -> str:
        name = f"{stem}.jpg"
        bgr = cv2.cvtColor(thumbnail(rgb), cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(str(self._folder / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, 85]):
            raise WiwError(
                ErrorCode.RECORDING_FAILED, f"'{self._folder / name}' could not be written."
            )
        return name


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
