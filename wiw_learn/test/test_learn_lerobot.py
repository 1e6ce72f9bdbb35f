"""The export read back with what any reader would use: Parquet, MP4 and PNG."""

import hashlib
import json

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import FORWARD_M, TURN_RAD
from wiw_learn import lerobot_files
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack
from wiw_learn.lerobot import export

ACTIONS = ("forward", "turn_left", "turn_right")


def picture(hue: int, h: int, w: int) -> np.ndarray:
    """A smooth picture that survives H.264."""
    ramp = np.linspace(0, 120, w)[None, :, None] + np.array([hue, 60, 0])[None, None, :]
    return np.broadcast_to(ramp, (h, w, 3)).round().astype(np.uint8)


def navigation(seed: int, length: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = length + 1
    depth = rng.uniform(0.5, 6.0, (count, 16, 32)).astype(np.float16)
    depth[:, 0, 0] = 0.0
    return {
        "panorama": np.stack([picture(10 * k + 30 * seed, 16, 32) for k in range(count)]),
        "depth": depth,
        "front": np.stack([picture(5 * k, 16, 16) for k in range(count)]),
        "pose": rng.uniform(-1, 1, (count, 3)),
        "action": rng.integers(0, 3, length).astype(np.int8),
        "collided": rng.random(length) < 0.5,
        "geodesic_m": np.zeros((count, count), np.float32),
    }


def arm(seed: int, length: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = length + 1
    return {
        "front": np.stack([picture(9 * k, 16, 16) for k in range(count)]),
        "front_depth": rng.uniform(0.5, 2.0, (count, 16, 16)).astype(np.float16),
        "tool_pose": rng.uniform(-1, 1, (count, 7)),
        "gripper": rng.uniform(0, 1, count).astype(np.float32),
        "target_pose": rng.uniform(-1, 1, (length, 7)),
        "target_open": rng.random(length) < 0.5,
        "collided": np.zeros(length, np.bool_),
    }


def store(folder, kind, trajectories, texts) -> Dataset:
    folder.mkdir()
    shards = []
    for k, (trajectory, text) in enumerate(zip(trajectories, texts)):
        data = pack(trajectory)
        (folder / f"{k}.npz").write_bytes(data)
        task = "waypoints" if kind == "navigation" else "push_buttons"
        digest = hashlib.sha256(data).hexdigest()
        length = len(trajectory["collided"])
        shards.append(Shard(f"{k}.npz", digest, 1000 + k, task, text, k, length))
    actions = ACTIONS if kind == "navigation" else ("tool_pose",)
    manifest = Manifest(kind, "train", actions, tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json())
    return Dataset.open(folder)


@pytest.fixture
def walks(tmp_path, monkeypatch):
    """Three episodes, two to a file, so that files and time stamps begin anew."""
    monkeypatch.setattr(lerobot_files, "EPISODES_PER_FILE", 2)
    made = [navigation(k, length) for k, length in enumerate((4, 2, 3))]
    export(store(tmp_path / "data", "navigation", made, ("", "", "")), tmp_path / "out")
    return tmp_path / "out", made


def rows(out) -> dict[str, list]:
    found: dict[str, list] = {}
    for path in sorted((out / "data").glob("*/*.parquet")):
        for name, values in pq.read_table(path).to_pydict().items():
            found.setdefault(name, []).extend(values)
    return found


def film(out, key: str, file: int) -> list[np.ndarray]:
    with av.open(str(out / f"videos/{key}/chunk-000/file-{file:03d}.mp4")) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_info_tells_what_is_there(walks):
    out, _ = walks
    info = json.loads((out / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, 12, 1)
    assert info["splits"] == {"train": "0:3"}
    columns = set(rows(out))
    videos = {k for k, f in info["features"].items() if f["dtype"] == "video"}
    assert videos == {"observation.images.panorama", "observation.images.front"}
    assert columns == set(info["features"]) - videos
    assert info["features"]["observation.images.panorama"]["shape"] == [16, 32, 3]


def test_every_row_is_what_the_trajectory_says(walks):
    out, made = walks
    found = rows(out)
    state = np.concatenate([t["pose"] for t in made]).astype(np.float32)
    assert np.array_equal(np.array(found["observation.state"], np.float32), state)
    assert found["episode_index"] == [0] * 5 + [1] * 3 + [2] * 4
    assert found["frame_index"] == [*range(5), *range(3), *range(4)]
    assert found["index"] == list(range(12))
    assert np.allclose(found["timestamp"], np.array(found["frame_index"]) / info_fps(out))
    assert [k for k, done in enumerate(found["next.done"]) if done] == [4, 7, 11]
    wanted = {0: (FORWARD_M, 0.0), 1: (0.0, TURN_RAD), 2: (0.0, -TURN_RAD)}
    first = [wanted[int(a)] for a in made[0]["action"]] + [(0.0, 0.0)]
    assert np.allclose(found["action"][:5], first)
    assert found["next.collided"][:5] == [*made[0]["collided"].tolist(), False]


def info_fps(out) -> int:
    return json.loads((out / "meta/info.json").read_text())["fps"]


def test_each_episode_is_found_in_its_film(walks):
    out, made = walks
    episodes = pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for episode, trajectory in zip(episodes, made):
        for camera in ("panorama", "front"):
            key = f"observation.images.{camera}"
            frames = film(out, key, episode[f"videos/{key}/file_index"])
            first = round(episode[f"videos/{key}/from_timestamp"] * info_fps(out))
            last = round(episode[f"videos/{key}/to_timestamp"] * info_fps(out))
            assert last - first == episode["length"] == len(trajectory[camera])
            for shown, real in zip(frames[first:last], trajectory[camera]):
                assert np.abs(shown.astype(int) - real).mean() < 4.0
    spans = [(e["dataset_from_index"], e["dataset_to_index"]) for e in episodes]
    assert spans == [(0, 5), (5, 8), (8, 12)]
    assert [e["data/file_index"] for e in episodes] == [0, 0, 1]


def test_depth_comes_back_to_the_millimetre_and_unknown_stays_unknown(walks):
    out, made = walks
    pictures = rows(out)["observation.images.depth"]
    real = np.concatenate([t["depth"] for t in made]).astype(np.float64)
    for picture_, metres in zip(pictures, real):
        data = np.frombuffer(picture_["bytes"], np.uint8)
        shown = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        assert shown.dtype == np.uint16 and shown[0, 0] == 0
        assert np.abs(shown / 1000.0 - metres).max() <= 0.0005 + 1e-9


def test_statistics_are_those_of_the_rows(walks):
    out, made = walks
    stats = json.loads((out / "meta/stats.json").read_text())
    state = np.concatenate([t["pose"] for t in made])
    assert np.allclose(stats["observation.state"]["mean"], state.mean(axis=0), atol=1e-6)
    assert np.allclose(stats["observation.state"]["std"], state.std(axis=0), atol=1e-6)
    assert np.allclose(stats["observation.state"]["max"], state.max(axis=0), atol=1e-6)
    assert stats["observation.state"]["count"] == [12]
    assert np.array(stats["observation.images.front"]["mean"]).shape == (3, 1, 1)


def test_the_arm_is_exported_with_its_words_and_absolute_poses(tmp_path):
    made = [arm(0, 3), arm(1, 2)]
    texts = ("push the red button", "push the blue button")
    export(store(tmp_path / "data", "arm", made, texts), tmp_path / "out")
    found = rows(tmp_path / "out")
    wanted = np.column_stack([made[0]["target_pose"], made[0]["target_open"]])
    assert np.allclose(found["action"][:3], wanted, atol=1e-6)
    assert np.allclose(found["action"][3], found["observation.state"][3]), "stays at the end"
    tasks = pq.read_table(tmp_path / "out/meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0, 1], "task": list(texts)}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    assert found["task_index"] == [0] * 4 + [1] * 3


def test_the_same_dataset_gives_the_same_files(tmp_path):
    data = store(tmp_path / "data", "navigation", [navigation(0, 2)], ("",))
    export(data, tmp_path / "one")
    export(data, tmp_path / "two")
    one = tmp_path / "one"
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert names
    for name in names:
        assert (one / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    data = store(tmp_path / "data", "navigation", [navigation(0, 2)], ("",))
    with pytest.raises(WiwError, match="not empty") as caught:
        export(data, tmp_path)
    assert caught.value.code == ErrorCode.BAD_PARAMETER
