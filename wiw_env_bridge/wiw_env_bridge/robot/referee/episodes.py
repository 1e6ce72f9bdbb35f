"""A user's own episodes: photos to go to, in one YAML file.

.. code-block:: yaml

    task: ignav            # or ignav_self_stop, where the policy says when it is there
    frame: map             # of the goals: "map" (localised) or "odom" (since the driver started)
    success_m: 0.5         # straight metres to the goal that count as being there
    episodes:
      kitchen:
        image: goals/kitchen.jpg      # taken with the robot's front camera, relative to this file
        fov_deg: 90                   # its horizontal field of view
        goal: [3.2, -1.0]             # x y in the frame, metres
        start: [0.0, 0.0, 0.0]        # x y yaw where it is to stand first; leave out for anywhere
      sofa:
        image: goals/sofa.jpg
        fov_deg: 90
        text: Go to the sofa.

With the referee ``pose`` each episode needs a ``goal``; with ``operator`` a person judges, and
needs none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import yaml

from wiw_core.cameras import pinhole
from wiw_core.contracts import Task
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode, View
from wiw_core.registry import TASKS, Registry
from wiw_env_bridge.robot.schema import read, setting

_MAX_BYTES = 1 << 24


@dataclass(frozen=True)
class RealEpisode:
    """One episode of the file."""

    image: str = setting("Photo of the goal, relative to the file; empty for a task in words.", "")
    fov_deg: float = setting(
        "Horizontal field of view of the photo.", 90.0, unit="deg", above=0.0, high=170.0
    )
    text: str = setting("The goal in words.", "")
    labels: tuple[str, ...] = setting("The closed set of answers, where the task asks one.", ())
    goal: tuple[float, ...] = setting("x y of the goal.", (), unit="m", length=2)
    start: tuple[float, ...] = setting("x y yaw of the start.", (), unit="m, rad", length=3)
    budget: int = setting("Decisions; 0 for the task's own.", 0, low=0, high=1000)
    seed: int = setting("For the policy's chances.", 0, low=0, high=2**31)
    scene: str = setting("Where it is, for the record.", "")
    split: str = setting("Which set it belongs to.", "val", choices=("val", "train"))


@dataclass(frozen=True)
class RealEpisodes:
    """The file."""

    task: str = setting("Registered name of the task.")
    episodes: Mapping[str, RealEpisode] = setting("By id, in evaluation order.")
    frame: str = setting("Frame of goals and starts.", "map", choices=("map", "odom"))
    success_m: float = setting(
        "Straight metres to the goal that are success.", 0.5, unit="m", above=0.0, high=100.0
    )
    start_m: float = setting("How near the start it must stand.", 0.3, unit="m", above=0.0)
    start_rad: float = setting(
        "How near the start's heading.", 0.3, unit="rad", above=0.0, high=math.pi
    )
    folder: Path = Path()
    """Where the file lies. Not a setting."""

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        found = [] if self.episodes else ["'episodes' is empty"]
        for name, episode in self.episodes.items():
            if not (episode.image or episode.text or episode.labels):
                found.append(f"'episodes.{name}' has neither 'image' nor 'text' nor 'labels'")
        return found

    def definition(self) -> Task:
        """Return the task; raises ``UNKNOWN_TASK``."""
        task: Task = Registry(TASKS).create(self.task)
        return task

    def ids(self, task: str, split: str, limit: int) -> tuple[str, ...]:
        """Return ids in the file's order; raises ``UNKNOWN_TASK``."""
        self._require(task)
        ids = tuple(n for n, e in self.episodes.items() if e.split == split)
        return ids[:limit] if limit else ids

    def get(self, task: str, name: str) -> RealEpisode:
        """Return one episode; raises ``UNKNOWN_TASK`` or ``UNKNOWN_EPISODE``."""
        self._require(task)
        if name not in self.episodes:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", name, self.episodes)
        return self.episodes[name]

    def public(self, name: str) -> Episode:
        """Return what a policy is told of one; raises ``BAD_PARAMETER`` on a bad photo."""
        episode, task = self.episodes[name], self.definition()
        return Episode(
            task=self.task,
            id=name,
            seed=episode.seed,
            scene=episode.scene or "real",
            split=episode.split,
            budget=episode.budget or task.budget,
            goal_text=episode.text,
            goal_view=self._photo(episode) if episode.image else None,
            labels=episode.labels,
            privileges=tuple(getattr(task, "privileges", ())),
        )

    def _require(self, task: str) -> None:
        if task != self.task:
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, (self.task,))

    def _photo(self, episode: RealEpisode) -> View:
        path = self.folder / episode.image
        try:
            data = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
        except OSError as error:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The goal's photo cannot be read: {error}"
            ) from error
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if bgr is None:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{path}' is not a picture of at most 16 MiB.")
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        k = pinhole.intrinsics(rgb.shape[0], rgb.shape[1], math.radians(episode.fov_deg))
        return View("goal", rgb, intrinsics=k)


def load_episodes(path: Path) -> RealEpisodes:
    """Return the file's episodes; raises ``BAD_PARAMETER`` naming every problem at once."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"The episodes '{path}' cannot be read: {error}"
        ) from error
    made, problems = read(RealEpisodes, given)
    if made is None:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The episodes '{path}' have {len(problems)} problem(s): {'; '.join(problems)}.",
        )
    return replace(made, folder=path.parent)
