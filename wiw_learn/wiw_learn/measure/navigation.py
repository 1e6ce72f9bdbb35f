"""Cases and scores of a navigation dataset: panoramas with depth along a walk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2, wrap
from wiw_core.observation import Observation, Projection, Rgb, View
from wiw_core.plans import FORWARD_M, Plan, camera_path, navigation_plan
from wiw_learn.dataset import Shard, Trajectory
from wiw_learn.measure import images, places
from wiw_learn.measure.cases import MEMORY, Case, Scores, Settings

CAMERA_HEIGHT_M = 1.0
"""Of the panorama camera above the floor (arXiv 2510.18135, appendix B)."""
APART_M = 0.5 * FORWARD_M
"""Ends of plans that are nearer than this, at one heading, are the same."""
RIGHT_LEVELS = 16
_TRIES = 400
_NAMES = ("forward", "turn_left", "turn_right")
_SHARES = (0.6, 0.2, 0.2)


@dataclass(frozen=True)
class Truth:
    """What the dataset knows of a case.

    Attributes
    ----------
    masks : list of ((H, W) bool, (H, W) bool)
        Of each real frame: what had been in view before, and what had not.
    real : list of Panoramas
        Each real frame alone.
    there : (L, 2) float64
        Where each real frame was taken, metres.
    nearby : Panoramas
        Real panoramas within reach, each place once, headings as they come.
    where : (P, 2) float64
        Their places, metres.
    """

    masks: list[tuple[images.Mask, images.Mask]]
    real: list[places.Panoramas]
    there: Array
    nearby: places.Panoramas
    where: Array


class Navigation:
    """Panoramas of a walk; the shard's ``action`` is what was done."""

    arrays = ("panorama", "depth", "pose", "action", "collided")
    metrics = (
        "psnr_seen_db",
        "psnr_unseen_db",
        "heading_choice",
        "heading_error_deg",
        "place_error_m",
    )

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = tuple(actions)

    def starts(self, trajectory: Trajectory, horizon: int) -> Sequence[int]:
        """Return the places from which the next ``horizon`` actions lead away.

        Where they only turn, the exact answer is the present picture turned round.
        """
        where = trajectory["pose"][:, :2]
        return [
            k
            for k in range(len(trajectory["action"]) - horizon + 1)
            if np.hypot(*(where[k + horizon] - where[k])) > APART_M
        ]

    def case(
        self,
        trajectory: Trajectory,
        shard: Shard,
        index: int,
        start: int,
        settings: Settings,
        rng: np.random.Generator,
    ) -> Case:
        """Return the case of the next ``horizon`` actions."""
        after = slice(start + 1, start + 1 + settings.horizon)
        names = [
            self._actions[int(k)] for k in trajectory["action"][start : start + settings.horizon]
        ]
        done = navigation_plan(names)
        free = not trajectory["collided"][start : start + settings.horizon].any()
        any_end = other_plans(done, settings.plans - 1, rng)
        same = other_plans(done, settings.plans - 1, rng, same_heading=True)
        choices: dict[str, tuple[int, ...]] = {}
        # A plan that was stopped by a wall did not lead where it says: another may lead there too.
        if free and len(any_end) == settings.plans - 1:
            choices["action_choice"] = tuple(range(settings.plans))
        if free and len(same) == settings.plans - 1:
            begin = 1 + len(any_end)
            choices["heading_choice"] = (0, *range(begin, begin + len(same)))
        poses = [Pose2(*(float(v) for v in row)) for row in trajectory["pose"]]
        first = max(0, start - MEMORY)
        return Case(
            scene=shard.scene,
            shard=index,
            start=start,
            observations=tuple(
                _observation(trajectory, k, poses[k]) for k in range(first, start + 1)
            ),
            plans=(done, *any_end, *same),
            choices=choices,
            real=trajectory["panorama"][after],
            others=self._others(trajectory, poses, start, settings, rng),
            truth=self._truth(trajectory, poses, start, settings.horizon),
        )

    def right(self, frame: Rgb, truth: Rgb) -> float:
        """Return the share of the sphere whose colours are off by 16 levels or less on average."""
        rows = 1.0 - images.off_on_average(frame, truth, RIGHT_LEVELS).mean(axis=1)
        return float(rows @ images.solid_angles(len(rows)))

    def score(self, case: Case, frames: Rgb) -> Scores:
        """Return heading and place recovered from the frames, and likeness by region."""
        truth: Truth = case.truth
        scores = Scores()
        headings: list[float] = []
        gaps: list[float] = []
        seen: list[float] = []
        unseen: list[float] = []
        for k, frame in enumerate(frames):
            headings.append(places.heading_error(frame, truth.real[k]))
            found, _ = truth.nearby.find(frame)
            gaps.append(float(np.hypot(*(truth.where[found] - truth.there[k]))))
            for into, mask in zip((seen, unseen), truth.masks[k]):
                into.append(images.psnr(frame, case.real[k], mask))
        scores.curves = {"heading_error_deg": headings, "place_error_m": gaps}
        for name, numbers in (
            ("heading_error_deg", headings),
            ("place_error_m", gaps),
            ("psnr_seen_db", seen),
            ("psnr_unseen_db", unseen),
        ):
            known = [number for number in numbers if math.isfinite(number)]
            scores.values[name] = float(np.mean(known)) if known else math.nan
        return scores

    def _others(
        self,
        trajectory: Trajectory,
        poses: Sequence[Pose2],
        start: int,
        settings: Settings,
        rng: np.random.Generator,
    ) -> Rgb:
        """Return other real views: that of now, and some of the walk shortly before and after."""
        end = poses[start + settings.horizon]
        around = range(
            max(0, start - 2 * settings.horizon), min(len(poses), start + 3 * settings.horizon)
        )
        chosen = [start] if not _same(poses[start], end) else []
        for k in rng.permutation(np.array(around)):
            if len(chosen) == settings.plans - 1:
                break
            if not any(_same(poses[k], other) for other in (end, *(poses[c] for c in chosen))):
                chosen.append(int(k))
        enough = len(chosen) == settings.plans - 1
        return np.asarray(trajectory["panorama"][chosen if enough else []])

    def _truth(
        self, trajectory: Trajectory, poses: Sequence[Pose2], start: int, horizon: int
    ) -> Truth:
        reach = FORWARD_M * (horizon + 1)
        ahead = list(range(start + 1, start + 1 + horizon))
        kept: list[int] = []
        for k in (start, *ahead, *range(len(poses))):
            near = poses[k].distance_m(poses[start]) <= reach
            if near and all(poses[k].distance_m(poses[c]) > 0.01 for c in kept):
                kept.append(k)
        past = range(max(0, start - MEMORY), start + 1)
        views, where = trajectory["panorama"], trajectory["pose"][:, :2]
        depth = trajectory["depth"].astype(np.float64)
        memory = [(depth[k], poses[k]) for k in past]
        return Truth(
            masks=[places.seen_before(depth[k], poses[k], memory) for k in ahead],
            real=[places.Panoramas(views[k][None]) for k in ahead],
            there=where[ahead],
            nearby=places.Panoramas(views[kept]),
            where=where[kept],
        )


