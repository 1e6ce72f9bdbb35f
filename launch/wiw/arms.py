"""The arms of an evaluation: the same policy and episodes, with one imagination or another."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_core.errors import ErrorCode, unknown_name
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
    """

    name: str
    model: str
    text: str
    score_by: str = "perception"
    control: bool = True

    @property
    def reviser_parameters(self) -> dict[str, str]:
        """What the reviser is told beside its defaults."""
        return {} if self.score_by == "perception" else {"score_by": self.score_by}


_ARMS = (
    Arm("none", "none", "no world model: the proposer's first plan"),
    Arm("copy", "copy", "control: repeats the current frame"),
    Arm("rotate", "rotate", "control: only turns the current panorama"),
    Arm("warp", "warp", "moves the robot's RGB-D views along the plan", control=False),
    Arm("oracle", "oracle", "true renders of the simulator"),
    Arm("oracle-value", "oracle", "the oracle, scored by the true distance or visibility", "value"),
)
DEFAULT_ARMS = tuple(arm.name for arm in _ARMS)
BASELINE = "none"


def arms() -> dict[str, Arm]:
    """Return every arm by name: the ones above, and one for each other registered world model."""
    known = {arm.name: arm for arm in _ARMS}
    for name in Registry(WORLD_MODELS).names():
        known.setdefault(name, Arm(name, name, "registered world model", control=False))
    return known


def get_arm(row: str) -> Arm:
    """Return the arm of a row (``warp``, ``warp@policy``); raises ``UNKNOWN_MODEL``."""
    known = arms()
    name = row.partition("@")[0]
    if name not in known:
        raise unknown_name(ErrorCode.UNKNOWN_MODEL, "arm", name, known)
    return known[name]
