"""A dataset on disk: trajectories in hashed shards beside a manifest.

``manifest.json`` names every shard with its SHA-256, and says what made it: kind, split, scenes,
config, versions. A shard is one trajectory, a compressed ``.npz`` without pickle. Arrays by kind:

``navigation`` (T actions, T + 1 places)
    ``panorama`` (T+1, H, W, 3) uint8 · ``depth`` (T+1, H, W) float16 metres along the ray, 0 where
    unknown · ``front`` (T+1, S, S, 3) uint8, the perspective goal camera · ``pose`` (T+1, 3)
    float64 ``T_odom_base`` x, y in metres, yaw in radians · ``action`` (T,) int8, an index of the
    manifest's ``actions`` · ``collided`` (T,) bool · ``geodesic_m`` (T+1, T+1) float32, shortest
    way between the places
``places`` (N places, no actions)
    ``panorama``, ``depth``, ``front``, ``pose`` in the frame of the first, and ``geodesic_m`` as
    above, N of each · ``collided`` (0,) bool
``arm`` (K tool poses, K + 1 looks)
    ``front`` (K+1, S, S, 3) uint8 · ``front_depth`` (K+1, S, S) float16 metres along the optical
    axis · ``intrinsics`` (3, 3) · ``T_base_camera`` (4, 4) · ``tool_pose`` (K+1, 7) position and
    quaternion xyzw in ``base_link`` · ``gripper`` (K+1,) 0 closed to 1 open · ``target_pose``
    (K, 7) · ``target_open`` (K,) bool · ``code`` (K,) int16, what the environment said ·
    ``collided`` (K,) bool · ``progress`` (K+1,) float32, true progress to the goal ·
    ``centroids`` (K+1, N, 3) of the objects, metres in ``base_link``, true state · ``plan`` (K,)
    int16, which attempt a pose belongs to
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError

SCHEMA = 1
MANIFEST = "manifest.json"

Trajectory = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """One trajectory of a dataset.

    Attributes
    ----------
    file : str
        Relative to the dataset's folder.
    scene : int
        Seed of the scene: what train, held-out and val never share.
    task : str
        Whose expert moved, for the arm; the sampler's name in navigation.
    text : str
        The goal in words, where there is one.
    length : int
        Actions.
    """

    file: str
    sha256: str
    scene: int
    task: str
    text: str
    seed: int
    length: int


@dataclass(frozen=True)
class Manifest:
    """What a dataset holds and what made it."""

    kind: str
    split: str
    actions: tuple[str, ...]
    shards: tuple[Shard, ...]
    provenance: Mapping[str, Any]
    schema: int = SCHEMA

    def to_json(self) -> str:
        """Return the manifest file's text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @staticmethod
    def from_json(text: str) -> Manifest:
        """Return the manifest of a file's text; raises ``RECORD_CORRUPT``."""
        try:
            fields = json.loads(text)
            shards = tuple(Shard(**shard) for shard in fields.pop("shards"))
            manifest = Manifest(shards=shards, actions=tuple(fields.pop("actions")), **fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT, f"The dataset's manifest cannot be read ({error})."
            ) from error
        if manifest.schema != SCHEMA:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The dataset has schema {manifest.schema}, not {SCHEMA}.",
                "Collect it again: wiw collect.",
            )
        return manifest


class Dataset:
    """A dataset opened for reading.

    Attributes
    ----------
    folder : Path
    manifest : Manifest
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @staticmethod
    def open(folder: Path) -> Dataset:
        """Open a folder that ``wiw collect`` filled.

        Raises
        ------
        WiwError
            ``RECORD_CORRUPT`` without a manifest, or with one that cannot be read.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"'{folder}' holds no dataset: {MANIFEST} is missing.",
                "Make one: wiw collect --help.",
            )
        return Dataset(folder, Manifest.from_json(path.read_text("utf-8")))

    def __len__(self) -> int:
        return len(self.manifest.shards)

    def __iter__(self) -> Iterator[Trajectory]:
        return (self.trajectory(k) for k in range(len(self)))

    @property
    def scenes(self) -> tuple[int, ...]:
        """Every scene's seed, sorted."""
        return tuple(sorted({shard.scene for shard in self.manifest.shards}))

    def part(self, kind: str, *, judged: bool) -> Iterator[tuple[Shard, Trajectory]]:
        """Yield the trajectories of the scenes to train on, or of those held out to judge by.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if the dataset is of another kind, or has no such scene.
        """
        if self.manifest.kind != kind:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"This recipe learns from {kind}, not from a dataset of {self.manifest.kind}.",
            )
        shards = self.manifest.shards
        numbers = [k for k, shard in enumerate(shards) if held_out(shard.scene) is judged]
        if not numbers:
            which = "held-out" if judged else "training"
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The dataset has no {which} scene.",
                "Collect more scenes: one in ten is held out.",
            )
        for k in numbers:
            yield shards[k], self.trajectory(k)

    def trajectory(self, index: int, names: Sequence[str] = ()) -> Trajectory:
        """Return one trajectory's arrays: those named, all if none is.

        Raises
        ------
        WiwError
            ``RECORD_CORRUPT`` unless the shard's hash is the manifest's, and it has every name.
        """
        shard = self.manifest.shards[index]
        try:
            data = (self.folder / shard.file).read_bytes()
        except OSError as error:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The shard '{shard.file}' cannot be read ({error.strerror}).",
                "Collect again: finished shards are kept.",
            ) from error
        if hashlib.sha256(data).hexdigest() != shard.sha256:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The shard '{shard.file}' is not the one that the manifest names.",
                "Delete it and collect again.",
            )
        return unpack(data, names)


def pack(trajectory: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of a shard; the same arrays give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(trajectory):
            array = io.BytesIO()
            np.lib.format.write_array(array, np.asarray(trajectory[name]), allow_pickle=False)
            # A fixed date, so that equal arrays are equal files.
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)),
                array.getvalue(),
                zipfile.ZIP_DEFLATED,
                1,
            )
    return out.getvalue()


def unpack(data: bytes, names: Sequence[str] = ()) -> Trajectory:
    """Return the arrays of a shard's bytes: those named, all if none is; raises ``RECORD_CORRUPT``.

    Only what is named is decompressed.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise WiwError(ErrorCode.RECORD_CORRUPT, f"A shard cannot be read ({error}).") from error


def held_out(scene: int, fold: int = 10) -> bool:
    """Tell whether a train scene is kept from training, to judge by: one scene in ``fold``."""
    return scene % fold == fold - 1
