"""The oracle world model: rollouts by really executing each plan in a simulator, then restoring it.

It is the upper bound of every world model, and privileged: it reads the simulator's state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from wiw_core.contracts import Cloneable
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_core.validation import check_request


@runtime_checkable
class Imaginable(Cloneable, Protocol):
    """What the oracle needs of an environment: a state that can be saved, moved and looked at.

    The ``imagine_*`` methods change nothing but what :meth:`restore` brings back: no robot moves,
    no time passes, nothing is published.
    """

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Every action, by name."""
        ...

    @property
    def frame_projection(self) -> Projection:
        """How the camera of :meth:`imagine_frame` maps rays to pixels."""
        ...

    @property
    def frame_hw(self) -> tuple[int, int]:
        """Height and width in pixels that its frames have unless others are asked for."""
        ...

    def moment(self) -> tuple[str, int]:
        """Return the open episode's id and its actions executed so far; raises ``NO_EPISODE``."""
        ...

    def imagine_action(self, action: Action) -> None:
        """Advance the state as this action would, at once."""
        ...

    def imagine_frame(self, height: int, width: int) -> Rgb:
        """Return what the main camera sees at the present state, (height, width, 3) uint8."""
        ...

    def value(self) -> float:
        """Return the task's true value of the present state; higher is better."""
        ...


class OracleWorldModel:
    """Imagines without error, by cloning the simulator's state.

    Parameters
    ----------
    env : Imaginable
        The environment of the open episode; idle while a rollout runs.
    height, width : int
        Size of the frames it returns, in pixels; 0 for the environment's own.
    """

    def __init__(self, env: Imaginable, height: int = 0, width: int = 0) -> None:
        self._env = env
        own_height, own_width = env.frame_hw
        self._height, self._width = height or own_height, width or own_width

    @property
    def info(self) -> ModelInfo:
        """What it accepts and gives; both privileges it uses are named."""
        return ModelInfo(
            name="oracle",
            controls=("simulator",),
            projection=self._env.frame_projection,
            height=self._height,
            width=self._width,
            gives_value=True,
            privileges=("simulator_state", "true_value"),
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield each plan's rollout in order; see :class:`wiw_core.contracts.WorldModel`.

        Raises
        ------
        WiwError
            ``STALE_OBSERVATION`` unless the newest observation is where the environment is.
        """
        self._check(request)
        for index, plan in enumerate(request.plans):
            yield self._one(request, index, plan)

    def close(self) -> None:
        """Do nothing: the environment belongs to whoever made it."""

    def _one(self, request: RolloutRequest, index: int, plan: Plan) -> Rollout:
        began, wanted = time.monotonic(), request.frame_indices(index)
        frames: list[Rgb] = []
        values: list[float] = []
        state: Any = self._env.snapshot()
        try:
            for done, action in enumerate(plan.actions[: wanted[-1]], start=1):
                _ask_to_go_on(request)
                self._env.imagine_action(action)
                if done in wanted:
                    frames.append(self._env.imagine_frame(self._height, self._width))
                    values.append(self._env.value())
        finally:
            self._env.restore(state)
        return Rollout(
            plan_index=index,
            frames=np.stack(frames),
            frame_indices=wanted,
            projection=self._env.frame_projection,
            confidence=np.ones(len(wanted), np.float32),
            value=np.array(values, np.float32),
            generation=request.generation,
            seconds=time.monotonic() - began,
        )

    def _check(self, request: RolloutRequest) -> None:
        check_request(request, self.info)
        for plan in request.plans:
            check_plan(plan, self._env.actions)
        here, seen = self._env.moment(), (request.now.episode_id, request.now.step)
        if here != seen:
            raise WiwError(
                ErrorCode.STALE_OBSERVATION,
                f"The oracle stands at step {here[1]} of '{here[0]}',"
                f" the request at step {seen[1]} of '{seen[0]}'.",
                "Ask with the newest observation.",
            )


def _ask_to_go_on(request: RolloutRequest) -> None:
    if request.cancelled():
        raise WiwError(ErrorCode.CANCELLED, "The rollout was cancelled.")
    if time.monotonic() > request.deadline_s:
        raise WiwError(ErrorCode.DEADLINE_EXCEEDED, "The rollout did not end by its deadline.")
