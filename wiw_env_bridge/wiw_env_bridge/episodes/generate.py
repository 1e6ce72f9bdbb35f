"""Writes the episode files: ``python -m wiw_env_bridge.episodes.generate [--out FOLDER]``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wiw_core.geometry import Pose2
from wiw_core.tasks.ignav import SUCCESS_RADIUS_M
from wiw_env_bridge.episodes import FILES, EpisodeRecord, format_episodes
from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS, VAL_SEEDS, VERSION, Layout
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.shortest import shortest_actions
from wiw_env_bridge.mujoco.targets import Target

SEED = 20251018
"""Seed of everything drawn here."""
PANORAMA_HW = (576, 1024)
COUNTS = {"ignav": {"val": (48, 3), "train": (32, 1)}, "ar": {"val": (48, 3), "train": (50, 4)}}
"""Apartments and episodes per layout, of each task and split."""

GEODESIC_M = (1.0, 4.0)
"""Start to goal of image-goal navigation."""
_OPEN_M, _OPEN_SHARE = 1.5, 0.25
TARGET_M = (1.0, 3.5)
"""Start to target of active recognition."""
MIN_TARGET_PIXELS = 25
"""Of the target, in the 576 x 1024 panorama at the start."""
_STARTS = 40
_HARD_QUANTILE = 0.2
_BETTER = 3.0
_TRIES = 200

Make = Callable[[Renderer, Layout, np.random.Generator, int], EpisodeRecord | None]


def generate(task: str, renderer: Renderer) -> list[EpisodeRecord]:
    """Return all episodes of a task, val first; consecutive ones are in different apartments."""
    records = []
    for split, seeds in (("val", VAL_SEEDS), ("train", TRAIN_SEEDS)):
        scenes, rounds = COUNTS[task][split]
        per_scene = [
            list(_of_scene(renderer, _MAKERS[task], seed, rounds)) for seed in seeds[:scenes]
        ]
        interleaved = [scene[k] for k in range(rounds) for scene in per_scene]
        for index, record in enumerate(interleaved):
            fields = {**vars(record), "id": f"{task}-{split}-{index:03d}", "split": split}
            records.append(EpisodeRecord(**fields))
    return records


def _of_scene(renderer: Renderer, make: Make, scene: int, count: int) -> Iterator[EpisodeRecord]:
    layout = renderer.layout(scene)
    found = tries = 0
    while found < count:
        rng = np.random.default_rng([SEED, scene, tries])
        record = make(renderer, layout, rng, found)
        found += record is not None
        tries += 1
        if tries > _TRIES:
            raise RuntimeError(f"{layout.name} has too few places for {count} episodes.")
        if record is not None:
            yield record


def _navigation(
    renderer: Renderer, layout: Layout, rng: np.random.Generator, index: int
) -> EpisodeRecord | None:
    start, goal = _random_pose(rng, layout), _random_pose(rng, layout)
    to_goal = layout.grid.distances_to(goal.x_m, goal.y_m)
    metres = to_goal.metres(start.x_m, start.y_m)
    if not GEODESIC_M[0] <= metres <= GEODESIC_M[1]:
        return None
    _, depth = renderer.front_view(layout.seed, goal)
    if (depth > _OPEN_M).mean() < _OPEN_SHARE:
        return None  # a picture of a bare wall is no goal
    actions = shortest_actions(layout.grid, to_goal, start, SUCCESS_RADIUS_M)
    if not actions:
        return None
    return EpisodeRecord(
        task="ignav",
        id="",
        split="",
        scene=layout.seed,
        seed=int(rng.integers(1 << 31)),
        start=start,
        goal=goal,
        shortest_m=round(metres, 4),
        shortest_actions=actions,
    )


def _recognition(
    renderer: Renderer, layout: Layout, rng: np.random.Generator, index: int
) -> EpisodeRecord | None:
    order = np.random.default_rng([SEED, layout.seed]).permutation(len(layout.targets))
    # The n-th episode begins with the n-th target and moves on where a target is too well hidden.
    target = layout.targets[order[(index + rng.integers(3) * 4) % len(order)]]
    views = []
    for _ in range(_STARTS):
        start = _random_pose(rng, layout)
        if not TARGET_M[0] <= _distance_m(start, target) <= TARGET_M[1]:
            continue
        share = renderer.visible_fraction(layout.seed, start, target)
        pixels = round(share * PANORAMA_HW[0] * PANORAMA_HW[1])
        if pixels >= MIN_TARGET_PIXELS:
            views.append((pixels, start))
    if len(views) < 4:
        return None
    views.sort(key=lambda v: v[0])
    pixels, start = views[int(_HARD_QUANTILE * len(views))]
    if views[-1][0] < _BETTER * pixels:
        return None  # moving must be able to help
    return EpisodeRecord(
        task="ar",
        id="",
        split="",
        scene=layout.seed,
        seed=int(rng.integers(1 << 31)),
        start=start,
        target=target.name,
        label=target.label,
    )


_MAKERS: dict[str, Make] = {"ignav": _navigation, "ar": _recognition}


def _random_pose(rng: np.random.Generator, layout: Layout) -> Pose2:
    rows, columns = np.nonzero(layout.grid.free)
    k = int(rng.integers(len(rows)))
    x, y = (columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M
    yaw = float(rng.uniform(-math.pi, math.pi))
    return Pose2(round(float(x), 4), round(float(y), 4), round(yaw, 4))


def _distance_m(start: Pose2, target: Target) -> float:
    return start.distance_m(Pose2(target.x_m, target.y_m))


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--task", choices=sorted(FILES), action="append")
    arguments = parser.parse_args()
    renderer = Renderer(PANORAMA_HW, front_size=128)
    try:
        for task in arguments.task or sorted(FILES):
            records = generate(task, renderer)
            text = format_episodes(task, SEED, VERSION, records)
            (arguments.out / FILES[task]).write_text(text, "utf-8")
            print(f"{FILES[task]}: {len(records)} episodes")
    finally:
        renderer.close()


if __name__ == "__main__":
    main()
