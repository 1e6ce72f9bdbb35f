"""The numbers that no plan, no trajectory and no velocity passes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from wiw_core.arm import WORKSPACE_M
from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.schema import setting


@dataclass(frozen=True)
class Limits:
    """Section ``limits`` of a robot's profile. A limit of 0, NaN or infinity is refused, never off.

    The defaults are for a first supervised run of a real robot; a simulated one may raise them.
    """

    step_m: float = setting(
        "Farthest that one action may send the base.", 0.25, unit="m", above=0.0, high=5.0
    )
    step_rad: float = setting(
        "Farthest that one action may turn the base: smaller than any turn given in degrees.",
        0.45,
        unit="rad",
        above=0.0,
        high=math.pi,
    )
    speed_m_s: float = setting(
        "Fastest that the base may be told to drive.", 0.3, unit="m/s", above=0.0, high=5.0
    )
    turn_rad_s: float = setting(
        "Fastest that the base may be told to turn.", 1.0, unit="rad/s", above=0.0, high=10.0
    )
    joint_margin_rad: float = setting(
        "Kept free at both ends of every joint.", 0.02, unit="rad", above=0.0, high=1.0
    )
    joint_speed_share: float = setting(
        "Fastest joint speed, as a share of what the robot's description allows.",
        0.25,
        above=0.0,
        high=1.0,
    )
    joint_jump_rad: float = setting(
        "Farthest that a joint may go between two points of a trajectory.",
        0.6,
        unit="rad",
        above=0.0,
        high=math.pi,
    )
    start_rad: float = setting(
        "How far the measured joints may be from where a trajectory begins.",
        0.05,
        unit="rad",
        above=0.0,
        high=0.5,
    )
    point_step_m: float = setting(
        "Farthest that the tool may go between two points of a trajectory.",
        0.05,
        unit="m",
        above=0.0,
        high=0.25,
    )
    point_step_rad: float = setting(
        "Farthest that the tool may turn between two points of a trajectory.",
        0.35,
        unit="rad",
        above=0.0,
        high=math.pi / 4,
    )
    move_m: float = setting(
        "Farthest that one action may send the tool.", 0.25, unit="m", above=0.0, high=3.0
    )
    move_rad: float = setting(
        "Farthest that one action may turn the tool; 3.15 allows every turn.",
        math.pi / 4,
        unit="rad",
        above=0.0,
        high=3.2,
    )
    tool_speed_m_s: float = setting(
        "Fastest that a trajectory may move the tool.", 0.25, unit="m/s", above=0.0, high=3.0
    )
    duration_s: float = setting("Longest trajectory.", 60.0, unit="s", above=0.0, high=600.0)
    workspace_low_m: tuple[float, ...] = setting(
        "Lowest x, y and z of the tool, in the frame of its pose.",
        tuple(low for low, _ in WORKSPACE_M),
        unit="m",
        length=3,
    )
    workspace_high_m: tuple[float, ...] = setting(
        "Highest x, y and z of the tool.",
        tuple(high for _, high in WORKSPACE_M),
        unit="m",
        length=3,
    )
    slip_m: float = setting(
        "How far an observed motion may differ from the commanded one, at any length of it.",
        0.06,
        unit="m",
        above=0.0,
        high=1.0,
    )
    slip_rad: float = setting("The same for a turn.", 0.12, unit="rad", above=0.0, high=math.pi / 2)
    slip_share: float = setting(
        "And how much more, as a share of the commanded motion.", 0.25, above=0.0, high=1.0
    )
    frozen_frames: int = setting(
        "So many pictures with the same pixels, while the robot was moved, are a frozen camera.",
        3,
        low=2,
        high=100,
    )
    frozen_m: float = setting(
        "Only while it was driven at least so far,", 0.1, unit="m", above=0.0, high=10.0
    )
    frozen_rad: float = setting("or turned at least so far.", 0.1, unit="rad", above=0.0, high=10.0)
    failures: int = setting(
        "So many failed actions in a row end the episode as a fault.", 3, low=1, high=100
    )
    future_s: float = setting(
        "How far a time stamp may be ahead of this computer's clock.",
        0.1,
        unit="s",
        above=0.0,
        high=10.0,
    )

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for numbers out of range, also without a profile file."""
        bad = []
        for spec in fields(self):
            value = getattr(self, spec.name)
            for number in value if isinstance(value, tuple) else (value,):
                problem = spec.metadata["about"].number(number)
                if problem:
                    bad.append(f"'limits.{spec.name}' {problem}")
        if bad:
            raise WiwError(ErrorCode.BAD_PARAMETER, "; ".join(bad) + ".")

    def problems(self) -> list[str]:
        """Return what is wrong between several of them."""
        box = list(zip(self.workspace_low_m, self.workspace_high_m))
        if len(box) == 3 and all(low < high for low, high in box):
            return []
        return ["the workspace is empty: each of workspace_low_m must be below workspace_high_m"]
