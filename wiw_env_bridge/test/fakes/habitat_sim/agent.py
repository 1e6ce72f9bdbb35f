"""The agent: its configuration, its state, its actions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

from habitat_sim.quaternion import quaternion, single

_EPSILON_M = 1e-3


@dataclass
class ActuationSpec:
    """How much: metres of a move, degrees of a turn."""

    amount: float
    constraint: Any = None


@dataclass
class ActionSpec:
    """An action by its registered name."""

    name: str
    actuation: Any = None


def _default_actions() -> dict[str, ActionSpec]:
    return {
        "move_forward": ActionSpec("move_forward", ActuationSpec(0.25)),
        "turn_left": ActionSpec("turn_left", ActuationSpec(10.0)),
        "turn_right": ActionSpec("turn_right", ActuationSpec(10.0)),
    }


@dataclass
class AgentConfiguration:
    """An agent's size, sensors and actions."""

    height: float = 1.5
    radius: float = 0.1
    sensor_specifications: list[Any] = field(default_factory=list)
    action_space: dict[Any, ActionSpec] = field(default_factory=_default_actions)
    body_type: str = "cylinder"


@dataclass
class AgentState:
    """Position in metres, and rotation."""

    position: Any = field(default_factory=lambda: np.zeros(3))
    rotation: Any = field(default_factory=quaternion)
    sensor_states: dict[str, Any] = field(default_factory=dict)


class Agent:
    """A body that turns about +y and moves along its -z."""

    def __init__(self, config: AgentConfiguration, step: Callable[[Any, Any], Any]) -> None:
        self.agent_config = config
        self._step = step
        self._position = np.zeros(3, np.float32)
        self._rotation = quaternion()

    @property
    def state(self) -> AgentState:
        """The same as :meth:`get_state`."""
        return self.get_state()

    def get_state(self) -> AgentState:
        """Return where it is, in single precision."""
        return AgentState(self._position.copy(), self._rotation)

    def set_state(
        self,
        state: AgentState,
        reset_sensors: bool = True,
        infer_sensor_states: bool = True,
        is_initial: bool = False,
    ) -> None:
        """Put it there, wherever that is; raises ``ValueError`` for what is no pose."""
        rotation = state.rotation
        if isinstance(rotation, (list, np.ndarray)):  # coefficients are (x, y, z, w)
            x, y, z, w = rotation
            rotation = quaternion(w, x, y, z)
        position = np.asarray(state.position)
        if not (np.isfinite(position).all() and position.shape == (3,)):
            raise ValueError("Expected all of position to be finite")
        if not math.isclose(float(np.linalg.norm(rotation.components)), 1.0, abs_tol=1e-5):
            raise ValueError("Expected rotation to be of unit length")
        self._position, self._rotation = position.astype(np.float32), single(rotation)

    def act(self, action_id: Any) -> bool:
        """Take an action; return whether it collided."""
        assert action_id in self.agent_config.action_space, f"No action {action_id} in action space"
        action = self.agent_config.action_space[action_id]
        amount = action.actuation.amount
        if action.name == "move_forward":
            start = self._position.astype(float)
            end = start + self._rotation.matrix() @ [0.0, 0.0, -amount]
            there = np.asarray(self._step(start, end), float)
            self._position = there.astype(np.float32)
            return bool(math.dist(start, there) + _EPSILON_M < math.dist(start, end))
        half = math.radians(amount if action.name == "turn_left" else -amount) / 2
        self._rotation = single(self._rotation * quaternion(math.cos(half), 0.0, math.sin(half)))
        return False
