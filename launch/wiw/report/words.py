"""What the names on the page mean: columns, abbreviations, privileges, stages, ways to end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from wiw_core.arm import ARM, target_of
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.metrics import is_fault
from wiw_core.plans import Action, Plan

ABBREVIATIONS = {
    "SPL": "success weighted by path length: 1 if the shortest way was taken, 0 for a failure",
    "p50, p95": "the median, and the value that 95 of 100 stay below",
    "95 % interval": "Wilson's for a rate, Student's t for a mean, bootstrap over pairs for a"
    " difference",
    "pairs": "episodes that both arms finished without a fault",
    "fault": "a crash, a time-out or an interruption: it says nothing about the policy, so it is"
    " counted apart",
}

LABEL_CHARACTERS = 18
"""Longest name beside a plot or above a column of episodes."""

STAGES = {
    "glance": "look before planning: may answer or stop at once",
    "propose": "draw up the plans",
    "imagine": "the world model's share",
    "revise": "score the plans and choose",
}

PRIVILEGES = {
    "oracle_stop": "the environment ends the episode when the goal is reached",
    "target_box": "the box around the object to be named is given in every view",
    "first_target_box": "the box around the object to be named is given in the first view only",
    "object_centroids": "the centroids of the objects on the table are given, without names",
    "object_detections": "the objects in view are given with a noun and a centroid",
}
"""What a protocol may grant beyond sensors."""

SIGNS = {
    "success": "✓",
    "part": "◐",
    "failure": "✗",
    "fault": "!",
    "user": "■",
}
LEGEND = {
    "success": "succeeded",
    "part": "an answer that is right in part",
    "failure": "failed, or the budget ran out",
    "fault": "ended by a fault, its code beside it",
    "user": "interrupted by a person",
}


def outcome(result: EpisodeResult) -> str:
    """Return how an episode ended, as a key of :data:`SIGNS`."""
    if result.status is EpisodeStatus.ABORTED_USER:
        return "user"
    if is_fault(result):
        return "fault"
    if result.success:
        return "success"
    return "part" if 0.0 < result.score < 100.0 else "failure"


def short(name: str) -> str:
    """Return a name that leaves room for what it names: both ends of one that is too long."""
    if len(name) <= LABEL_CHARACTERS:
        return name
    head = LABEL_CHARACTERS // 2
    return f"{name[:head]}…{name[head + 1 - LABEL_CHARACTERS :]}"


def seconds(value: float) -> str:
    """Return ``4 ms``, ``0.28 s``, or a dash for not-a-number."""
    if not math.isfinite(value):
        return "–"
    return f"{value * 1000:.0f} ms" if value < 0.1 else f"{value:.2f} s"


def ended(status: str) -> str:
    """Return ``aborted fault`` for ``ABORTED_FAULT``."""
    return status.lower().replace("_", " ")


def plan_words(plan: Plan) -> str:
    """Return a plan for a reader: ``turn left ×3, forward``, its text first if it has one."""
    if any(action.values for action in plan.actions):
        steps = "; ".join(map(_action, plan.actions))
    else:
        steps = name_words(plan.names)
    return f"{plan.text} ({steps})" if plan.text and steps else plan.text or steps


def name_words(names: Iterable[str]) -> str:
    """Return action names with repeats counted: ``turn left ×3, forward``."""
    runs = [(name.replace("_", " "), len(list(run))) for name, run in groupby(names)]
    return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in runs)


def _action(action: Action) -> str:
    """Return a tool pose as its position in metres and the gripper, anything else as it is."""
    if action.name in ARM:
        try:
            pose, is_open = target_of(action)
        except WiwError:
            return f"{action.name} that cannot be executed"
        return f"{pose.x_m:.2f} {pose.y_m:.2f} {pose.z_m:.2f} {'open' if is_open else 'closed'}"
    return " ".join([action.name.replace("_", " "), *(f"{value:.3g}" for value in action.values)])


def trouble(code: ErrorCode) -> str:
    """Return a code that says what went wrong, or nothing."""
    return "" if code in (ErrorCode.OK, ErrorCode.UNSET) else describe(code)
