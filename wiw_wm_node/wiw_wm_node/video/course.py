"""How a plan reaches a video model: turns that are exact, then a clip that is generated.

The plan's leading turns in one direction are never generated: they are turns of the real panorama.
What is left goes to the model, and goes on with ``forward`` to the length of the clip (arXiv
2510.18135, released code).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wiw_core.action_api import control
from wiw_core.action_api.text import prompt
from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation
from wiw_core.plans import NAVIGATION, Plan, prolonged
from wiw_wm_node.video.adapter import Numbers
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.timing import arrivals

TURNS = {"turn_left": 1, "turn_right": -1}
"""Headings are counted in turns to the left."""


@dataclass(frozen=True)
class Clip:
    """What is generated.

    Attributes
    ----------
    heading : int
        Turns to the left, 0 to 15, by which the given frame is turned first.
    prompt : str
        Empty without text control.
    numbers : array or None
        The control in numbers, if the model takes one.
    turns : tuple of int
        For each moment of the clip 1 if it comes of a left turn, -1 of a right turn, else 0.
    """

    heading: int
    prompt: str
    numbers: Numbers | None
    turns: tuple[int, ...]

    @property
    def key(self) -> bytes:
        """Equal for clips that show the same."""
        numbers = b"" if self.numbers is None else np.ascontiguousarray(self.numbers).tobytes()
        return b"|".join((str(self.heading).encode(), self.prompt.encode(), numbers))


@dataclass(frozen=True)
class Course:
    """A plan, ready to be imagined.

    Attributes
    ----------
    headings : tuple of int
        Turns to the left after each leading action; index 0 is now. These frames are exact.
    clip : Clip or None
        None if no wanted frame needs one.
    moments : dict of int to int
        For each wanted action that is imagined, the moment of the clip after it; the last moment
        for one beyond the clip's end.
    held : int
        Actions that the clip spans, if a frame beyond is wanted; else 0.
    """

    headings: tuple[int, ...]
    clip: Clip | None
    moments: dict[int, int]
    held: int = 0


def course_of(
    plan: Plan,
    wanted: Sequence[int],
    now: Observation,
    settings: Settings,
    controls: Sequence[str],
    turns: bool,
) -> Course:
    """Return how a plan is imagined.

    Parameters
    ----------
    wanted : sequence of int
        Numbers of actions, at least 1, after which a frame is wanted.
    controls : sequence of str
        What drives the model: see ``ModelInfo.controls``.
    turns : bool
        Whether the robot has a panorama that can be turned.

    Raises
    ------
    WiwError
        ``TOO_LARGE`` for an arm's plan of more actions than a clip spans; ``UNKNOWN_ACTION`` for an
        action that the model cannot be told.
    """
    navigates = all(name in NAVIGATION for name in plan.names)
    lead = _leading_turns(plan) if turns and navigates else 0
    step = TURNS[plan.names[0]] if lead else 0
    headings = tuple(step * k for k in range(lead + 1))
    rest = [k for k in wanted if k > lead]
    if not rest:
        return Course(headings, None, {})
    left = replace(plan, actions=plan.actions[lead:])
    if navigates:
        moments = {k: min(k - lead, settings.actions) for k in rest}
        left = prolonged(left.prefix(settings.actions), settings.actions)
    else:
        _fits(len(left), settings)
        ends = arrivals(len(left), settings.actions)
        moments = {k: ends[k] for k in rest}
    signs = tuple(TURNS.get(name, 0) for name in left.names)
    clip = Clip(
        heading=(step * lead) % TURNS_PER_CIRCLE,
        prompt=prompt(left, settings.compress) if "text" in controls else "",
        numbers=_numbers(left, now, settings, controls),
        turns=(0, *signs) if navigates else (0,) * (settings.actions + 1),
    )
    beyond = navigates and max(rest) - lead > settings.actions
    return Course(headings, clip, moments, lead + settings.actions if beyond else 0)


def _leading_turns(plan: Plan) -> int:
    first = plan.names[0]
    if first not in TURNS:
        return 0
    return next((i for i, name in enumerate(plan.names) if name != first), len(plan))


def _numbers(
    plan: Plan, now: Observation, settings: Settings, controls: Sequence[str]
) -> Numbers | None:
    frames = settings.actions + 1
    if "lowlevel" in controls:
        return np.asarray(control(plan, "lowlevel", frames=frames))
    if "tool_poses" in controls:
        opened = now.gripper > 0.5
        return np.asarray(
            control(plan, "tool_poses", frames=frames, now=now.tool_pose, opened=opened)
        )
    return None


def _fits(actions: int, settings: Settings) -> None:
    if actions > settings.actions:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"A clip of this model spans {settings.actions} actions; the plan has {actions}.",
            "Send shorter plans.",
        )
