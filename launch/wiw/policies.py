"""The policies of a grid: a name, and what it changes of the task's own proposer and reviser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.registry import PROPOSERS, REVISERS, Registry

DEFAULT = "default"
"""The policy that a task brings itself."""
LIMITS = ("candidates", "horizon", "execute")
SHARE = "consult_share"
HELP = (
    "'default' (the task's own), a registered proposer or reviser in place of the task's, or"
    " NAME=proposer:reviser[:key=value,...]; an empty proposer or reviser is the task's. Keys:"
    " proposer.KEY, reviser.KEY, candidates, horizon, execute, consult_share."
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FORM = "For example: --policy wide=heuristic::candidates=8,proposer.horizon=6"


@dataclass(frozen=True)
class PolicyChoice:
    """What a policy changes; an empty name or a 0 leaves the task's own.

    Attributes
    ----------
    candidates, horizon, execute : int
        M, L and how much of a plan is executed, see :class:`wiw_core.contracts.PlanLimits`.
    consult_share : float
        Share of decisions that may ask the world model, see :class:`wiw_core.policy.Policy`.
    """

    name: str = DEFAULT
    proposer: str = ""
    reviser: str = ""
    proposer_parameters: Mapping[str, str] = field(default_factory=dict)
    reviser_parameters: Mapping[str, str] = field(default_factory=dict)
    candidates: int = 0
    horizon: int = 0
    execute: int = 0
    consult_share: float = 1.0

    @property
    def numbers(self) -> dict[str, float]:
        """What the planner is told beside names and parameters."""
        return {name: getattr(self, name) for name in (*LIMITS, SHARE)}


@cache
def parse(text: str) -> PolicyChoice:
    """Return the policy that ``text`` names, see :data:`HELP`.

    Raises
    ------
    WiwError
        ``UNKNOWN_PROPOSER`` or ``UNKNOWN_REVISER``, suggesting the nearest name;
        ``BAD_PARAMETER`` for anything else that cannot be read.
    """
    name, given, rest = text.partition("=")
    if not _NAME.fullmatch(name):
        raise _bad(text, "its name is not made of letters, digits, '_', '.' and '-'")
    if not given:
        return _registered(name)
    if name == DEFAULT:
        raise _bad(text, f"'{DEFAULT}' is the task's own policy")
    parts = rest.split(":", 2)
    if len(parts) < 2:
        raise _bad(text, "there is no ':' between proposer and reviser")
    for kind, plugin in zip((PROPOSERS, REVISERS), parts):
        if plugin:
            Registry(kind).get(plugin)
    proposed, revised, limits = _options(text, parts[2] if len(parts) == 3 else "")
    return PolicyChoice(name, parts[0], parts[1], proposed, revised, **limits)


def _registered(name: str) -> PolicyChoice:
    if name == DEFAULT:
        return PolicyChoice()
    proposers, revisers = Registry(PROPOSERS).names(), Registry(REVISERS).names()
    if name not in proposers and name not in revisers:
        known = [DEFAULT, *proposers, *revisers]
        raise unknown_name(ErrorCode.UNKNOWN_PROPOSER, "proposer or reviser", name, known)
    return PolicyChoice(name, name if name in proposers else "", name if name in revisers else "")


def _options(text: str, options: str) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    proposed: dict[str, str] = {}
    revised: dict[str, str] = {}
    limits: dict[str, Any] = {}
    for key, value in options_of(text, options, _bad):
        owner, _, name = key.partition(".")
        if key == SHARE and (share := _share(value)) is not None:
            limits[key] = share
        elif key in LIMITS and value.isdecimal() and int(value) > 0:
            limits[key] = int(value)
        elif owner == "proposer" and name:
            proposed[name] = value
        elif owner == "reviser" and name:
            revised[name] = value
        else:
            what = "is no option, or not a whole number from 1 (a share: not 0 to 1)"
            raise _bad(text, f"'{key}={value}' {what}")
    return proposed, revised, limits


def _share(value: str) -> float | None:
    try:
        share = float(value)
    except ValueError:
        return None
    return share if 0.0 <= share <= 1.0 else None


def options_of(
    text: str, options: str, refuse: Callable[[str, str], WiwError]
) -> list[tuple[str, str]]:
    """Return the ``key=value`` of ``options``, which have commas between them.

    Raises
    ------
    WiwError
        What ``refuse(text, reason)`` returns, if one is not of that form.
    """
    found = []
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if not key or not value:
            raise refuse(text, f"'{option}' is not of the form key=value")
        found.append((key, value))
    return found


def typed(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters as flags, numbers and texts, read as the planner node reads them."""
    if not parameters:
        return {}
    from wiw_ros.parameters import key_values

    return key_values([f"{key}={value}" for key, value in parameters.items()], "--policy")


def _bad(text: str, reason: str) -> WiwError:
    return WiwError(
        ErrorCode.BAD_PARAMETER, f"'{text}' does not describe a policy: {reason}.", _FORM
    )
