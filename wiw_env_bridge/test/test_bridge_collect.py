"""Collecting a dataset: the same bytes however it is run, nothing lost, nothing of val."""

import fcntl
import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.collect import FIRST_SCENE, collect
from wiw_env_bridge.collect.leaks import check_scenes, look_for_leaks
from wiw_env_bridge.collect.running import SETTINGS
from wiw_env_bridge.episodes.making.common import random_pose
from wiw_env_bridge.mujoco.apartment import VAL_SEEDS, scene_split
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_learn.dataset import MANIFEST, Dataset, pack
from wiw_learn.files import LOCK

TINY = {
    "kind": "navigation",
    "scenes": 2,
    "first_scene": FIRST_SCENE + 4000,
    "length": 3,
    "height": 64,
    "front_size": 32,
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    return collect(TINY, tmp_path_factory.mktemp("collected") / "data", workers=1)


def shards(data: Dataset) -> dict[str, bytes]:
    return {s.file: (data.folder / s.file).read_bytes() for s in data.manifest.shards}


def without_manifest(data: Dataset, folder) -> None:
    """Lay out a collection that was interrupted just before its end."""
    (folder / "shards").mkdir(parents=True)
    (folder / SETTINGS).write_bytes((data.folder / SETTINGS).read_bytes())
    for name, content in shards(data).items():
        (folder / name).write_bytes(content)


def test_every_scene_is_walked_in_each_way(collected):
    made = [(s.scene, s.task) for s in collected.manifest.shards]
    first = TINY["first_scene"]
    ways = ("waypoints", "random_walk")
    assert made == [(scene, way) for scene in (first, first + 1) for way in ways]
    assert all(shard.length == TINY["length"] for shard in collected.manifest.shards)


def test_the_bytes_do_not_depend_on_the_number_of_workers(collected, tmp_path):
    told = []
    again = collect(TINY, tmp_path / "two", workers=2, progress=lambda *n: told.append(n))
    assert again.manifest.shards == collected.manifest.shards
    assert shards(again) == shards(collected)
    assert told[0] == (0, 4) and told[-1] == (4, 4)


KILLED = """
import sys
from pathlib import Path
from wiw_env_bridge.collect import collect
if __name__ == "__main__":
    collect({settings!r}, Path({folder!r}), 2, lambda done, total: print(done, flush=True))
"""


def test_a_killed_collection_goes_on_and_ends_in_the_same_bytes(collected, tmp_path):
    folder, script = tmp_path / "killed", tmp_path / "run.py"
    script.write_text(KILLED.format(settings=TINY, folder=str(folder)))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) == 0:
        pass
    process.send_signal(signal.SIGKILL)
    # The workers hold the other end of the pipe: its end is theirs.
    process.stdout.read()
    process.wait()
    assert not (folder / MANIFEST).exists()
    told = []
    data = collect(TINY, folder, workers=1, progress=lambda *n: told.append(n))
    assert told[0][0] >= 1, "finished trajectories were made again"
    assert shards(data) == shards(collected)
    assert data.manifest.shards == collected.manifest.shards


def test_a_torn_shard_is_made_again(collected, tmp_path):
    without_manifest(collected, tmp_path / "torn")
    name = collected.manifest.shards[1].file
    whole = (tmp_path / "torn" / name).read_bytes()
    (tmp_path / "torn" / name).write_bytes(whole[: len(whole) // 2])
    told = []
    data = collect(TINY, tmp_path / "torn", workers=1, progress=lambda *n: told.append(n))
    assert told == [(3, 4), (4, 4)]
    assert shards(data) == shards(collected)


def test_a_finished_dataset_is_returned_as_it_is(collected):
    told = []
    again = collect(TINY, collected.folder, progress=lambda *n: told.append(n))
    assert again.manifest == collected.manifest and told == []


@pytest.mark.parametrize("change", [{"length": 4}, {"scenes": 3}, {"seed": 1}])
def test_other_settings_are_refused_in_the_same_folder(collected, change):
    with pytest.raises(WiwError, match="begun with other settings") as caught:
        collect({**TINY, **change}, collected.folder)
    assert caught.value.code == ErrorCode.BAD_PARAMETER


def test_two_commands_never_collect_into_one_folder(tmp_path):
    with (tmp_path / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WiwError) as caught:
            collect(TINY, tmp_path)
    assert caught.value.code == ErrorCode.BUSY


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first_scene": 0}, "not all train scenes"),
        ({"first_scene": VAL_SEEDS.stop - 1}, "not all train scenes"),
        ({"first_scene": 999_999}, "not all train scenes"),
        ({"first_scene": 10**7}, "not all train scenes"),
        ({"scenes": 0}, "scenes is 0"),
        ({"scenes": 1.5}, "not an integer"),
        ({"kind": "navigatoin"}, "Did you mean 'navigation'"),
        ({"lenght": 3}, "Did you mean 'length'"),
        ({"walks": ["waypoint"]}, "Did you mean 'waypoints'"),
        ({"height": 20}, "multiple of 8"),
        ({"length": 0}, "length is 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path, change, words
):
    with pytest.raises(WiwError, match=words) as caught:
        collect({**TINY, **change}, tmp_path / "new")
    assert caught.value.code == ErrorCode.BAD_PARAMETER
    assert not (tmp_path / "new" / MANIFEST).exists()


def test_no_val_scene_is_in_the_manifest(collected):
    assert collected.manifest.split == "train"
    assert {scene_split(scene) for scene in collected.scenes} == {"train"}
    check_scenes(collected)


def test_a_val_scene_in_the_manifest_is_found(collected):
    shard = replace(collected.manifest.shards[0], scene=VAL_SEEDS.start)
    bad = Dataset(collected.folder, replace(collected.manifest, shards=(shard,)))
    with pytest.raises(WiwError, match="val scene 0"):
        check_scenes(bad)


def test_a_frame_of_a_val_scene_is_found_at_any_heading(collected, tmp_path):
    renderer = Renderer((144, 256), 16)
    try:
        layout = renderer.layout(VAL_SEEDS.start)
        rng = np.random.default_rng(0)
        first, other = (random_pose(rng, layout) for _ in range(2))
        views = [
            ("val-0", renderer.panorama_rgb(layout.seed, first, 144, 256)),
            ("val-1", renderer.panorama_rgb(layout.seed, other, 144, 256)),
        ]
        assert look_for_leaks(collected, views, every=1).same == ()
        turned = replace(first, yaw_rad=first.yaw_rad + 1.0)
        leaked = renderer.panorama_rgb(layout.seed, turned, 64, 128)
    finally:
        renderer.close()
    shard = collected.manifest.shards[0]
    arrays = collected.trajectory(0)
    arrays["panorama"][2] = leaked
    folder = tmp_path / "leaking"
    (folder / "shards").mkdir(parents=True)
    (folder / shard.file).write_bytes(pack(arrays))
    text = json.loads(collected.manifest.to_json())
    text["shards"] = [{**text["shards"][0], "sha256": hashlib.sha256(pack(arrays)).hexdigest()}]
    (folder / MANIFEST).write_text(json.dumps(text))
    found = look_for_leaks(Dataset.open(folder), views, every=1)
    assert found.same == ((shard.file, "val-0"),)
