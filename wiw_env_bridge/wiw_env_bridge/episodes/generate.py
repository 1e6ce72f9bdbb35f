"""Writes the episode files: ``python -m wiw_env_bridge.episodes.generate [--out FOLDER]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from wiw_env_bridge.episodes import FILES, EpisodeRecord, format_episodes
from wiw_env_bridge.episodes.making import aeqa, ar, ignav
from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS, VAL_SEEDS, VERSION
from wiw_env_bridge.mujoco.renderer import Renderer

SEED = 20251018
"""Seed of everything drawn here."""
PANORAMA_HW = (576, 1024)
COUNTS = {
    "aeqa": {"val": (48, 3), "train": (34, 3)},
    "ar": {"val": (48, 5), "train": (50, 4)},
    "ignav": {"val": (48, 5), "train": (32, 1)},
}
"""Apartments and episodes per layout, of each task and split."""

Make = Callable[[Renderer, Sequence[int], int, int], Iterable[EpisodeRecord]]
MAKERS: dict[str, Make] = {"aeqa": aeqa.make, "ar": ar.make, "ignav": ignav.make}
"""Given a renderer, scenes, rounds and a seed: the episodes in evaluation order, without ids."""


def generate(task: str, renderer: Renderer) -> list[EpisodeRecord]:
    """Return all episodes of a task, val first; consecutive ones are in different apartments."""
    records = []
    for split, seeds in (("val", VAL_SEEDS), ("train", TRAIN_SEEDS)):
        scenes, rounds = COUNTS[task][split]
        made = MAKERS[task](renderer, seeds[:scenes], rounds, SEED)
        for index, record in enumerate(made):
            records.append(replace(record, id=f"{task}-{split}-{index:03d}", split=split))
    return records


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
