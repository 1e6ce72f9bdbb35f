"""The paper's episode files are read as they are; what they ask is judged as the paper does."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from habitat_tools import (
    CHAIR,
    FAKES,
    GOAL,
    SMALL,
    START,
    aeqa_row,
    ar_row,
    dataset,
    goal_images,
    gzipped,
    ignav_row,
    turned,
)

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_core.tasks.ar import FIRST_TARGET_BOX, TARGET_BOX
from wiw_core.tasks.ignav import ORACLE_STOP
from wiw_env_bridge.habitat.episodes import LABELS, read_aeqa, read_ar, read_ignav
from wiw_env_bridge.habitat.plugin import PYTHON_VARIABLE, HabitatEnvironment, missing
from wiw_env_bridge.habitat.scenes import find_configuration, find_scene


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HabitatEnvironment]:
    folder = tmp_path_factory.mktemp("habitat")
    parameters = dataset(folder)
    rolls = np.zeros((64, 128, 3), np.uint8)
    rolls[:, :, 0] = np.arange(128) * 2  # every column another red
    zipped = goal_images(folder / "goals.zip", rolls, ["images/hall_0.png"])
    environment = HabitatEnvironment(path=(str(FAKES),), ignav_images=str(zipped), **parameters)
    yield environment
    environment.close()


def test_each_file_is_read_as_it_is_published(tmp_path: Path) -> None:
    rows = [ar_row(3), ar_row(4, scene_id="mp3d/hall/hall.glb", difficulty=0)]
    first, second = read_ar(gzipped(tmp_path / "a.json.gz", {"episodes": rows}))
    assert (first.id, first.target, first.label, first.difficulty) == (
        "hall_3",
        CHAIR,
        "chair",
        "hard",
    )
    assert (second.id, second.difficulty) == ("hall_4", "easy")
    assert first.start.rotation == pytest.approx(tuple(turned(-50.0)))
    assert first.seed != second.seed

    (goal,) = read_ignav(gzipped(tmp_path / "i.json.gz", {"data": [ignav_row(2)]}))
    assert goal.goal is not None
    assert (goal.id, goal.radius_m, goal.steps) == ("hall_2", 0.5, 30)
    assert goal.goal.position == tuple(GOAL) and goal.start.position == tuple(START)
    assert goal.start.pose.yaw_rad == pytest.approx(math.pi / 2)

    lengths = tmp_path / "l.json"
    lengths.write_text(json.dumps({"q/5": 7.5}))
    asked, other = read_aeqa(gzipped(tmp_path / "q.json.gz", [aeqa_row(5), aeqa_row(6)]), lengths)
    assert (asked.id, asked.question) == ("q-5", "What colour is the chair?")
    assert asked.answers == ("red", "dark red")
    assert asked.reference_m == 7.5 and math.isnan(other.reference_m)


def test_a_folder_of_files_is_read_in_order(tmp_path: Path) -> None:
    for name, number in (("b.json.gz", 1), ("a.json.gz", 0)):
        gzipped(tmp_path / "AR" / name, {"episodes": [ar_row(number)]})
    assert [record.id for record in read_ar(tmp_path / "AR")] == ["hall_0", "hall_1"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"start_rotation": [0.5, 0.5, 0.5, 0.6]}, "unit quaternion"),
        ({"start_rotation": [1.0, 0.0, 0.0]}, "unit quaternion"),
        ({"start_position": [1.0, float("nan"), 0.0]}, "not finite"),
        ({"start_position": [1.0, 2.0]}, "bad episode"),
        ({"target_categrory": "spaceship"}, "spaceship"),
        ({"difficulty": 7}, "bad episode"),
        ({"target_id": "seven"}, "bad episode"),
        ({"start_position": None}, "bad episode"),
    ],
)
def test_a_bad_episode_is_refused_with_its_number(
    tmp_path: Path, row: dict[str, Any], words: str
) -> None:
    path = gzipped(tmp_path / "a.json.gz", {"episodes": [ar_row(0), ar_row(1, **row)]})
    with pytest.raises(WiwError, match=words) as caught:
        read_ar(path)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT
    assert "number 1" in str(caught.value)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    row = ignav_row()
    del row["goal_position"]
    with pytest.raises(WiwError, match="goal_position"):
        read_ignav(gzipped(tmp_path / "i.json.gz", {"data": [row]}))


def test_two_episodes_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match="two episodes 'hall_0'"):
        read_ar(gzipped(tmp_path / "a.json.gz", {"episodes": [ar_row(), ar_row()]}))


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"{"), gzip.compress(b"3")])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(content)
    with pytest.raises(WiwError) as caught:
        read_ar(path)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_a_file_that_is_not_there_is_a_parameter_to_mend(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match=r"habitat\.md") as caught:
        read_aeqa(tmp_path / "none.json.gz")
    assert caught.value.code is ErrorCode.BAD_PARAMETER


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hall", "mp3d/hall/hall.glb"),
        ("mp3d/hall/hall.glb", "mp3d/hall/hall.glb"),
        ("data/scene_datasets/mp3d/hall/hall.glb", "mp3d/hall/hall.glb"),
        ("00800-hall/hall.basis.glb", "hm3d/val/00800-hall/hall.basis.glb"),
        ("val/00800-hall/hall.basis.glb", "hm3d/val/00800-hall/hall.basis.glb"),
        (
            "data/scene_datasets/hm3d/val/00800-hall/hall.basis.glb",
            "hm3d/val/00800-hall/hall.basis.glb",
        ),
    ],
)
def test_a_scene_is_found_under_each_name_that_the_files_have(
    tmp_path: Path, name: str, found: str
) -> None:
    root = Path(dataset(tmp_path)["scenes"])
    assert find_scene(root, name) == root / found
    assert find_scene(root, str(root / found)) == root / found


def test_a_scene_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match=r"mp3d/nowhere/nowhere\.glb") as caught:
        find_scene(tmp_path, "nowhere")
    assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED


def test_the_configuration_of_the_scenes_dataset_is_found(tmp_path: Path) -> None:
    scene = tmp_path / "hm3d" / "val" / "x" / "x.basis.glb"
    assert find_configuration(tmp_path, scene) == ""
    plain = tmp_path / "hm3d" / "hm3d_basis.scene_dataset_config.json"
    plain.parent.mkdir(parents=True)
    plain.touch()
    assert find_configuration(tmp_path, scene) == str(plain)
    annotated = plain.with_name("hm3d_annotated_basis.scene_dataset_config.json")
    annotated.touch()
    assert find_configuration(tmp_path, scene) == str(annotated), "the one with objects first"


def begin(world: HabitatEnvironment, task: str, index: int = 0) -> Any:
    return world.reset(task, world.episode_ids(task)[index])


def test_recognition_shows_the_box_and_asks_for_one_of_27_names(world: HabitatEnvironment) -> None:
    episode, seen, done = begin(world, "ar")
    assert len(LABELS) == len(set(LABELS)) == 27
    assert episode.labels == LABELS and not done
    assert (episode.privileges, episode.difficulty) == ((TARGET_BOX,), "hard")
    x0, y0, x1, y1 = seen.view("front").target_box
    assert 0 <= x0 < x1 <= 32 and 0 <= y0 < y1 <= 32
    red = seen.view("front").rgb[(y0 + y1) // 2, (x0 + x1) // 2]
    assert red[0] > 2 * red[1], "the chair is in the box"
    assert seen.view("panorama").target_box is not None
    assert world.value() > 0.005, "the share of the panorama that shows it"
    assert world.finish(1, answer="chair", confidence=0.9).status is EpisodeStatus.SUCCESS
    begin(world, "ar")
    wrong = world.finish(1, answer="sofa")
    assert (wrong.success, wrong.status) == (False, EpisodeStatus.FAILURE)
    assert math.isnan(wrong.shortest_m) and math.isnan(wrong.final_distance_m)


def test_the_box_is_shown_once_where_the_task_says_so(world: HabitatEnvironment) -> None:
    episode, seen, _ = begin(world, "ar_unboxed")
    assert episode.privileges == (FIRST_TARGET_BOX,)
    assert seen.view("front").target_box is not None
    (step,) = world.act(navigation_plan(["turn_left"]))
    assert all(view.target_box is None for view in step.observation.views)


def test_the_goal_image_is_the_front_of_the_published_panorama(world: HabitatEnvironment) -> None:
    episode, _, _ = begin(world, "ignav")
    assert episode.privileges == (ORACLE_STOP,)
    goal = episode.goal_view
    assert goal.rgb.shape == (32, 32, 3)
    middle = goal.rgb[16, :, 0].astype(int)
    assert (np.diff(middle) >= 0).all(), "columns go on to the right"
    assert middle[15:17].mean() == pytest.approx(127, abs=3), "the middle looks ahead"
    assert middle[0] == pytest.approx(97, abs=3) and middle[-1] == pytest.approx(158, abs=3)
    with pytest.raises(WiwError, match=r"hall_1\.png") as caught:
        begin(world, "ignav", 1)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_the_oracle_stop_ends_the_episode_and_without_it_nothing_does(
    world: HabitatEnvironment,
) -> None:
    for task in ("ignav", "ignav_self_stop"):
        _, _, done = begin(world, task)
        walked = 0
        while not done and (plan := world.advise(3)).actions:
            for step in world.act(plan, observe=False):
                done, walked = step.done, walked + 1
        assert done == (task == "ignav")
        result = world.finish(5)
        assert result.success and result.actions == walked
        assert result.shortest_actions == 30 and result.final_distance_m <= 0.5
        assert result.path_m >= result.shortest_m - 0.7


def test_a_walk_that_ends_too_early_is_told_apart_from_one_out_of_time(
    world: HabitatEnvironment,
) -> None:
    for decisions, status in ((3, EpisodeStatus.FAILURE), (20, EpisodeStatus.TRUNCATED)):
        begin(world, "ignav")
        assert world.finish(decisions).status is status


def test_a_question_is_judged_by_its_answers(world: HabitatEnvironment) -> None:
    for answer, score in (("red", 100.0), ("dark red", 100.0), ("blue", 0.0), ("", 0.0)):
        episode, seen, _ = begin(world, "aeqa")
        assert episode.goal_text == "What colour is the chair?"
        assert [view.name for view in seen.views] == ["panorama"]
        result = world.finish(2, answer=answer)
        assert result.score == score
        assert result.success == (score == 100.0)
        assert result.shortest_m == 12.5
    begin(world, "aeqa", 1)
    assert math.isnan(world.finish(1, answer="red").shortest_m)


def test_a_question_ends_after_the_papers_250_primitives(world: HabitatEnvironment) -> None:
    begin(world, "aeqa")
    turns = list(world.act(navigation_plan(["turn_left"] * 249), observe=False))
    assert len(turns) == 249 and not turns[-1].done
    (last,) = world.act(navigation_plan(["turn_left"]))
    assert last.done and last.observation.step == 250
    assert world.finish(20).status is EpisodeStatus.TRUNCATED


def test_a_start_off_the_mesh_says_that_the_scene_is_another(tmp_path: Path) -> None:
    parameters = dataset(tmp_path)
    inside_the_sofa = ar_row(0, start_position=[1.0, 0.0, 0.5])
    gzipped(tmp_path / "AR" / "episodes_AR.json.gz", {"episodes": [inside_the_sofa]})
    environment = HabitatEnvironment(
        path=(str(FAKES),), scenes=parameters["scenes"], ar=parameters["ar"], **SMALL
    )
    try:
        assert environment.tasks() == ("ar", "ar_unboxed")
        with pytest.raises(WiwError, match="Nobody can stand") as caught:
            begin(environment, "ar")
        assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED
    finally:
        environment.close()


def test_relative_paths_mean_the_same_to_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = dataset(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("scenes", "ar", "ignav", "aeqa", "aeqa_lengths"):
        parameters[name] = os.path.relpath(parameters[name], tmp_path)
    environment = HabitatEnvironment(path=(os.path.relpath(FAKES, tmp_path),), **parameters)
    try:
        begin(environment, "ignav")
    finally:
        environment.close()


def test_without_habitat_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    assert "docs/habitat.md" in missing()
    monkeypatch.setenv(PYTHON_VARIABLE, "/no/such/python")
    assert "names no file" in HabitatEnvironment.sheet.missing()
    monkeypatch.delenv(PYTHON_VARIABLE)
    with pytest.raises(WiwError, match="habitat_sim") as caught:
        HabitatEnvironment(ar="x")
    assert caught.value.code is ErrorCode.INTERFACE_MISSING


def test_without_episodes_there_is_nothing_to_do() -> None:
    with pytest.raises(WiwError, match="no episodes") as caught:
        HabitatEnvironment(path=(str(FAKES),))
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    with pytest.raises(WiwError, match="cannot be drawn"):
        HabitatEnvironment(path=(str(FAKES),), scene="x", drawn=0)
