"""What the robot is known by must be new, and made of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.gate.limits import Limits


@dataclass(frozen=True)
class Input:
    """One thing that a command rests on.

    Attributes
    ----------
    topic : str
        As a person knows it: a topic, or ``tf odom -> base_link``.
    age_s : float
        ROS time now minus the newest stamp; infinite if nothing has come.
    limit_s : float
        Oldest that it may be.
    """

    topic: str
    age_s: float
    limit_s: float


def check_fresh(inputs: Iterable[Input], limits: Limits) -> None:
    """Raise ``STALE_OBSERVATION``, naming every topic that is too old or from the future."""
    problems = [problem for one in inputs if (problem := _stale(one, limits))]
    if problems:
        raise WiwError(
            ErrorCode.STALE_OBSERVATION,
            "; ".join(problems) + ".",
            "Is its driver alive, and are the clocks of both computers synchronised?",
        )


def check_reading(topic: str, values: Iterable[float]) -> None:
    """Raise ``STALE_OBSERVATION`` unless every number of a sensor's message is finite.

    A sensor that says NaN says nothing: what is known of the robot is as old as its last number.
    """
    bad = [float(value) for value in values if not math.isfinite(value)]
    if bad:
        raise WiwError(
            ErrorCode.STALE_OBSERVATION, f"'{topic}' says {bad[0]}, which is not a number."
        )


def _stale(one: Input, limits: Limits) -> str:
    if not one.limit_s > 0.0 or not math.isfinite(one.limit_s):
        return f"'{one.topic}' has no valid age limit: {one.limit_s} s"
    if one.age_s == math.inf:
        return f"'{one.topic}' has said nothing yet"
    if math.isnan(one.age_s) or one.age_s > one.limit_s:
        return f"'{one.topic}' is {one.age_s:.2f} s old, the limit is {one.limit_s:g} s"
    if one.age_s < -limits.future_s:
        return (
            f"'{one.topic}' is stamped {-one.age_s:.2f} s in the future,"
            f" the limit is {limits.future_s:g} s"
        )
    return ""
