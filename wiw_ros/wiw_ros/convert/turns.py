"""What a planner tells of an episode while it runs: its beginning, its turns, its imagination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from rcl_interfaces.msg import Parameter as ParameterMsg
from rclpy.parameter import Parameter, parameter_value_to_python
from std_msgs.msg import Header

from wiw_core.decisions import Candidate, Decision
from wiw_core.observation import Episode, Observation
from wiw_core.plans import ActionSpec, Plan
from wiw_core.rollouts import ModelInfo, Rollout
from wiw_msgs.msg import EpisodeBegun, Imagined
from wiw_msgs.msg import Turn as TurnMsg
from wiw_ros.convert.decisions import decision_from_msg, decision_to_msg
from wiw_ros.convert.observations import (
    episode_from_msg,
    episode_to_msg,
    observation_from_msg,
    observation_to_msg,
)
from wiw_ros.convert.plans import (
    action_spec_from_msg,
    action_spec_to_msg,
    plan_from_msg,
    plan_to_msg,
)
from wiw_ros.convert.rollouts import (
    model_info_from_msg,
    model_info_to_msg,
    rollout_from_msg,
    rollout_to_msg,
)


@dataclass(frozen=True)
class Begun:
    """How an episode began: with its turns, all that its decisions depended on.

    Attributes
    ----------
    observation : Observation
        The first one.
    seed : int
        Of the run.
    environment : str
        Registered name.
    actions : mapping
        What the environment accepts, by name.
    model : ModelInfo or None
        What is imagined with.
    parameters : mapping
        The planner's, by name.
    """

    episode: Episode
    observation: Observation
    seed: int
    generation: int
    environment: str
    actions: Mapping[str, ActionSpec]
    model: ModelInfo | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """One turn of the loop: the decision, what of it was executed, what was seen afterwards."""

    episode_id: str
    decision: Decision
    executed: Plan
    observation: Observation


def begun_to_msg(begun: Begun, stamp: Time) -> EpisodeBegun:
    """Return the beginning of an episode as a message."""
    message = EpisodeBegun(
        header=Header(stamp=stamp),
        episode=episode_to_msg(begun.episode),
        observation=observation_to_msg(begun.observation),
        seed=begun.seed,
        generation=begun.generation,
        environment=begun.environment,
        actions=[action_spec_to_msg(spec) for spec in begun.actions.values()],
        parameters=[_parameter(name, value) for name, value in begun.parameters.items()],
    )
    if begun.model is not None:
        message.model = model_info_to_msg(begun.model)
    return message


def begun_from_msg(message: EpisodeBegun) -> Begun:
    """Return the beginning of an episode; raises what its parts raise."""
    specs = (action_spec_from_msg(spec) for spec in message.actions)
    return Begun(
        episode=episode_from_msg(message.episode),
        observation=observation_from_msg(message.observation),
        seed=message.seed,
        generation=message.generation,
        environment=message.environment,
        actions={spec.name: spec for spec in specs},
        model=model_info_from_msg(message.model) if message.model.name else None,
        parameters={p.name: _value(p) for p in message.parameters},
    )


def turn_to_msg(turn: Turn, stamp: Time) -> TurnMsg:
    """Return a turn as a message: of its candidates' rollouts only the number of frames."""
    return TurnMsg(
        header=Header(stamp=stamp),
        episode_id=turn.episode_id,
        decision=decision_to_msg(turn.decision),
        executed=plan_to_msg(turn.executed),
        observation=observation_to_msg(turn.observation),
    )


def turn_from_msg(message: TurnMsg) -> Turn:
    """Return a turn, its candidates without rollouts; raises what its parts raise."""
    return Turn(
        message.episode_id,
        decision_from_msg(message.decision),
        plan_from_msg(message.executed),
        observation_from_msg(message.observation),
    )


def imagined_to_msg(
    episode_id: str, decision: Decision, place: int, rollout: Rollout, stamp: Time
) -> Imagined:
    """Return the rollout of ``decision.candidates[place]`` as a message, its frames raw."""
    candidate: Candidate = decision.candidates[place]
    message = Imagined(
        header=Header(stamp=stamp, frame_id="imagination"),
        episode_id=episode_id,
        index=decision.index,
        candidates=len(decision.candidates),
        chosen=decision.chosen,
        score=float(candidate.score),
        rollout=rollout_to_msg(rollout),
    )
    message.rollout.plan_index = place
    return message


def imagined_from_msg(message: Imagined) -> tuple[str, int, Rollout]:
    """Return episode id, number of the decision, and the rollout; raises what that raises."""
    return message.episode_id, message.index, rollout_from_msg(message.rollout)


def _parameter(name: str, value: Any) -> ParameterMsg:
    # The type of an empty list cannot be inferred, and all lists of WIW hold texts.
    kind = Parameter.Type.STRING_ARRAY if value == [] else None
    return Parameter(name, kind, value).to_parameter_msg()


def _value(message: ParameterMsg) -> Any:
    value = parameter_value_to_python(message.value)
    return list(value) if isinstance(value, (list, tuple)) else value