def other_plans(
    done: Plan, count: int, rng: np.random.Generator, *, same_heading: bool = False
) -> list[Plan]:
    """Return up to ``count`` random plans of equal length that end elsewhere, each elsewhere.

    Six actions in ten go forward. With ``same_heading`` they end with the heading of ``done``: its
    actions in another order, two opposite turns for two steps forward, or the reverse. Fewer are
    returned where there are no more.
    """
    end = camera_path(done)[-1]
    ends: list[Pose2] = [end]
    found: list[Plan] = []
    for _ in range(_TRIES):
        if len(found) == count:
            break
        if same_heading:
            names = _rearranged(done.names, rng)
        else:
            names = [str(name) for name in rng.choice(_NAMES, len(done), p=_SHARES)]
        plan = navigation_plan(names)
        pose = camera_path(plan)[-1]
        if not any(_same(pose, other) for other in ends):
            ends.append(pose)
            found.append(plan)
    return found


def _rearranged(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return as many actions with the same sum of turns, in a random order."""
    found = list(names)
    straight, turns = ["forward", "forward"], ["turn_left", "turn_right"]
    for _ in range(int(rng.integers(0, 3))):
        old, new = (turns, straight) if rng.random() < 0.5 else (straight, turns)
        if all(found.count(name) >= old.count(name) for name in old):
            for gone in old:
                found.remove(gone)
            found += new
    return [found[int(k)] for k in rng.permutation(len(found))]


def _same(a: Pose2, b: Pose2) -> bool:
    return a.distance_m(b) < APART_M and abs(wrap(a.yaw_rad - b.yaw_rad)) < 1e-3


def _observation(trajectory: Trajectory, k: int, pose: Pose2) -> Observation:
    mount = T_BASE_OPTICAL.copy()
    mount[2, 3] = CAMERA_HEIGHT_M
    view = View(
        "panorama",
        trajectory["panorama"][k],
        Projection.EQUIRECTANGULAR,
        trajectory["depth"][k].astype(np.float32),
        T_base_camera=mount,
    )
    return Observation("measured", k, (view,), pose)
