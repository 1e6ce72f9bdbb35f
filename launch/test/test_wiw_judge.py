"""Recorded answers can be judged again; what was recorded stays as it is."""

from __future__ import annotations

import json

import pytest

from wiw.judge import judge_task, make_judge, truths
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder, record_path


class CrossJudge:
    """A fake judge that finds nothing good enough."""

    name = "cross"

    def grade(self, truth, answer):
        return 1


def record_answers(folder, answers):
    for episode_id, answer in answers.items():
        recorder = JsonlRecorder(folder)
        recorder.begin(
            Episode("aeqa", episode_id, 0, "s", "val", 5), Observation(episode_id, 0, ())
        )
        recorder.end(
            EpisodeResult(
                "aeqa", episode_id, 0, EpisodeStatus.FAILURE, False, answer=answer, score=50.0
            )
        )


@pytest.fixture
def study(tmp_path):
    first, second = list(truths("aeqa").items())[:2]
    record_answers(tmp_path / "aeqa/none", {first[0]: first[1].answers[0], second[0]: ""})
    return tmp_path


def test_the_answers_of_a_study_are_judged_again(study):
    [row] = judge_task(study, "aeqa", make_judge("matcher"))
    assert row.folder == "aeqa/none"
    assert sorted(v.score for v in row.verdicts) == [0.0, 100.0]
    assert (row.score.estimate, row.before.estimate) == (50.0, 50.0)
    written = json.loads((study / "judged-aeqa-matcher.json").read_text())
    assert written["judge"] == "matcher"
    assert sorted(v["sigma"] for v in written["rows"][0]["verdicts"]) == [1, 5]


def test_another_judge_writes_a_file_of_its_own_and_leaves_the_records(study):
    record = record_path(study / "aeqa/none", next(iter(truths("aeqa"))))
    before = record.read_bytes()
    [row] = judge_task(study, "aeqa", CrossJudge())
    assert row.score.estimate == 0.0
    assert (study / "judged-aeqa-cross.json").exists()
    assert record.read_bytes() == before


@pytest.mark.parametrize(
    ("task", "code"),
    [("ignav", ErrorCode.UNKNOWN_TASK), ("no such", ErrorCode.UNKNOWN_TASK)],
)
def test_a_task_without_open_answers_cannot_be_judged(tmp_path, task, code):
    with pytest.raises(WiwError) as caught:
        judge_task(tmp_path, task, make_judge("matcher"))
    assert caught.value.code is code


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(WiwError) as caught:
        judge_task(tmp_path, "aeqa", make_judge("matcher"))
    assert caught.value.code is ErrorCode.RECORDING_FAILED
    assert list(tmp_path.iterdir()) == []
