"""What is trained on: windows that keep time with their actions, of scenes to train on."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import video_lessons as lessons

from wiw_core.action_api import prompt
from wiw_core.action_api.lowlevel import IDS, cumulative_ids
from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Plan, navigation_plan
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack
from wiw_wm_node.video.training import clips as parts
from wiw_wm_node.video.training.walks import clips_of

SIZE = (16, 32)


@pytest.fixture(scope="module")
def walks(tmp_path_factory) -> Dataset:
    """Three winding walks of 10 actions, that of scene 9 held out; each picture has its number."""
    folder = tmp_path_factory.mktemp("numbered")
    shards = []
    for scene in (7, 8, 9):
        actions = np.random.default_rng(scene).integers(0, 3, 10).astype(np.int8)
        levels = (np.arange(11) * 20 + scene).astype(np.uint8)[:, None, None, None]
        views = np.broadcast_to(levels, (11, *SIZE, 3)).copy()
        views[:, :, 0] = 255  # the left edge
        data = pack({"panorama": views, "front": views[:, :, ::2], "action": actions})
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "walk", "", scene, 10))
    manifest = Manifest("navigation", "train", lessons.ACTIONS, tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return Dataset.open(folder)


def test_frame_k_of_a_clip_is_what_was_seen_after_action_k(walks):
    clips = clips_of(walks, 5, SIZE, "panorama", judged=False)
    assert len(clips) == 2 * 7
    for index in (0, 3, 6, 13):
        clip = clips[index]
        start = index % 7
        levels = clip.frames[:, 5, 5, 0].astype(int)
        assert levels.tolist() == [(start + k) * 20 + clip.scene for k in range(5)]
        walk = walks.trajectory(index // 7)
        names = [lessons.ACTIONS[k] for k in walk["action"][start : start + 4]]
        assert np.array_equal(clip.control, cumulative_ids(navigation_plan(names), 5))
        assert clip.caption == prompt(navigation_plan(names))
        signs = {"forward": 0, "turn_left": 1, "turn_right": -1}
        assert clip.turns.tolist() == [0, *(signs[name] for name in names)]


def test_clips_to_train_on_and_clips_to_judge_by_share_no_scene(walks):
    train, judged = (clips_of(walks, 4, SIZE, "panorama", judged=part) for part in (False, True))
    assert {train[k].scene for k in range(len(train))} == {7, 8}
    assert {judged[k].scene for k in range(len(judged))} == {9}


def test_the_front_view_is_another_choice(walks):
    clip = clips_of(walks, 4, (16, 16), "front", judged=False)[0]
    assert clip.frames.shape == (4, 16, 16, 3)


def test_a_mirrored_clip_shows_right_for_left_and_says_so(walks):
    clip = clips_of(walks, 6, SIZE, "panorama", judged=False)[2]
    other = parts.mirror(clip)
    assert (clip.frames[:, :, 0] == 255).all() and (other.frames[:, :, -1] == 255).all()
    swapped = {IDS["turn_left"]: IDS["turn_right"], IDS["turn_right"]: IDS["turn_left"]}
    expected = [[swapped.get(int(v), int(v)) for v in row] for row in clip.control]
    assert other.control.tolist() == expected and other.turns.tolist() == (-clip.turns).tolist()
    assert other.caption == clip.caption.replace("left", "~").replace("right", "left").replace(
        "~", "right"
    )
    again = parts.mirror(other)
    assert np.array_equal(again.frames, clip.frames) and again.caption == clip.caption


def test_half_of_the_samples_to_train_on_are_mirrored_and_none_to_judge_by(walks):
    def left(sample) -> bool:
        return bool((sample["frames"][:, :, :, 0] == 255).all())

    train = parts.ClipSamples(clips_of(walks, 4, SIZE, "panorama", judged=False), augmented=True)
    plain = [left(train.sample(3, np.random.default_rng(k))) for k in range(60)]
    assert 15 < sum(plain) < 45
    judged = parts.ClipSamples(clips_of(walks, 4, SIZE, "panorama", judged=True), augmented=False)
    assert all(left(judged.sample(3, np.random.default_rng(k))) for k in range(10))


def test_captions_come_back_from_a_batch_and_none_is_cut(walks):
    samples = parts.ClipSamples(clips_of(walks, 4, SIZE, "panorama", judged=True), augmented=False)
    rows = [samples.sample(k, np.random.default_rng(0)) for k in (0, 1)]
    assert rows[0]["frames"].shape == (4, 3, *SIZE) and rows[0]["frames"].dtype == np.uint8
    texts = parts.captions(np.stack([row["caption"] for row in rows]))
    assert texts == [samples.clips[k].caption for k in (0, 1)]
    long = parts.Clip(0, samples.clips[0].frames, np.zeros((4, 4)), np.zeros(4, int), "é" * 600)
    with pytest.raises(WiwError) as caught:
        parts.arrays(long)
    assert caught.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    ("frames", "size", "view", "words"),
    [
        (40, SIZE, "panorama", "no training clip of 40"),
        (4, (16, 24), "panorama", "24 pixels wide"),
        (4, SIZE, "wrist", "view 'wrist'"),
    ],
)
def test_clips_that_a_dataset_does_not_have_are_refused(walks, frames, size, view, words):
    with pytest.raises(WiwError, match=words) as caught:
        clips_of(walks, frames, size, view, judged=False)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_an_arm_that_has_finished_rests_until_the_clip_ends(tmp_path):
    poses = np.array([[0.1 * k, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0] for k in range(4)])
    views = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    data = pack({"front": views, "tool_pose": poses, "gripper": np.array([1.0, 1.0, 0.0, 0.0])})
    (tmp_path / "a.npz").write_bytes(data)
    shard = Shard("a.npz", hashlib.sha256(data).hexdigest(), 3, "push", "push the red button", 0, 3)
    (tmp_path / MANIFEST).write_text(
        Manifest("arm", "train", ("tool_pose",), (shard,), {}).to_json()
    )
    clips = clips_of(Dataset.open(tmp_path), 5, (16, 16), "front", judged=False)
    assert len(clips) == 3
    clip = clips[1]
    assert clip.frames[:, 0, 0, 0].tolist() == [1, 2, 3, 3, 3]
    positions = (clip.control[:, 0] / (2 * np.pi) + 1) / 2 - 0.3
    assert positions == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3], abs=1e-6)
    assert np.sign(clip.control[:, 9]).tolist() == [1, -1, -1, -1, -1]
    assert clip.caption == prompt(
        Plan((tool_pose(Pose3(0, 0, 1, 0, 1, 0, 0), True),), "push the red button")
    )
    assert (
        not parts.ClipSamples(clips, augmented=True)
        .sample(0, np.random.default_rng(0))["turns"]
        .any()
    )
