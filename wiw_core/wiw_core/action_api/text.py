"""A plan as a prompt for a text-driven video model; the wording is our own."""

from __future__ import annotations

import itertools
import math

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import FORWARD_M, NAVIGATION, TURN_RAD, Plan

NAVIGATION_LEAD = "First-person view of a robot moving through a still indoor scene."
ARM_LEAD = "A robot arm at a table carries out this task:"

_PHRASES = {
    "forward": ("moves forward {} m", FORWARD_M),
    "turn_left": ("turns left {} degrees", math.degrees(TURN_RAD)),
    "turn_right": ("turns right {} degrees", math.degrees(TURN_RAD)),
}


def prompt(plan: Plan, compress: bool = True) -> str:
    """Return the plan in words.

    Navigation actions are spelt out with their amounts. A plan of other actions must bring its own
    ``text``, which is put behind a lead-in.

    Parameters
    ----------
    compress : bool
        Say equal actions in a row once, their amounts added up; the released form repeats them.

    Raises
    ------
    WiwError
        ``EMPTY_PLAN``, or ``UNKNOWN_ACTION`` for an action that has neither words nor text.
    """
    if not plan.actions:
        raise WiwError(ErrorCode.EMPTY_PLAN, "A plan without actions cannot be said in words.")
    unsaid = next((name for name in plan.names if name not in NAVIGATION), None)
    if unsaid is not None:
        if not plan.text:
            raise WiwError(
                ErrorCode.UNKNOWN_ACTION,
                f"Action '{unsaid}' has no words, and the plan brings no text.",
            )
        return f"{ARM_LEAD} {plan.text}"
    runs = [(name, len(list(run))) for name, run in itertools.groupby(plan.names)]
    if not compress:
        runs = [(name, 1) for name in plan.names]
    return f"{NAVIGATION_LEAD} The camera {', then '.join(_say(*run) for run in runs)}."


def _say(name: str, times: int) -> str:
    phrase, amount = _PHRASES[name]
    return phrase.format(f"{amount * times:.4g}")
