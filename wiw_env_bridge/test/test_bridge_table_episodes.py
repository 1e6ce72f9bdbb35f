"""The episode files of the table: complete, in reach, checked by hash, and made again alike."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.mujoco.apartment import scene_split
from wiw_env_bridge.tabletop import generate as table_generator
from wiw_env_bridge.tabletop.episodes import FILES, TableRecord, format_text, load, parse
from wiw_env_bridge.tabletop.kinematics import Kinematics
from wiw_env_bridge.tabletop.tasks import TASKS

COUNTS = {"val": 50, "train": 100}


def text_of_two_tables():
    records = [TableRecord("stack_cups", f"cups-{k}", "val", k, 3, 7, "hard") for k in (0, 1)]
    return format_text("stack_cups", 1, records), tuple(records)


@pytest.mark.parametrize("task", FILES)
def test_every_split_is_complete_and_val_comes_first(task):
    episodes = load(task)
    assert [e.split for e in episodes] == ["val"] * COUNTS["val"] + ["train"] * COUNTS["train"]
    assert len({e.id for e in episodes}) == len(episodes)


@pytest.mark.parametrize("task", FILES)
def test_no_layout_is_in_two_episodes_or_in_both_splits(task):
    episodes = load(task)
    assert len({e.scene for e in episodes}) == len(episodes)
    assert all(scene_split(e.scene) == e.split for e in episodes)


@pytest.mark.parametrize("task", FILES)
def test_val_has_every_variation_about_equally_often(task):
    counts = Counter(e.variation for e in load(task) if e.split == "val")
    assert len(counts) == TASKS[task].variations
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("task", FILES)
@pytest.mark.parametrize("split", COUNTS)
def test_difficulties_are_thirds_by_effort(task, split):
    efforts = {d: [] for d in ("easy", "medium", "hard")}
    for episode in load(task):
        if episode.split == split:
            efforts[episode.difficulty].append(episode.layout().effort)
    sizes = [len(values) for values in efforts.values()]
    assert max(sizes) - min(sizes) <= 1
    assert max(efforts["easy"]) <= min(efforts["medium"])
    assert max(efforts["medium"]) <= min(efforts["hard"])


@pytest.mark.parametrize("task", FILES)
def test_a_sample_of_layouts_is_within_reach(task):
    arm = Kinematics()
    assert all(table_generator.in_reach(arm, e.layout()) for e in load(task)[::25])


def test_a_layout_out_of_reach_is_noticed():
    class Far:
        reach = ((0.2, 0.0, 0.8), (0.68, 0.48, 0.76))

    assert not table_generator.in_reach(Kinematics(), Far())


@pytest.mark.parametrize("task", FILES)
def test_generation_gives_the_shipped_table_episodes(task, monkeypatch):
    few = {split: (seeds, 2) for split, (seeds, _) in table_generator.SPLITS.items()}
    monkeypatch.setattr(table_generator, "SPLITS", few)

    def strip(record):
        return (record.id, record.scene, record.variation, record.seed)

    shipped = {strip(e) for e in load(task)}
    assert {strip(e) for e in table_generator.generate(task)} <= shipped


def test_table_episodes_that_are_written_are_read_back():
    text, records = text_of_two_tables()
    assert parse(text) == records


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"scene": 1', '"scene": 2'),
        ('"difficulty": "hard"', '"difficulty": "easy"'),
        ('"count": 2', '"count": 3'),
        ('"schema": "wiw-episodes"', '"schema": "other"'),
    ],
)
def test_a_table_file_that_was_changed_is_refused(old, new):
    text, _ = text_of_two_tables()
    assert old in text
    with pytest.raises(WiwError) as caught:
        parse(text.replace(old, new))
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_a_table_file_with_a_field_too_many_is_refused():
    from wiw_env_bridge.episodes.files import write_rows

    with pytest.raises(WiwError) as caught:
        parse(write_rows("stack_cups", 1, "1", [{"id": "a", "colour": "red"}]))
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_table_episodes_of_an_unknown_task_are_refused():
    with pytest.raises(WiwError) as caught:
        load("push_button")
    assert caught.value.code is ErrorCode.UNKNOWN_TASK
    assert "push_buttons" in str(caught.value)


def test_episode_seeds_differ():
    seeds = [e.seed for task in FILES for e in load(task)]
    assert len(np.unique(seeds[:150])) == 150
