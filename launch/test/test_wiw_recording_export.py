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
from wiw_core.arm import tool_pose
from wiw_core.decisions import Decision, DecisionKind, EpisodeResult, EpisodeStatus
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Episode, Observation, View
from wiw_core.plans import Plan, camera_path
from wiw_ros import convert

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


def test_an_arm_s_frames_hold_its_tool_its_joints_and_the_pose_wanted_last() -> None:
    rgb = np.zeros((8, 8, 3), np.uint8)
    depth = np.full((8, 8), 1.25, np.float32)

    def seen(step: int, x_m: float) -> Observation:
        view = View("front", rgb, depth=depth)
        pose, joints = Pose3(x_m, 0.0, 1.0), (("panda_joint1", 0.1 * step),)
        return Observation("e", step, (view,), Pose2(), 5.0 + step, joints, pose, 1.0)

    above, on = (tool_pose(Pose3(0.2, 0.1, z), opened) for z, opened in ((1.1, True), (0.9, False)))
    plan = Plan((above, on))
    episode = Episode("push_buttons", "e", 1, "table", "val", 3, "push the red button")
    begun = convert.Begun(episode, seen(0, 0.0), 0, 1, "tabletop", {}, None, {})
    turn = convert.Turn("e", Decision(DecisionKind.ACT, plan, 2), plan, seen(2, 0.2))
    result = EpisodeResult("push_buttons", "e", 1, EpisodeStatus.SUCCESS, True, decisions=1)
    frames = read(RecordedEpisode("/planner", begun, 0.0, {0: turn}, {}, result))
    assert (frames.kind, frames.text) == ("arm", "push the red button")
    assert frames.rows["observation.state"][:, 0].tolist() == [0.0, np.float32(0.2)]
    np.testing.assert_allclose(frames.rows["action"][0], [0.2, 0.1, 0.9, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(frames.rows["action"][1], frames.rows["observation.state"][1])
    np.testing.assert_allclose(frames.rows["observation.joints"], [[0.0], [0.2]])
    assert frames.rows["observation.seconds"].tolist() == [0.0, 2.0]
    assert frames.rows["next.success"].tolist() == [False, True]
    assert frames.depth is not None and (frames.depth == 1250).all()


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
