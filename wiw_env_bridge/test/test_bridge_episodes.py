"""Episode files: complete, checked against their hash, and the same whenever they are generated."""

from __future__ import annotations

import json
import math

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.episodes import (
    FILES,
    EpisodeRecord,
    format_episodes,
    load_episodes,
    parse_episodes,
)
from wiw_env_bridge.episodes import generate as generator
from wiw_env_bridge.mujoco.apartment import lay_out, scene_split
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import LABELS

COUNTS = {
    ("aeqa", "val"): 144,
    ("aeqa", "train"): 102,
    ("ignav", "val"): 240,
    ("ignav", "train"): 32,
    ("ar", "val"): 240,
    ("ar", "train"): 200,
}


def text_of_two():
    start, goal = Pose2(1.0, 2.0, 0.5), Pose2(2.0, 2.0, 0.0)
    records = [
        EpisodeRecord("ignav", f"ignav-val-00{k}", "val", k, 7, start, goal, 1.0, 4) for k in (0, 1)
    ]
    return format_episodes("ignav", 1, "1", records), tuple(records)


@pytest.mark.parametrize(("task", "split"), COUNTS)
def test_there_are_as_many_episodes_as_the_protocol_has(task, split):
    records = [r for r in load_episodes(task) if r.split == split]
    assert len(records) == COUNTS[task, split]
    assert len({r.id for r in records}) == len(records)


@pytest.mark.parametrize("task", FILES)
def test_every_episode_is_in_a_scene_of_its_own_split(task):
    assert all(scene_split(r.scene) == r.split for r in load_episodes(task))


@pytest.mark.parametrize("task", FILES)
def test_val_covers_many_apartments_and_each_of_the_first_twelve_is_new(task):
    scenes = [r.scene for r in load_episodes(task) if r.split == "val"]
    assert len(set(scenes)) >= 36
    assert len(set(scenes[:12])) == 12


@pytest.mark.parametrize("task", FILES)
def test_a_sample_of_episodes_fits_its_apartments(task):
    for record in load_episodes(task)[::24]:
        layout = lay_out(record.scene)
        assert layout.grid.is_free(record.start.x_m, record.start.y_m)
        if record.goal is not None:
            field = layout.grid.distances_to(record.goal.x_m, record.goal.y_m)
            metres = field.metres(record.start.x_m, record.start.y_m)
            assert metres == pytest.approx(record.shortest_m, abs=1e-3)
            assert 1.0 <= metres <= 4.0
            assert record.shortest_actions >= math.ceil((metres - 0.5) / 0.2 - 1e-9)
        elif record.target:
            target = layout.target(record.target)
            assert target is not None
            assert target.label == record.label in LABELS
            assert 0.8 <= record.start.distance_m(Pose2(target.x_m, target.y_m)) <= 3.5


def test_what_is_written_is_read_back():
    text, records = text_of_two()
    assert parse_episodes(text) == records


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"scene": 1', '"scene": 2'),
        ('"shortest_m": 1.0', '"shortest_m": 9.0'),
        ('"count": 2', '"count": 3'),
        ('"version": 2', '"version": 1'),
        ('"schema": "wiw-episodes"', '"schema": "other"'),
    ],
)
def test_a_file_that_was_changed_is_refused(old, new):
    text, _ = text_of_two()
    assert old in text
    with pytest.raises(WiwError) as caught:
        parse_episodes(text.replace(old, new))
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize("broken", ["", "{}", "not json\n", "[1]\n", text_of_two()[0][:-40]])
def test_a_broken_file_is_refused(broken):
    with pytest.raises(WiwError) as caught:
        parse_episodes(broken)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_an_unknown_task_is_refused_with_the_nearest_name():
    with pytest.raises(WiwError) as caught:
        load_episodes("ignaw")
    assert caught.value.code is ErrorCode.UNKNOWN_TASK
    assert "ignav" in str(caught.value)


@pytest.mark.parametrize("task", FILES)
def test_generation_gives_the_shipped_episodes(task, monkeypatch):
    monkeypatch.setitem(generator.COUNTS, task, {"val": (1, 1), "train": (1, 1)})
    renderer = Renderer(generator.PANORAMA_HW, front_size=128)
    try:
        made = generator.generate(task, renderer)
    finally:
        renderer.close()
    assert [r.split for r in made] == ["val", "train"]
    shipped = [json.dumps(vars(r), default=vars) for r in load_episodes(task)]
    assert all(json.dumps(vars(r), default=vars) in shipped for r in made)
