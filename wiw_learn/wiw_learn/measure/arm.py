"""Cases and scores of an arm dataset: looks of a fixed camera at a table, tool poses between."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wiw_core.arm import WORKSPACE_M, tool_pose
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Observation, Rgb, View
from wiw_core.plans import Plan
from wiw_learn.dataset import Shard, Trajectory
from wiw_learn.measure import images, objects, paths
from wiw_learn.measure.cases import Case, Scores, Settings

DISPLACED_M = 0.06
"""How far the other plans are from the executed one: the same, done elsewhere on the table."""
MOVED_M = 0.02
"""An object moved if its true centroid did, by more than this."""
RIGHT_LEVELS = 25
_HIDDEN_M = 0.05
_TRIES = 64


@dataclass(frozen=True)
class Truth:
    """What the dataset knows of a case.

    Attributes
    ----------
    first : (H, W, 3) uint8
        The view of now.
    tool : (L, 2)
        The true tool in each real frame, pixels.
    things : (L, N, 2)
        The true centroids in each real frame, pixels.
    moved : (L, N) bool
    colours : list of (3,) int16 or None
        Of each thing in the first view; None for one that is hidden there.
    progress : (L,)
        True progress to the goal after each action.
    """

    first: Rgb
    tool: Array
    things: Array
    moved: npt.NDArray[np.bool_]
    colours: list[npt.NDArray[np.int16] | None]
    progress: Array


class Arm:
    """Looks of the front camera; the shard's targets are what was done."""

    arrays = (
        "front",
        "front_depth",
        "intrinsics",
        "T_base_camera",
        "tool_pose",
        "gripper",
        "target_pose",
        "target_open",
        "code",
        "plan",
        "progress",
        "centroids",
    )
    metrics = (
        "psnr_changed_db",
        "psnr_unchanged_db",
        "tool_error",
        "moved_error",
        "still_error",
        "path_rms",
        "path_dtw",
        "path_frechet",
        "value_rank",
    )

    def starts(self, trajectory: Trajectory, horizon: int) -> Sequence[int]:
        """Return the first action of every plan; a plan is what was proposed in one go."""
        plan = trajectory["plan"]
        return [k for k in range(len(plan)) if k == 0 or plan[k] != plan[k - 1]]

    def case(
        self,
        trajectory: Trajectory,
        shard: Shard,
        index: int,
        start: int,
        settings: Settings,
        rng: np.random.Generator,
    ) -> Case:
        """Return the case of the plan that begins there, its first ``horizon`` actions."""
        plan = trajectory["plan"]
        length = int((plan[start : start + settings.horizon] == plan[start]).sum())
        steps = slice(start, start + length)
        poses = trajectory["target_pose"][steps]
        opened = trajectory["target_open"][steps]
        others = _displaced(poses, opened, settings.plans - 1, rng)
        choices: dict[str, tuple[int, ...]] = {}
        # An action that failed did not lead where it says: another may lead there too.
        went = bool((trajectory["code"][steps] == ErrorCode.OK).all())
        if went and len(others) == settings.plans - 1:
            choices["action_choice"] = tuple(range(settings.plans))
        after = np.arange(start + 1, start + 1 + length)
        return Case(
            scene=shard.scene,
            shard=index,
            start=start,
            observations=(_observation(trajectory, start),),
            plans=(_plan(poses, opened), *others),
            choices=choices,
            real=trajectory["front"][after],
            others=_others(trajectory["front"], start, start + length, settings.plans - 1, rng),
            truth=_truth(trajectory, start, after),
        )

    def right(self, frame: Rgb, truth: Rgb) -> float:
        """Return the share of pixels of which no colour is off by more than 25 levels."""
        return 1.0 - float(images.changed(frame, truth, RIGHT_LEVELS).mean())

    def score(self, case: Case, frames: Rgb) -> Scores:
        """Return the places of tool and things in the frames, and likeness by region."""
        truth: Truth = case.truth
        found: dict[str, list[float]] = defaultdict(list)
        tools, tracks = [], defaultdict(list)
        for k, (frame, real) in enumerate(zip(frames, case.real)):
            mask = images.changed(truth.first, real)
            found["psnr_changed_db"].append(images.psnr(frame, real, mask))
            found["psnr_unchanged_db"].append(images.psnr(frame, real, ~mask))
            tools.append(100.0 * objects.tool_error(frame, real, truth.tool[k]))
            for n, colour in enumerate(truth.colours):
                if colour is None:
                    continue
                off, mine, theirs = objects.object_error(frame, real, colour, truth.things[k, n])
                found["moved_error" if truth.moved[k, n] else "still_error"].append(100.0 * off)
                tracks[n].append((mine, theirs))
        for n, track in tracks.items():
            if truth.moved[-1, n]:
                _add_paths(found, track, len(truth.first))
        values = {name: _mean(numbers) for name, numbers in found.items()}
        return Scores({**values, "tool_error": _mean(tools)}, {"tool_error": tools})


