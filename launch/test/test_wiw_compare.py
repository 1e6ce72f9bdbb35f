"""``wiw compare``: pairs, tests and intervals by hand, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from wiw import comparison
from wiw.study import Settings, Study
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder

SETTINGS = Settings(("ignav", "ar"), ("none", "copy"), episodes=12, environment="fake")
SERVES = {"none": "", "copy": ""}
IDS = [f"e{i:02d}" for i in range(12)]
WON, LOST, FAULT = EpisodeStatus.SUCCESS, EpisodeStatus.FAILURE, EpisodeStatus.ABORTED_FAULT


def made(folder: Path, outcomes: dict[str, str], settings: Settings = SETTINGS, **more) -> Study:
    """Make a study; ``outcomes`` by ``task/row``: a letter per episode, w(on), l(ost), f(ault)."""
    study = Study.open(folder, settings)
    for task in settings.tasks:
        study.set_grid(task, IDS, SERVES)
    for name, letters in outcomes.items():
        task, row = name.split("/")
        recorder = JsonlRecorder(folder / task / row)
        for episode_id, letter in zip(IDS, letters):
            status = {"w": WON, "l": LOST, "f": FAULT}[letter]
            code = ErrorCode.WM_DIED if status is FAULT else ErrorCode.OK
            episode = Episode(task, episode_id, more.get("episode_seed", 0), "room", "val", 20)
            recorder.begin(episode, Observation(episode_id, 0, ()))
            recorder.end(
                EpisodeResult(
                    task,
                    episode_id,
                    0,
                    status,
                    status is WON,
                    code,
                    actions=10 if row == "none" else 8,
                    score=more.get("score", {}).get(letter, math.nan),
                )
            )
    study.close()
    return study


def test_a_real_difference_is_called_real_with_its_counts_and_its_exact_p(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "w" * 10 + "lw", "ignav/none": "l" * 10 + "wl"})
    (found,) = comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "s/ignav/none")
    assert (found.only_a, found.only_b, found.both, found.neither) == (11, 1, 0, 0)
    assert found.p == pytest.approx(2 * 13 / 2**12)  # 12 discordant pairs: 2 (C(12,0) + C(12,1))
    assert found.lines[0].difference.estimate == pytest.approx(10 / 12)
    assert "copy is better than none, and it is real" in found.sentence
    actions = next(line for line in found.lines if line.name == "actions")
    assert (actions.a, actions.b, actions.difference.estimate) == (8, 10, -2)


def test_the_other_way_round_is_worse_by_as_much(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "w" * 12, "ignav/none": "l" * 12})
    (found,) = comparison.compare(tmp_path / "s/ignav/none", tmp_path / "s/ignav/copy")
    assert found.lines[0].difference.estimate == -1 and "none is worse than copy" in found.sentence


def test_a_tie_and_a_small_difference_cannot_be_told(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "wl" * 6, "ignav/none": "wl" * 6})
    (tie,) = comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "s/ignav/none")
    assert tie.p == 1.0 and "cannot be told from" in tie.sentence
    made(tmp_path / "t", {"ignav/copy": "www" + "l" * 9, "ignav/none": "l" * 12})
    (small,) = comparison.compare(tmp_path / "t/ignav/copy", tmp_path / "t/ignav/none")
    assert small.p == pytest.approx(0.25) and "cannot be told from" in small.sentence


def test_faults_of_either_side_leave_the_pair_and_are_counted_by_code(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "fwwwwwwwwwww", "ignav/none": "lfllllllllll"})
    (found,) = comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "s/ignav/none")
    assert found.pairs == 10 == found.only_a
    assert found.a.faults == found.b.faults == {"2001 WM_DIED": 1}


def test_nothing_but_faults_says_nothing(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "f" * 12, "ignav/none": "w" * 12})
    (found,) = comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "s/ignav/none")
    assert math.isnan(found.p) and "nothing can be said" in found.sentence
    assert comparison.rich_table(found).row_count


def test_scores_are_compared_by_their_own_test(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "metric_of", lambda task: "score")
    made(
        tmp_path / "s",
        {"ignav/copy": "w" * 12, "ignav/none": "l" * 12},
        score={"w": 75.0, "l": 25.0},
    )
    (found,) = comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "s/ignav/none")
    assert found.lines[0].name == "answer score"
    assert found.lines[0].difference.estimate == 50.0
    assert 0 < found.p < 0.01 and "answer score +50.0" in found.sentence


def test_two_studies_are_compared_row_by_row_with_adjusted_p(tmp_path):
    good, bad = "w" * 6 + "l" * 6, "l" * 12
    rows = ("ignav/none", "ignav/copy", "ar/none", "ar/copy")
    made(tmp_path / "new", dict.fromkeys(rows, good))
    made(tmp_path / "old", dict.fromkeys(rows, bad))
    found = comparison.compare(tmp_path / "new", tmp_path / "old")
    assert len(found) == 4
    assert all(c.p == pytest.approx(2 / 2**6) for c in found)
    assert all(c.adjusted == pytest.approx(4 * 2 / 2**6) for c in found)  # Holm: 4 x 0.031
    assert all("cannot be told" in c.sentence for c in found)
    assert "new/none" in found[0].sentence and "old/none" in found[0].sentence


@pytest.mark.parametrize(
    ("change", "near"),
    [({"seed": 1}, "seed"), ({"split": "train"}, "split"), ({"environment": "mujoco"}, "environ")],
)
def test_other_settings_make_no_pairs(tmp_path, change, near):
    made(tmp_path / "s", {"ignav/copy": "w" * 12})
    made(tmp_path / "t", {"ignav/copy": "w" * 12}, replace(SETTINGS, **change))
    with pytest.raises(WiwError, match=near) as caught:
        comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "t/ignav/copy")
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_a_robot_is_compared_with_the_simulator_it_is_built_on_if_one_asks_for_it(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "w" * 12})
    made(tmp_path / "t", {"ignav/copy": "w" * 12}, replace(SETTINGS, environment="mujoco"))
    found = comparison.compare(tmp_path / "s", tmp_path / "t", across=True)
    assert [c.both for c in found] == [12]


def test_other_episodes_of_the_same_name_make_no_pairs(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "w" * 12})
    made(tmp_path / "t", {"ignav/copy": "w" * 12}, episode_seed=7)
    with pytest.raises(WiwError) as caught:
        comparison.compare(tmp_path / "s/ignav/copy", tmp_path / "t/ignav/copy")
    assert caught.value.code is ErrorCode.ENVIRONMENT_MISMATCH


def test_what_is_no_pair_is_refused_in_words(tmp_path):
    made(tmp_path / "s", {"ignav/copy": "w" * 12, "ar/copy": "w" * 12})
    for a, b, near in (
        ("s/ignav/copy", "s/ar/copy", "the task of"),
        ("s", "s/ar/copy", "nor both studies"),
        ("s", "s", "no two rows"),
        ("s/ignav/copy", "s/ignav/warp", "has no row 'ignav/warp'"),
        ("s/ignav/copy", "elsewhere/x/y", "no study"),
    ):
        with pytest.raises(WiwError, match=near):
            comparison.compare(tmp_path / a, tmp_path / b)
