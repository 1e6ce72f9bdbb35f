"""A dataset on disk: what was written is what is read, and nothing else is accepted."""

import hashlib
import json

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, held_out, pack, unpack


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "panorama": rng.integers(0, 256, (3, 4, 8, 3)).astype(np.uint8),
        "depth": rng.uniform(0.5, 4.0, (3, 4, 8)).astype(np.float16),
        "collided": np.array([False, True]),
    }


@pytest.fixture
def stored(tmp_path):
    shards = []
    for k in range(3):
        data = pack(arrays(k))
        (tmp_path / f"{k}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{k}.npz", digest, 1000 + k, "waypoints", "", k, 2))
    manifest = Manifest("navigation", "train", ("forward",), tuple(shards), {"seed": 0})
    (tmp_path / MANIFEST).write_text(manifest.to_json())
    return Dataset.open(tmp_path)


def test_trajectories_come_back_as_they_were_written(stored):
    assert len(stored) == 3 and stored.scenes == (1000, 1001, 1002)
    for k, trajectory in enumerate(stored):
        assert trajectory.keys() == arrays(k).keys()
        for name, array in arrays(k).items():
            assert trajectory[name].dtype == array.dtype
            assert np.array_equal(trajectory[name], array)


def test_the_same_arrays_are_the_same_bytes_in_any_order():
    some = arrays(0)
    assert pack(some) == pack(dict(reversed(some.items())))


def test_only_the_arrays_asked_for_are_unpacked(stored):
    assert list(stored.trajectory(1, ("collided",))) == ["collided"]


def test_an_array_that_is_not_there_is_an_error(stored):
    with pytest.raises(WiwError) as caught:
        stored.trajectory(0, ("geodesic_m",))
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


def test_one_changed_byte_is_refused(stored):
    path = stored.folder / "1.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert stored.trajectory(0) and stored.trajectory(2)
    with pytest.raises(WiwError, match="not the one that the manifest names") as caught:
        stored.trajectory(1)
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


def test_a_missing_shard_says_how_to_get_it_back(stored):
    (stored.folder / "2.npz").unlink()
    with pytest.raises(WiwError, match="Collect again") as caught:
        stored.trajectory(2)
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path):
    with pytest.raises(WiwError, match="wiw collect") as caught:
        Dataset.open(tmp_path)
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields.pop("shards"),
        lambda fields: fields.update(schema=2),
        lambda fields: fields.update(surprise=1),
        lambda fields: fields["shards"][0].pop("sha256"),
    ],
)
def test_a_manifest_of_another_form_is_refused(stored, spoil):
    path = stored.folder / MANIFEST
    fields = json.loads(path.read_text())
    spoil(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(WiwError) as caught:
        Dataset.open(stored.folder)
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


def test_a_pickle_is_never_unpacked():
    import io

    out = io.BytesIO()
    np.savez(out, evil=np.array([object()], dtype=object))
    with pytest.raises(WiwError) as caught:
        unpack(out.getvalue())
    assert caught.value.code == ErrorCode.RECORD_CORRUPT


def test_one_scene_in_ten_is_held_out_whatever_the_dataset():
    kept = [scene for scene in range(21_000, 21_240) if held_out(scene)]
    assert len(kept) == 24 and kept[0] == 21_009