def _others(looks: Rgb, start: int, end: int, count: int, rng: np.random.Generator) -> Rgb:
    """Return other looks of the trajectory, that of now first; none where there are too few."""
    rest = rng.permutation([k for k in range(len(looks)) if k != start])
    different = [k for k in (start, *rest) if not np.array_equal(looks[k], looks[end])]
    return np.asarray(looks[different[:count] if len(different) >= count else []])


def _add_paths(
    found: dict[str, list[float]],
    track: Sequence[tuple[objects.Point, objects.Point]],
    height: int,
) -> None:
    """Add the distances of two paths; nothing unless the object is found in every frame."""
    mine, theirs = (np.stack(side) for side in zip(*track))
    if np.isfinite(mine).all() and np.isfinite(theirs).all():
        scale = 100.0 / height
        found["path_rms"].append(scale * paths.rms(mine, theirs))
        found["path_dtw"].append(scale * paths.dtw(mine, theirs))
        found["path_frechet"].append(scale * paths.frechet(mine, theirs))


def _mean(numbers: Iterable[float]) -> float:
    known = [number for number in numbers if math.isfinite(number)]
    return float(np.mean(known)) if known else math.nan


def _plan(poses: Array, opened: npt.NDArray[np.bool_]) -> Plan:
    return Plan(
        tuple(tool_pose(Pose3(*(float(v) for v in p)), bool(o)) for p, o in zip(poses, opened))
    )


def _displaced(
    poses: Array, opened: npt.NDArray[np.bool_], count: int, rng: np.random.Generator
) -> list[Plan]:
    """Return the plan done elsewhere: in ``count`` directions, spread evenly, in the workspace."""
    low, high = np.array(WORKSPACE_M).T
    found: list[Plan] = []
    for _ in range(_TRIES):
        found = []
        turn = rng.uniform(0.0, 2.0 * math.pi)
        for k in range(count):
            angle = turn + 2.0 * math.pi * k / count
            moved = poses.copy()
            moved[:, :2] += DISPLACED_M * np.array([math.cos(angle), math.sin(angle)])
            if ((moved[:, :3] > low) & (moved[:, :3] < high)).all():
                found.append(_plan(moved, opened))
        if len(found) == count:
            break
    return found


def _observation(trajectory: Trajectory, k: int) -> Observation:
    view = View(
        "front",
        trajectory["front"][k],
        depth=trajectory["front_depth"][k].astype(np.float32),
        intrinsics=trajectory["intrinsics"],
        T_base_camera=trajectory["T_base_camera"],
    )
    tool = Pose3(*(float(v) for v in trajectory["tool_pose"][k]))
    gripper = float(trajectory["gripper"][k])
    return Observation("measured", k, (view,), tool_pose=tool, gripper=gripper)


def _truth(trajectory: Trajectory, start: int, after: npt.NDArray[np.integer]) -> Truth:
    k, mount = trajectory["intrinsics"], trajectory["T_base_camera"]
    things = np.asarray(trajectory["centroids"], np.float64)

    def seen(points: Array) -> Array:
        flat = [objects.pixel_of(point, k, mount)[0] for point in points.reshape(-1, 3)]
        return np.array(flat).reshape(*points.shape[:-1], 2)

    first, depth = trajectory["front"][start], trajectory["front_depth"][start]
    colours: list[npt.NDArray[np.int16] | None] = []
    for point in things[start]:
        place, distance = objects.pixel_of(point, k, mount)
        colour = objects.colour_at(first, place)
        if colour is not None:
            x, y = (int(v) for v in np.rint(place))
            in_front = float(depth[y, x]) < distance - _HIDDEN_M
            colour = None if in_front else colour
        colours.append(colour)
    travelled = np.linalg.norm(things[after] - things[start], axis=-1)
    return Truth(
        first=first,
        tool=seen(trajectory["tool_pose"][after, :3]),
        things=seen(things[after]),
        moved=np.asarray(travelled > MOVED_M),
        colours=colours,
        progress=trajectory["progress"][after].astype(np.float64),
    )
