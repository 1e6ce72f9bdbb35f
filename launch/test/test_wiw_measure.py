"""``wiw measure``: numbers, sentences and a page, of models at the size of the data's pictures."""

import hashlib
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from wiw.arms import parse
from wiw.cli import app
from wiw.measuring import subjects, tables
from wiw_core.cameras.panorama import rays
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes import room
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION, camera_path, navigation_plan
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack
from wiw_learn.measure import Report, Row, Settings
from wiw_learn.measure.cases import Scores
from wiw_learn.training.config import config_names, load_config

HEIGHT, WIDTH = 48, 96
ACTIONS = tuple(NAVIGATION)
WALK = ("forward", "turn_left", "forward", "forward", "turn_right", "forward", "turn_left")


def trajectory(start: Pose2):
    poses = camera_path(navigation_plan(WALK))
    looks = [room.trace(rays(HEIGHT, WIDTH), start * pose) for pose in poses]
    return {
        "panorama": np.stack([rgb for rgb, _, _ in looks]),
        "depth": np.stack([depth for _, depth, _ in looks]).astype(np.float16),
        "pose": np.array([(p.x_m, p.y_m, p.yaw_rad) for p in poses]),
        "action": np.array([ACTIONS.index(name) for name in WALK], np.int8),
        "collided": np.zeros(len(WALK), bool),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("walks")
    shards = []
    for k, scene in enumerate((3009, 3019)):
        data = pack(trajectory(Pose2(-0.5, -0.3 * k, 0.2)))
        (out / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "random_walk", "", 0, len(WALK)))
    manifest = Manifest("navigation", "train", ACTIONS, tuple(shards), {})
    (out / MANIFEST).write_text(manifest.to_json())
    return out


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    few = ["--cases", "6", "--horizon", "3", "--plans", "3", "--films", "1"]
    arguments = ["measure", "rotate", "half=rotate:height=24,width=48", "--data", str(folder)]
    done = CliRunner().invoke(app, [*arguments, *few, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out, done.output


def test_the_terminal_shows_numbers_and_sentences(page):
    _, said = page
    for words in ("action choice", "PSNR, dB", "unavailable", "Paired differences", "Page:"):
        assert words in said
    assert "'rotate' " in said and "'copy'" in said
    assert "n / scenes" in said and "6 / 2" in said


def test_the_page_is_whole_by_itself(page):
    out, _ = page
    html = (out / "measure.html").read_text("utf-8")
    assert "<svg" in html and "data:image/jpeg;base64," in html
    assert "<script" not in html and 'src="http' not in html
    for words in ("Imagined and real", "rotate, shuffled", "half", "executed plan", "LPIPS"):
        assert words in html


def test_the_numbers_are_beside_the_page(page):
    out, _ = page
    content = json.loads((out / "measure.json").read_text("utf-8"))
    assert set(content["rows"]) == {
        "rotate",
        "half",
        "copy",
        "rotate, shuffled",
        "half, shuffled",
    }
    assert content["facts"]["picture_size"] == "48 x 96"
    assert content["facts"]["models"]["half"] == "rotate: height 24, width 48"
    assert content["rows"]["copy"]["metrics"]["action_choice"]["estimate"] == pytest.approx(1 / 3)


def test_models_imagine_at_the_size_of_the_data_unless_told_otherwise(folder):
    data = Dataset.open(folder)
    assert subjects.picture_size(data) == (HEIGHT, WIDTH)
    info = subjects.make_subject(parse("rotate"), data).info
    assert (info.height, info.width) == (HEIGHT, WIDTH)
    told = subjects.make_subject(parse("big=rotate:height=96,width=192"), data).info
    assert (told.height, told.width) == (96, 192)


@pytest.mark.parametrize("kind", subjects.OWN)
def test_the_scenes_to_measure_on_are_train_scenes_that_no_shipped_config_trains_on(kind):
    from wiw_env_bridge.collect.settings import FIRST_SCENE, MOST_SCENES, Settings

    own = Settings.read({"kind": kind, "first_scene": subjects.FIRST_SCENE, **subjects.OWN[kind]})
    trained = 0
    for name in config_names():
        data = load_config(name).data_settings
        first, scenes = data.get("first_scene", FIRST_SCENE), data.get("scenes", MOST_SCENES)
        trained = max(trained, first + scenes)
    assert trained <= min(own.seeds())


@pytest.mark.parametrize(("name", "words"), [("oracle", "simulator"), ("none", "nothing")])
def test_what_is_no_model_of_its_own_is_refused_with_the_reason(folder, name, words):
    with pytest.raises(WiwError, match=words) as caught:
        subjects.make_subject(parse(name), Dataset.open(folder))
    assert caught.value.code == ErrorCode.BAD_PARAMETER


def test_the_controls_of_a_model_are_not_measured_twice(page):
    out, _ = page
    rows = json.loads((out / "measure.json").read_text("utf-8"))["rows"]
    assert rows["rotate"]["control"] == "" and rows["copy"]["control"]


def test_two_models_of_one_name_are_refused(folder):
    done = CliRunner().invoke(app, ["measure", "copy", "copy", "--data", str(folder)])
    assert isinstance(done.exception, WiwError) and "twice" in str(done.exception)


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (1.0, 0.0, "follows the actions better than"),
        (0.0, 1.0, "follows the actions worse than"),
        (0.5, 0.5, "is not shown to follow the actions better than"),
    ],
)
def test_a_sentence_is_chosen_by_the_interval(mine, theirs, words):
    rows = {"m": Row("m"), "c": Row("c", "there to be beaten")}
    for row, value in zip(rows.values(), (mine, theirs), strict=True):
        row.scenes = [1, 2, 3]
        row.scores = [Scores({"action_choice": value}) for _ in range(3)]
    report = Report(Settings(), "navigation", ("action_choice",), {}, rows, {})
    (sentence,) = tables.sentences(report)
    assert f"'m' {words} 'c'" in sentence and "3 cases of 3 scenes" in sentence
