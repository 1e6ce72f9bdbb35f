"""Decides again, offline, what a recording says was decided: the same policy must say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiw import arms, policies
from wiw.policies import typed
from wiw.recording.comparing import TOLERANCE, acts_alike, first_difference
from wiw.recording.deciding import Decider, Planner, PolicyDecider
from wiw.recording.episodes import RecordedEpisode, recorded_episodes
from wiw.recording.imagination import RecordedImagination
from wiw.tasks import definition
from wiw_core.contracts import WorldModel
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.observation import Observation
from wiw_core.policy import Policy
from wiw_core.wrappers import Validated
from wiw_planner_node.policy import make_policy
from wiw_ros.parameters import key_values

RECORDED = "recorded"
"""Instead of a world model: the rollouts of the recording."""
PATIENCE_S = 3600.0
"""For the rollouts of one decision: nobody waits, and this machine may be slower."""


@dataclass(frozen=True)
class Redecided:
    """One decision taken again.

    Attributes
    ----------
    now : Decision or None
        None if it could not be taken.
    difference : str
        Where it first differs from the recorded one; empty: nowhere.
    alike : bool
        The robot would have done the same, whatever the scores.
    """

    recorded: Decision
    now: Decision | None
    difference: str
    alike: bool


@dataclass(frozen=True)
class Replayed:
    """An episode decided again.

    Attributes
    ----------
    decisions : tuple of Redecided
        From the first one on, as far as the recording goes without a gap.
    missing : int
        Finished turns that the recording lacks.
    """

    episode: RecordedEpisode
    decisions: tuple[Redecided, ...]
    missing: int

    @property
    def different(self) -> list[Redecided]:
        """Those that are not the same."""
        return [decision for decision in self.decisions if decision.difference]


class Replay:
    """Replays the episodes of one recording.

    The world model stays loaded from one episode to the next.

    Parameters
    ----------
    path : Path
        The recording.
    model : str
        ``recorded``, ``none``, or an arm of ``wiw eval``; empty: what was imagined, if that was
        recorded, else the model of that name.
    policy : str
        A policy of ``wiw eval``; empty: the recorded parameters of the planner.
    asked : Planner, optional
        A running planner to ask instead, with its own policy and world model.

    Raises
    ------
    WiwError
        What :func:`wiw.arms.parse` and :func:`wiw.policies.parse` raise.
    """

    def __init__(
        self,
        path: Path,
        model: str = "",
        policy: str = "",
        tolerance: float = TOLERANCE,
        asked: Planner | None = None,
    ) -> None:
        self._path, self._tolerance, self._asked = path, tolerance, asked
        self._arm = arms.parse(model) if model and model != RECORDED else None
        if self._arm is not None and self._arm.model == "oracle":
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "The oracle asks the simulator, which a recording does not have.",
                "Record with --profile full and replay with --wm recorded.",
            )
        self._wanted, self._choice = model, policies.parse(policy) if policy else None
        self._loaded: dict[str, WorldModel] = {}

    def episodes(self) -> Iterator[Replayed]:
        """Decide every episode again, in order; raises as :func:`recorded_episodes`, and
        ``MODEL_UNAVAILABLE`` or ``UNKNOWN_MODEL`` if there is nothing to imagine with."""
        imagination = self._wanted in ("", RECORDED) and self._asked is None
        for episode in recorded_episodes(self._path, imagination=imagination):
            yield self._replayed(episode)

    def close(self) -> None:
        """Free the world model."""
        for model in self._loaded.values():
            model.close()
        self._loaded.clear()

    def _replayed(self, episode: RecordedEpisode) -> Replayed:
        begun, turns = episode.begun, episode.together
        decider = self._asked.of(episode) if self._asked is not None else self._decider(episode)
        history: tuple[Observation, ...] = (begun.observation,)
        previous: Decision | None = None
        decisions = []
        for turn in turns:
            try:
                now = decider.decide(turn, history, previous)
                difference = first_difference(turn.decision, now, self._tolerance)
                alike = acts_alike(turn.decision, now, self._tolerance)
            except WiwError as error:
                now, difference, alike = None, f"{describe(error.code)}: {error}", False
            decisions.append(Redecided(turn.decision, now, difference, alike))
            # What was really done is what led to the next observation.
            previous = turn.decision if difference else now
            history = (*history, turn.observation)[-decider.context_length :]
        return Replayed(episode, tuple(decisions), episode.missing)

    def _decider(self, episode: RecordedEpisode) -> Decider:
        model = self._model(episode)
        policy = self._policy(episode, Validated(model) if model is not None else None)
        return PolicyDecider(episode, policy, model)

    def _model(self, episode: RecordedEpisode) -> WorldModel | None:
        info = episode.begun.model
        wanted = self._wanted
        if not wanted and info is not None:
            wanted = RECORDED if episode.imagined else info.name
        if not wanted or wanted == "none":
            return None
        if wanted != RECORDED:
            return self._load(wanted, episode)
        if info is None or not episode.imagined:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"What was imagined in '{episode.id}' is not in the recording.",
                "Record with --profile full, or name a world model with --wm.",
            )
        return RecordedImagination(info, definition(episode.begun.episode.task).limits.imagined)

    def _load(self, wanted: str, episode: RecordedEpisode) -> WorldModel:
        from wiw.serving import loaded_model

        if wanted not in self._loaded:
            arm = self._arm or arms.parse(wanted)
            if arm.model == "oracle":
                raise WiwError(
                    ErrorCode.MODEL_UNAVAILABLE,
                    f"'{episode.id}' was imagined by the oracle, which needs its simulator.",
                    "Record with --profile full: what was imagined is then kept.",
                )
            self._loaded[wanted] = loaded_model(arm.model, arm.model_parameters)
        return self._loaded[wanted]

    def _policy(self, episode: RecordedEpisode, model: WorldModel | None) -> Policy:
        task = episode.begun.episode.task
        if self._choice is None:
            return make_policy(task, model, **recorded_policy(episode.begun.parameters))
        scored = self._arm.reviser_parameters if self._arm is not None else {}
        return make_policy(
            task,
            model,
            proposer=self._choice.proposer,
            reviser=self._choice.reviser,
            proposer_parameters=typed(self._choice.proposer_parameters),
            reviser_parameters={**typed(self._choice.reviser_parameters), **scored},
            rollout_deadline_s=PATIENCE_S,
            candidates=self._choice.candidates,
            horizon=self._choice.horizon,
            execute=self._choice.execute,
            consult_share=self._choice.consult_share,
        )


def recorded_policy(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of :func:`make_policy` that a planner's parameters say."""
    names = ("proposer", "reviser", "candidates", "horizon", "execute", "consult_share")
    lists = ("proposer_parameters", "reviser_parameters")
    return {
        **{name: parameters[name] for name in names},
        **{name: key_values(parameters[name], name) for name in lists},
        "rollout_deadline_s": PATIENCE_S,
    }
