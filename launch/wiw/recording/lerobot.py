"""Recorded runs as a LeRobotDataset v3.0: one frame per observation that a decision was taken on.

``observation.images.<view>``, ``observation.images.depth``, ``observation.images.goal``
    As in :mod:`wiw_learn.lerobot`; depth of the first view that has it, the goal's picture where
    the task has one.
``observation.state``
    Navigation: x, y in metres and yaw in radians, in odom. Arm: tool position, quaternion xyzw and
    gripper, in ``base_link``.
``observation.joints``
    Of an arm: metres or radians.
``observation.seconds``
    ROS time since the episode's first observation. The frames' own time stamps are nominal.
``action``
    What was commanded from that frame to the next, and executed. Navigation: where the base was
    told to go, x, y in metres and yaw in radians, in its own frame. Arm: the tool pose and gripper
    wanted last. The last frame of an episode commands to stay.
``next.done``, ``next.success``
    Whether no action follows; whether the episode, over by then, was a success.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw.recording.episodes import RecordedEpisode
from wiw_core.arm import target_of
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.metrics import is_fault
from wiw_core.observation import Observation
from wiw_core.plans import Plan, camera_path
from wiw_learn.lerobot import STATE, depth_feature, millimetres, require_empty
from wiw_learn.lerobot_files import DEPTH, Files, feature, video_feature
from wiw_learn.lerobot_stats import Stats

Array = npt.NDArray[Any]
IMAGES = "observation.images."
ACTION = {"navigation": ("x_m", "y_m", "yaw_rad"), "arm": STATE["arm"]}


@dataclasses.dataclass(frozen=True)
class Frames:
    """An episode as rows and pictures.

    Attributes
    ----------
    name : str
        Which episode it is.
    text : str
        The task in words.
    rows : dict
        Arrays of one row per frame.
    videos : dict
        (N, H, W, 3) uint8 by feature.
    depth : (N, H, W) uint16 or None
        Millimetres.
    """

    name: str
    text: str
    kind: str
    joints: tuple[str, ...]
    rows: dict[str, Array]
    videos: dict[str, Array]
    depth: npt.NDArray[np.uint16] | None

    @property
    def features(self) -> dict[str, Any]:
        """The features of ``info.json``: equal for all episodes of a dataset."""
        found = {key: video_feature(*v.shape[1:3]) for key, v in self.videos.items()}
        if self.depth is not None:
            found[DEPTH] = depth_feature(*self.depth.shape[1:])
        found["observation.state"] = feature("float32", STATE[self.kind])
        if self.joints:
            found["observation.joints"] = feature("float32", self.joints)
        found["observation.seconds"] = feature("float32")
        found["action"] = feature("float32", ACTION[self.kind])
        return {**found, "next.done": feature("bool"), "next.success": feature("bool")}


def export(
    episodes: Iterable[RecordedEpisode], out: Path, say: Callable[[str], None] = lambda text: None
) -> int:
    """Write recorded episodes into an empty or new folder; return how many.

    Parameters
    ----------
    say : callable
        Is told of each episode that is left out: one that ended in a fault, or that the recording
        does not hold whole.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the folder is not empty, or the episodes differ in their cameras or
        robots, or none is left; ``RECORDING_FAILED``.
    """
    require_empty(out)
    usable = map(read, _usable(episodes, say))
    first = next(usable, None)
    if first is None:
        raise WiwError(ErrorCode.BAD_PARAMETER, "There is no whole episode to export.")
    tasks: list[str] = []
    files, stats, count = Files(out, list(first.videos)), Stats(), 0
    with files:
        for frames in itertools.chain([first], usable):
            count += 1
            if frames.features != first.features:
                raise _differs(frames, first)
            if frames.text not in tasks:
                tasks.append(frames.text)
            index = tasks.index(frames.text)
            files.add(frames.text, index, frames.rows, frames.videos, frames.depth)
            stats.add(frames.rows, frames.videos, frames.depth)
    files.write_tasks(tasks)
    files.write_json("meta/stats.json", stats.as_dict())
    info = files.info(first.features, len(tasks), f"wiw_{first.kind}")
    files.write_json("meta/info.json", info)
    return count


def read(episode: RecordedEpisode) -> Frames:
    """Return an episode as rows and pictures.

    Raises
    ------
    WiwError
        ``UNKNOWN_ACTION`` if it acts by neither of the two vocabularies; ``BAD_IMAGE`` if its views
        change.
    """
    turns = episode.together
    seen = [episode.begun.observation, *(turn.observation for turn in turns)]
    if turns and not turns[-1].executed.actions:
        seen.pop()  # an answer or a stop: nothing was done, and nothing new is seen
    done = [turn.executed for turn in turns][: len(seen) - 1]
    kind = "arm" if seen[0].tool_pose is not None else "navigation"
    last = np.arange(len(seen)) == len(seen) - 1
    success = episode.result is not None and episode.result.success
    rows = {
        "observation.state": _floats(_state(kind, now) for now in seen),
        "observation.seconds": _floats(now.stamp_s - seen[0].stamp_s for now in seen),
        "action": _floats(_actions(kind, seen, done)),
        "next.done": last,
        "next.success": last & success,
    }
    joints = tuple(name for name, _ in seen[0].joints)
    if joints:
        rows["observation.joints"] = _floats([value for _, value in now.joints] for now in seen)
    depth = next((v.name for v in seen[0].views if v.depth is not None), "")
    return Frames(
        f"{episode.begun.episode.task} {episode.id}",
        _text(episode),
        kind,
        joints,
        rows,
        _videos(episode, seen),
        millimetres(_stack(seen, depth, "depth")) if depth else None,
    )


def _usable(
    episodes: Iterable[RecordedEpisode], say: Callable[[str], None]
) -> Iterator[RecordedEpisode]:
    for episode in episodes:
        if episode.late or episode.missing or episode.result is None:
            say(f"{episode.id} is left out: the recording does not hold all of it")
        elif is_fault(episode.result):
            say(f"{episode.id} is left out: it ended in a fault ({episode.result.message})")
        else:
            yield episode


def _videos(episode: RecordedEpisode, seen: Sequence[Observation]) -> dict[str, Array]:
    found = {f"{IMAGES}{v.name}": _stack(seen, v.name, "rgb") for v in seen[0].views}
    goal = episode.begun.episode.goal_view
    if goal is not None:
        found[f"{IMAGES}goal"] = np.broadcast_to(goal.rgb, (len(seen), *goal.rgb.shape))
    return found


def _stack(seen: Sequence[Observation], view: str, what: str) -> Array:
    pictures = [getattr(now.view(view), what, None) for now in seen]
    if len({None if picture is None else picture.shape for picture in pictures}) != 1:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"The view '{view}' of '{seen[0].episode_id}' is not the same in every observation.",
        )
    return np.stack([picture for picture in pictures if picture is not None])


def _state(kind: str, now: Observation) -> list[float]:
    if kind == "navigation":
        return [now.base_pose.x_m, now.base_pose.y_m, now.base_pose.yaw_rad]
    assert now.tool_pose is not None
    return [*now.tool_pose.position, *now.tool_pose.quaternion, now.gripper]


def _actions(kind: str, seen: Sequence[Observation], done: Sequence[Plan]) -> Iterator[list[float]]:
    for plan in done:
        if kind == "arm":
            pose, opened = target_of(plan.actions[-1])
            yield [*pose.position, *pose.quaternion, float(opened)]
        else:
            there = camera_path(plan)[-1]
            yield [there.x_m, there.y_m, there.yaw_rad]
    yield _state(kind, seen[-1]) if kind == "arm" else [0.0, 0.0, 0.0]


def _text(episode: RecordedEpisode) -> str:
    told = episode.begun.episode
    return told.goal_text or {
        "ignav": "go to where the goal image was taken",
        "ar": "say what the marked object is",
    }.get(told.task, told.task)


def _floats(values: Iterable[Any]) -> Array:
    return np.array(list(values), np.float32)


def _differs(frames: Frames, first: Frames) -> WiwError:
    ours, theirs = first.features, frames.features
    names = sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
    return WiwError(
        ErrorCode.BAD_PARAMETER,
        f"{frames.name} differs from the episodes before it in {', '.join(names)}.",
        "A dataset holds one robot and one set of cameras: choose a --task.",
    )
