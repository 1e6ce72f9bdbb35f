"""The rows of a table by hand: primary metric, pairing, pooling, levels, columns, odd cases."""

from __future__ import annotations

import csv
import json
import math

import pytest

from wiw import results
from wiw.columns import HEADINGS, cells, rich_tables, shown
from wiw.pooling import by_difficulty, pool
from wiw.study import Settings, Study
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.observation import Episode
from wiw_core.record_format import EpisodeRecord

WON, LOST, FAULT = EpisodeStatus.SUCCESS, EpisodeStatus.FAILURE, EpisodeStatus.ABORTED_FAULT
STATUS = {"w": WON, "l": LOST, "f": FAULT}


def row_of(task: str, letters: str, levels: str = "", **values) -> results.Records:
    """Return records, one per letter: w(on), l(ost), f(ault); ``levels`` one letter each."""
    found = {}
    for number, letter in enumerate(letters):
        name, status = f"e{number}", STATUS[letter]
        code = ErrorCode.WM_DIED if status is FAULT else ErrorCode.OK
        level = levels[number] if levels and status is not FAULT else ""
        mine = {key: value[number] for key, value in values.items()}
        found[name] = EpisodeRecord(
            Episode(task, name, 0, "", "val", 20, difficulty=level),
            {},
            (),
            EpisodeResult(task, name, 0, status, status is WON, code, **mine),
        )
    return found


def test_success_is_paired_where_neither_side_has_a_fault():
    rows = results.tabulate(
        {("ignav", "none"): row_of("ignav", "lwflw"), ("ignav", "copy"): row_of("ignav", "wwwfl")}
    )
    none, copy = rows
    assert copy.versus["none"].pairs == 3  # e0, e1, e4: +1, 0, -1
    assert copy.versus["none"].value.estimate == 0.0
    assert copy.versus["none"].verdict == "cannot be told from"
    assert none.primary == none.summary.success and none.primary.estimate == 0.5
    assert none.summary.success_all.estimate == 2 / 5
    assert none.faults == copy.faults == 1


def test_a_task_with_answers_is_compared_by_their_scores():
    rows = results.tabulate(
        {
            ("aeqa", "none"): row_of("aeqa", "ll", score=[25.0, 50.0]),
            ("aeqa", "copy"): row_of("aeqa", "wl", score=[100.0, 50.0]),
        }
    )
    assert rows[1].metric == "score"
    assert rows[1].primary.estimate == 75.0
    assert rows[1].versus["none"].value.estimate == 37.5


def test_a_score_that_is_missing_makes_the_difference_unknown_and_not_smaller():
    rows = results.tabulate(
        {
            ("aeqa", "none"): row_of("aeqa", "ll", score=[25.0, math.nan]),
            ("aeqa", "copy"): row_of("aeqa", "wl", score=[100.0, 50.0]),
        }
    )
    assert math.isnan(rows[1].versus["none"].value.estimate)
    assert rows[1].versus["none"].verdict == "cannot be told from"


def test_rows_of_a_policy_are_paired_with_the_controls_of_that_policy():
    rows = results.tabulate(
        {
            ("ignav", "none"): row_of("ignav", "ww"),
            ("ignav", "warp"): row_of("ignav", "ww"),
            ("ignav", "none@wide"): row_of("ignav", "ll"),
            ("ignav", "warp@wide"): row_of("ignav", "ww"),
        }
    )
    by_arm = {row.arm: row for row in rows}
    assert by_arm["warp"].versus["none"].value.estimate == 0
    assert by_arm["warp@wide"].versus["none"].value.estimate == 1
    assert by_arm["none@wide"].versus == {}


def test_a_family_is_pooled_over_all_its_episodes_with_faults_on_one_side():
    buttons, cups = "push_buttons", "stack_cups"
    records = {
        (buttons, "none"): row_of(buttons, "lll"),
        (buttons, "copy"): row_of(buttons, "wwf"),
        (cups, "none"): row_of(cups, "lw"),
        (cups, "copy"): row_of(cups, "wf"),
        ("ignav", "none"): row_of("ignav", "w"),
        (cups, "oracle"): row_of(cups, "ww"),
    }
    pooled = pool(records)
    assert list(pooled) == [("manipulation", "none"), ("manipulation", "copy")]
    none, copy = results.tabulate(pooled)
    assert (none.summary.n, copy.summary.n, copy.faults) == (5, 5, 2)
    assert copy.versus["none"].pairs == 3 and copy.versus["none"].value.estimate == 1.0
    assert copy.summary.success_all.estimate == 3 / 5


