"""The arms of an evaluation: the same policy and episodes, with one imagination or another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from wiw.policies import options_of
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.registry import WORLD_MODELS, Registry


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes
    ----------
    model : str
        ``none``, ``oracle`` or a registered world model.
    score_by : str
        ``perception``, or ``value`` for the true value that the oracle gives.
    control : bool
        It is there to compare with, from below or from above.
    model_parameters : dict of str
        What the world model is told beside its defaults.
    """

    name: str
    model: str
    text: str
    score_by: str = "perception"
    control: bool = True
    model_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def reviser_parameters(self) -> dict[str, str]:
        """What the reviser is told beside its defaults."""
        return {} if self.score_by == "perception" else {"score_by": self.score_by}


_ARMS = (
    Arm("none", "none", "no world model: the proposer's first plan"),
    Arm("copy", "copy", "control: repeats the current frame"),
    Arm("rotate", "rotate", "control: only turns the current panorama"),
    Arm("warp", "warp", "moves the robot's RGB-D views along the plan", control=False),
    Arm("arm", "arm", "moves what the hand grasps or pushes, paints the rest", control=False),
    Arm("oracle", "oracle", "true renders of the simulator"),
    Arm("oracle-value", "oracle", "the oracle, scored by the true distance or visibility", "value"),
)
DEFAULT_ARMS = tuple(arm.name for arm in _ARMS)
BASELINE = "none"
HELP = "a name of `wiw list arms`, or NAME=ARM:KEY=VALUE,... with parameters of its world model."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def arms() -> dict[str, Arm]:
    """Return every arm by name: the ones above, and one for each other registered world model."""
    known = {arm.name: arm for arm in _ARMS}
    for name in Registry(WORLD_MODELS).names():
        known.setdefault(name, Arm(name, name, "registered world model", control=False))
    return known


@cache
def parse(text: str) -> Arm:
    """Return the arm that ``text`` names or describes, see :data:`HELP`.

    Raises
    ------
    WiwError
        ``UNKNOWN_MODEL``, suggesting the nearest name; ``BAD_PARAMETER`` for what cannot be read.
    """
    known = arms()
    name, described, rest = text.partition("=")
    base, _, options = rest.partition(":") if described else (name, "", "")
    if described and (name in known or not _NAME.fullmatch(name)):
        raise _bad(text, "its name is another arm's, or not made of letters, digits, '_', '.', '-'")
    if base not in known:
        raise unknown_name(ErrorCode.UNKNOWN_MODEL, "arm", base, known)
    given = dict(options_of(text, options, _bad))
    if given and known[base].model in ("none", "oracle"):
        raise _bad(text, f"'{base}' takes no parameters")
    if not described:
        return known[base]
    words = ", ".join(f"{key} {value}" for key, value in given.items())
    described_as = f"{base}: {words}" if words else base
    return replace(known[base], name=name, text=described_as, model_parameters=given)


def _bad(text: str, reason: str) -> WiwError:
    return WiwError(
        ErrorCode.BAD_PARAMETER,
        f"'{text}' does not describe an arm: {reason}.",
        "For example: --arm mine=warp:context=1",
    )
