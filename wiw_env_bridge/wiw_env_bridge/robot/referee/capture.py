"""Taking a goal where the robot stands: a photo, its field of view, and the place."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import yaml

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, View
from wiw_env_bridge.robot.cameras import CameraPort
from wiw_env_bridge.robot.parts import Parts
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.referee.episodes import load_episodes
from wiw_env_bridge.robot.sections import RefereeSettings

PHOTOS = "goals"
"""Folder of the photos, beside the file of episodes."""


@dataclass(frozen=True)
class Taken:
    """A goal that was added; ``place_m`` is x, y in ``frame``."""

    name: str
    file: Path
    photo: Path
    frame: str
    place_m: tuple[float, float]
    count: int


def take_goal(
    profile: RobotProfile, name: str, *, task: str = "ignav", radius_m: float = 0.5, text: str = ""
) -> Taken:
    """Add what the robot sees, where it stands, to the file of episodes of its profile.

    Nothing moves. The first perspective camera takes the photo; the place is in the map where the
    profile has one, else in odom. A file that is not there yet is begun, with ``task`` and
    ``radius_m``.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the profile names no file, the name is taken, or the file could not
        take it; else what keeps the robot from seeing or from knowing where it is.
    """
    if not profile.referee.episodes:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The profile of '{profile.name}' names no file of episodes.",
            "Add referee: {kind: pose, episodes: my_goals.yaml}.",
        )
    file = profile.folder / profile.referee.episodes
    photo = file.parent / PHOTOS / f"{name}.png"
    if photo.exists():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is a photo '{photo}' already.",
            f"Take another name; or remove it, and '{name}' in '{file}', to take it anew.",
        )
    known = load_episodes(file) if file.exists() else None
    wanted = "map" if profile.frames.map else "odom"
    frame = known.frame if known else wanted
    view, place = _look(profile, profile.frames.map if frame == "map" else profile.frames.odom)
    entry = {
        "image": f"{PHOTOS}/{name}.png",
        "fov_deg": round(
            math.degrees(2.0 * math.atan(view.size[1] / 2 / view.intrinsics[0, 0])), 2
        ),
        "goal": [round(place[0], 3), round(place[1], 3)],
        **({"text": text} if text else {}),
    }
    head = {"task": task, "frame": frame, "success_m": radius_m}
    begun = file.read_text(encoding="utf-8") if known else _yaml(head, flow=False) + "episodes:\n"
    added = begun.rstrip("\n") + "\n" + _indented(_yaml({name: entry}))
    photo.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(photo), view.rgb[..., ::-1])
    try:
        count = _replace(file, added, name)
    except BaseException:
        photo.unlink()
        raise
    return Taken(name, file, photo, frame, place, count)


def _look(profile: RobotProfile, frame: str) -> tuple[View, tuple[float, float]]:
    # Who judges does not matter here, and its file may not exist yet.
    parts = Parts(replace(profile, referee=RefereeSettings(kind="simulated")), None)
    try:
        camera = _perspective(parts, profile)
        timing = profile.timing
        after_s = parts.link.now_s()
        view, _ = camera.take(after_s, timing.server_wait_s, lambda: None)
        here = parts.where(frame)
        return view, (here.x_m, here.y_m)
    finally:
        parts.close()


def _perspective(parts: Parts, profile: RobotProfile) -> CameraPort:
    wanted = Projection.PERSPECTIVE.name.lower()
    for port in parts.cameras:
        if profile.cameras[port.name].projection == wanted:
            return port
    raise WiwError(
        ErrorCode.BAD_PARAMETER, f"'{profile.name}' has no perspective camera to take a photo with."
    )


def _replace(file: Path, text: str, name: str) -> int:
    """Put the new text in place if it can be read; return how many episodes it has."""
    trial = file.with_name(f".{file.name}.new")
    trial.write_text(text, encoding="utf-8")
    try:
        made = load_episodes(trial)
        if name not in made.episodes:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{file}' cannot be added to: 'episodes' is not its last section.",
                "Move it to the end.",
            )
        os.replace(trial, file)
    finally:
        trial.unlink(missing_ok=True)
    return len(made.episodes)


def _yaml(value: object, flow: bool | None = None) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=flow, allow_unicode=True)
    return text


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