def test_what_beats_what_is_decided_by_the_exact_test_and_said_with_its_pairs():
    records = {
        ("ignav", "none"): row_of("ignav", "l" * 6),
        ("ignav", "copy"): row_of("ignav", "w" * 6),
        ("ignav", "warp"): row_of("ignav", "w" * 5 + "l"),
    }
    rows = results.tabulate(records)
    assert rows[1].versus["none"].p == pytest.approx(2 / 2**6)
    assert rows[2].versus["none"].p == pytest.approx(2 / 2**5)
    assert results.sentences(rows) == [
        "ignav: copy (+1.00 [+1.00, +1.00], 6 pairs) beats none; warp cannot be told from none.",
        "ignav: warp cannot be told from copy.",
    ]


def test_a_variant_of_a_task_is_not_pooled_with_it():
    records = {
        (task, "none"): row_of(task, "wl") for task in ("ignav", "ignav_self_stop", "ar_unboxed")
    }
    assert pool(records) == {}


def test_levels_are_apart_and_a_fault_that_knows_none_is_put_with_its_episode():
    records = {
        ("ar", "none"): row_of("ar", "wlw", "hhe"),
        ("ar", "copy"): row_of("ar", "fww", "hhe"),
        ("ignav", "none"): row_of("ignav", "w"),
    }
    levels = by_difficulty(records)
    assert list(levels) == ["e", "h"]
    hard = results.tabulate(levels["h"], difficulty="h")
    assert [(row.arm, row.summary.n, row.faults) for row in hard] == [
        ("none", 2, 0),
        ("copy", 2, 1),
    ]
    assert all(row.difficulty == "h" for row in hard)


def test_nothing_done_and_nothing_but_faults_are_rows_without_numbers():
    for letters in ("", "ff"):
        (row,) = results.tabulate({("ignav", "none"): row_of("ignav", letters)})
        assert row.summary.n == len(letters) == row.faults
        assert math.isnan(row.primary.estimate)
        assert (row.summary.success.low, row.summary.success.high) == (0.0, 1.0)
        assert results.sentences([row]) == []
        assert cells(row)[HEADINGS.index("success")] == "–"
        assert rich_tables([row], 80)


def test_only_columns_that_apply_to_a_task_are_shown():
    def headings(task: str, **values) -> set[str]:
        (row,) = results.tabulate({(task, "none"): row_of(task, "w", **values)})
        return {HEADINGS[i] for i in shown([row])}

    places = {"shortest_m": [2.0], "shortest_actions": [10], "path_m": [3.0], "actions": [12]}
    assert {"SPL act.", "SPL m"} <= headings("ignav", **places)
    assert not {"score", "failed"} & headings("ignav", **places)
    assert {"score", "score SPL"} <= headings("aeqa", score=[75.0], shortest_m=[2.0], path_m=[3.0])
    assert "failed" in headings("push_buttons", failures=[2])
    assert not {"SPL m", "score"} & headings("push_buttons", failures=[2])


def test_results_are_written_with_every_row_and_no_number_that_is_none(tmp_path):
    study = Study.open(tmp_path, Settings(("ar",), ("none",), 2, environment="fake"))
    rows = results.tabulate({("ar", "none"): row_of("ar", "wl", "eh")})
    levels = results.tabulate({("ar", "none"): row_of("ar", "w", "e")}, difficulty="e")
    results.write(study, results.Table(rows, [], levels))
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["schema"] == 2 and content["pooled"] == []
    assert content["rows"][0]["summary"]["spl_metres"]["estimate"] is None
    assert content["by_difficulty"][0]["difficulty"] == "e"
    lines = list(csv.reader((tmp_path / "results.csv").read_text().splitlines()))
    assert lines[0][:3] == ["task", "difficulty", "arm"]
    assert [line[1] for line in lines[1:]] == ["", "e"]


@pytest.mark.parametrize("width", [80, 200])
def test_a_narrow_terminal_gets_two_tables_and_a_wide_one_a_single(width):
    rows = results.tabulate({("ignav", "none"): row_of("ignav", "w")})
    assert len(rich_tables(rows, width)) == (2 if width == 80 else 1)
