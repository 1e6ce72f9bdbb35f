"""A robot's profile: every name, frame, limit and time of one robot, from one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_env_bridge.robot.arm.settings import ArmSettings
from wiw_env_bridge.robot.gate.limits import Limits
from wiw_env_bridge.robot.schema import read, setting
from wiw_env_bridge.robot.sections import (
    BaseSettings,
    Camera,
    Frames,
    Panorama,
    RefereeSettings,
    Timing,
)

FOLDER = Path(__file__).parent / "profiles"
"""Where a bare name is looked up."""
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class RobotProfile:
    """All that is told of one robot; see :func:`load_profile`."""

    name: str = setting("Of the robot, for people and for the lease.")
    kind: str = setting("What moves.", choices=("base", "arm"))
    referee: RefereeSettings = setting("Who places and judges.")
    cameras: Mapping[str, Camera] = setting("Views by name.")
    frames: Frames = setting("Frames of tf.", factory=Frames)
    panorama: Panorama = setting("A panorama by turning in place.", factory=Panorama)
    base: BaseSettings = setting("How a base is moved.", factory=BaseSettings)
    arm: ArmSettings = setting("How an arm is moved.", factory=ArmSettings)
    limits: Limits = setting("What no motion may exceed.", factory=Limits)
    timing: Timing = setting("Time-outs and ages.", factory=Timing)
    folder: Path = FOLDER
    """Where the file lies: relative paths in it begin there. Not a setting."""

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        found = [] if self.cameras else ["'cameras' names no camera"]
        for name in ("speed_m_s", "turn_rad_s"):
            told, limit = getattr(self.base, name), getattr(self.limits, name)
            if told > limit:
                found.append(f"'base.{name}' is {told:g}, above 'limits.{name}' {limit:g}")
        camera = self.cameras.get(self.panorama.turning)
        if self.panorama.turning:
            if camera is None or camera.projection != "perspective":
                found.append(
                    f"'panorama.turning' is '{self.panorama.turning}', not a perspective camera of"
                    f" {', '.join(self.cameras) or 'none'}"
                )
            if "panorama" in self.cameras:
                found.append("there is a camera 'panorama' and 'panorama.turning' too")
            if self.kind != "base":
                found.append("'panorama.turning' needs a base that can turn")
        return found


def load_profile(name: str) -> RobotProfile:
    """Return the profile of a shipped name, such as ``simulated_base``, or of a YAML file.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` naming every problem of the file at once.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        shipped = {p.stem: p for p in FOLDER.glob("*.yaml")}
        if name not in shipped:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "robot profile", name, shipped)
        path = shipped[name]
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"The profile '{path}' is over 1 MiB.")
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"The profile '{path}' cannot be read: {error}"
        ) from error
    return parse_profile(given, path.parent, str(path))


def parse_profile(given: object, folder: Path = FOLDER, what: str = "given") -> RobotProfile:
    """Return the profile that a mapping describes; raises as :func:`load_profile`."""
    made, problems = read(RobotProfile, given)
    if made is None:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The robot's profile {what} has {len(problems)} problem(s): {'; '.join(problems)}.",
        )
    return replace(made, folder=folder)
