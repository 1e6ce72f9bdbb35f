"""Writes the table's episode files: ``python -m wiw_env_bridge.tabletop.generate``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS, VAL_SEEDS
from wiw_env_bridge.tabletop.episodes import FILES, FOLDER, TableRecord, format_text
from wiw_env_bridge.tabletop.kinematics import READY_RAD, Kinematics
from wiw_env_bridge.tabletop.tasks import TASKS, TaskScene, make_scene

SEED = 20251018
"""Seed of everything drawn here."""
SPLITS = {"val": (VAL_SEEDS, 50), "train": (TRAIN_SEEDS, 100)}
"""Scene seeds and number of episodes of each split; the seeds of two splits never meet."""
DIFFICULTIES = ("easy", "medium", "hard")


def generate(task: str) -> list[TableRecord]:
    """Return all episodes of a task, val first; every one has a scene of its own.

    Variations follow each other in turn. A layout with a point out of the arm's reach is left out.
    """
    arm, episodes = Kinematics(), []
    for split, (seeds, count) in SPLITS.items():
        found = list(_reachable(arm, task, iter(seeds), count))
        harder = np.argsort(np.argsort([scene.effort for _, scene in found], kind="stable"))
        for index, (seed, _) in enumerate(found):
            rank = int(harder[index]) * len(DIFFICULTIES) // count
            rng = np.random.default_rng([SEED, seed])
            episodes.append(
                TableRecord(
                    task=task,
                    id=f"{task}-{split}-{index:03d}",
                    split=split,
                    scene=seed,
                    variation=index % TASKS[task].variations,
                    seed=int(rng.integers(1 << 31)),
                    difficulty=DIFFICULTIES[rank],
                )
            )
    return episodes


def in_reach(arm: Kinematics, scene: TaskScene) -> bool:
    """Tell whether the tool gets to every point of the scene's ``reach``, looking straight down."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("x", np.pi).as_matrix()
    for point in scene.reach:
        pose[:3, 3] = point
        if arm.reach(pose, READY_RAD) is None:
            return False
    return True


def _reachable(
    arm: Kinematics, task: str, seeds: Iterator[int], count: int
) -> Iterator[tuple[int, TaskScene]]:
    for index in range(count):
        for seed in seeds:
            scene = make_scene(task, seed, index % TASKS[task].variations)
            if in_reach(arm, scene):
                yield seed, scene
                break
        else:
            raise RuntimeError(f"{task} has too few layouts for {count} episodes.")


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(str(resources.files(FOLDER))))
    parser.add_argument("--task", choices=sorted(FILES), action="append")
    arguments = parser.parse_args()
    for task in arguments.task or sorted(FILES):
        episodes = generate(task)
        (arguments.out / FILES[task]).write_text(format_text(task, SEED, episodes), "utf-8")
        print(f"{FILES[task]}: {len(episodes)} episodes")


if __name__ == "__main__":
    main()
