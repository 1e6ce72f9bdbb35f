"""Looks for val scenes in a dataset, by seeds and by what is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_env_bridge.episodes import FILES as APARTMENT_TASKS
from wiw_env_bridge.episodes import load_episodes
from wiw_env_bridge.mujoco.apartment import scene_split
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.judging import TASKS as TABLE_TASKS
from wiw_learn.dataset import Dataset

FRAMES = {"navigation": "panorama", "places": "panorama", "arm": "front"}
NEAR_BITS = 26
"""Of the hash's 128: the pixels are compared of frames that are no farther apart."""
SAME_LEVELS = {"navigation": 15.0, "places": 15.0, "arm": 0.5}
"""Mean difference of two frames, of 255 levels, below which they show the same thing.

Measured between apartments: 22 levels and 23 bits at the least; at the same place and any heading,
or 0.1 m beside it: at most 13 levels and 22 bits. All tables are one table under one camera: two
val tables differ by 0.59 levels at the least, two drawings of one by at most 0.43.
"""
_HASH_HW = (8, 16)
_SMALL_HW = {"navigation": (36, 72), "places": (36, 72), "arm": (64, 64)}
_TURNS = 72
"""Headings that a val panorama is compared at: 5 degrees apart."""

Hashes = npt.NDArray[np.uint8]
Small = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Leaks:
    """What the check found.

    Attributes
    ----------
    scenes, frames, val_views : int
        How much was compared.
    nearest_bits : int
        Least distance between the hash of a frame and that of a val scene's first view.
    nearest_levels : float
        Least mean difference of pixels among the nearest, 0 to 255.
    same : tuple of (str, str)
        Shard and val episode of each pair that shows the same thing.
    """

    scenes: int
    frames: int
    val_views: int
    nearest_bits: int
    nearest_levels: float
    limit_levels: float
    same: tuple[tuple[str, str], ...]


def check_scenes(data: Dataset) -> None:
    """Raise ``BAD_PARAMETER`` if the manifest names a scene that is not of the train split."""
    for shard in data.manifest.shards:
        if scene_split(shard.scene) != "train":
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The dataset holds the val scene {shard.scene} ('{shard.file}').",
                "Nothing trained on it can be judged on val: collect another.",
            )


def look_for_leaks(
    data: Dataset,
    views: Iterable[tuple[str, Rgb]],
    every: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Leaks:
    """Compare a sample of the dataset's frames with what val episodes show first.

    Hashes find the candidates: 128 signs of brightness differences, of a panorama at every heading.
    Then pixels decide.

    Parameters
    ----------
    views : iterable of (str, (H, W, 3) uint8)
        Id and first view of each val episode, see :func:`first_views`.
    every : int
        One frame in so many is compared.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a val scene in the manifest; ``RECORD_CORRUPT`` for a bad shard.
    """
    check_scenes(data)
    kind = data.manifest.kind
    known = _Views(kind, views)
    frames, nearest_bits, nearest_levels = 0, 8 * known.hashes.shape[1], 255.0
    same: list[tuple[str, str]] = []
    for k, shard in enumerate(data.manifest.shards):
        looked_at = data.trajectory(k, (FRAMES[kind],))[FRAMES[kind]][::every]
        mine = [_small(frame, kind) for frame in looked_at]
        bits = _distances(np.stack([_hash(frame) for frame in mine]), known.hashes)
        nearest_bits = min(nearest_bits, int(bits.min()))
        for f, v in zip(*np.nonzero(bits <= max(NEAR_BITS, int(bits.min())))):
            name, view = known.at(int(v))
            levels = float(np.abs(mine[f] - view).mean())
            nearest_levels = min(nearest_levels, levels)
            if levels < SAME_LEVELS[kind]:
                same.append((shard.file, name))
        frames += len(mine)
        if progress is not None:
            progress(k + 1, len(data))
    return Leaks(
        len(data.scenes),
        frames,
        len(known.names),
        nearest_bits,
        nearest_levels,
        SAME_LEVELS[kind],
        tuple(sorted(set(same))),
    )


def first_views(kind: str) -> Iterator[tuple[str, Rgb]]:
    """Return id and first view of every val episode of the kind's tasks."""
    return _tables() if kind == "arm" else _apartments()


class _Views:
    """Val views: small, and hashed; a panorama once per heading."""

    def __init__(self, kind: str, views: Iterable[tuple[str, Rgb]]) -> None:
        self.names: list[str] = []
        self._small: list[Small] = []
        for name, rgb in views:
            self.names.append(name)
            self._small.append(_small(rgb, kind))
        self._turns = 1 if kind == "arm" else _TURNS
        every = range(len(self.names) * self._turns)
        self.hashes = np.stack([_hash(self.at(k)[1]) for k in every])

    def at(self, k: int) -> tuple[str, Small]:
        """Return the episode and the small frame of a hash."""
        view, turn = divmod(k, self._turns)
        frame = self._small[view]
        return self.names[view], np.roll(frame, turn * frame.shape[1] // self._turns, axis=1)


def _apartments() -> Iterator[tuple[str, Rgb]]:
    renderer = Renderer((144, 256), 16)
    try:
        every = [record for task in APARTMENT_TASKS for record in load_episodes(task)]
        # Scene by scene: building one takes longer than drawing it.
        for record in sorted(every, key=lambda record: record.scene):
            if record.split == "val":
                yield record.id, renderer.panorama_rgb(record.scene, record.start, 144, 256)
    finally:
        renderer.close()


def _tables() -> Iterator[tuple[str, Rgb]]:
    environment = TabletopEnvironment(image_size=512)
    try:
        for task in TABLE_TASKS:
            for name in environment.episode_ids(task, "val"):
                _, now, _ = environment.reset(task, name)
                view = now.view("front")
                assert view is not None
                yield name, view.rgb
    finally:
        environment.close()


def _small(rgb: Rgb, kind: str) -> Small:
    """Return a frame of the size that pixels are compared at, (h, w, 3)."""
    size = _SMALL_HW[kind][::-1]
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)


def _hash(frame: Small) -> Hashes:
    """Return 128 bits: whether each of 8 x 16 patches is brighter than the one to its right."""
    patches = cv2.resize(frame.mean(axis=2), _HASH_HW[::-1], interpolation=cv2.INTER_AREA)
    return np.packbits(patches > np.roll(patches, -1, axis=1))


def _distances(a: Hashes, b: Hashes) -> npt.NDArray[np.int64]:
    """Return how many bits differ, (len(a), len(b))."""
    signs_a, signs_b = (2.0 * np.unpackbits(h, axis=1).astype(np.float32) - 1.0 for h in (a, b))
    same = signs_a @ signs_b.T
    return np.asarray(np.rint((signs_a.shape[1] - same) / 2.0), np.int64)
