"""Recorded runs as a LeRobotDataset, read back with what any reader would use: Parquet and MP4."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from recording_of_fakes import recording
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording.episodes import RecordedEpisode, recorded_episodes
from wiw.recording.lerobot import read
from wiw_core.plans import camera_path

IGNAV = [("ignav", "val_001"), ("ignav", "val_002")]


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two recordings: two episodes of navigation, one of recognition."""
    folder = tmp_path_factory.mktemp("bags")
    recording(folder / "walks", IGNAV)
    recording(folder / "looks", [("ar", "val_000")])
    return folder


@pytest.fixture(scope="module")
def walks(bags: Path) -> list[RecordedEpisode]:
    return list(recorded_episodes(bags / "walks"))


@pytest.fixture(scope="module")
def exported(bags: Path) -> Path:
    out = bags / "out"
    said = CliRunner().invoke(app, ["export", "lerobot", str(bags / "walks"), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "of 2 episodes" in said.output
    return out


def test_states_and_actions_are_those_of_the_run(
    walks: list[RecordedEpisode], exported: Path
) -> None:
    table = pq.read_table(exported / "data/chunk-000/file-000.parquet").to_pydict()
    info = json.loads((exported / "meta/info.json").read_text())
    lengths = [len(read(walk).rows["next.done"]) for walk in walks]
    assert info["codebase_version"] == "v3.0" and info["total_episodes"] == 2
    assert info["total_frames"] == sum(lengths) == len(table["index"])
    assert set(info["features"]) == set(table) | {
        key for key, entry in info["features"].items() if entry["dtype"] == "video"
    }
    begin = 0
    for walk, length in zip(walks, lengths):
        rows = slice(begin, begin + length)
        seen = [walk.begun.observation, *(t.observation for t in walk.together)][:length]
        poses = [[o.base_pose.x_m, o.base_pose.y_m, o.base_pose.yaw_rad] for o in seen]
        np.testing.assert_allclose(table["observation.state"][rows], poses, atol=1e-6)
        told = [camera_path(t.executed)[-1] for t in walk.together][: length - 1]
        there = [[p.x_m, p.y_m, p.yaw_rad] for p in told] + [[0.0, 0.0, 0.0]]
        np.testing.assert_allclose(table["action"][rows], there, atol=1e-6)
        assert table["next.done"][rows] == [False] * (length - 1) + [True]
        assert walk.result is not None
        assert table["next.success"][rows][-1] is walk.result.success
        begin += length


def test_pictures_are_those_of_the_run(walks: list[RecordedEpisode], exported: Path) -> None:
    shown = [o for walk in walks for o in read(walk).videos["observation.images.front"]]
    path = exported / "videos/observation.images.front/chunk-000/file-000.mp4"
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(shown) > 4
    for ours, theirs in zip(frames, shown):
        assert np.abs(ours.astype(float) - theirs).mean() < 12.0
    assert (exported / "videos/observation.images.goal").is_dir()


def test_robots_with_other_cameras_are_not_mixed(bags: Path, tmp_path: Path) -> None:
    both = ["export", "lerobot", str(bags), "--out", str(tmp_path / "out")]
    failed = CliRunner().invoke(app, both)
    assert failed.exit_code and "choose a --task" in str(failed.exception)
    both[-1] = str(tmp_path / "looks")
    assert CliRunner().invoke(app, [*both, "--task", "ar"]).exit_code == 0


def test_what_the_recording_does_not_hold_whole_is_named_and_left_out(tmp_path: Path) -> None:
    recording(tmp_path / "bag", IGNAV[:1], lose=[1])
    arguments = ["export", "lerobot", str(tmp_path / "bag"), "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(app, arguments)
    assert "val_001 is left out" in said.output and "no whole episode" in str(said.exception)
