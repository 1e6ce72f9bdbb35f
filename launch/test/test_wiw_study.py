"""A study knows what is done, refuses to mix what cannot be compared, and resumes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from wiw import results
from wiw.arms import DEFAULT_ARMS, arms, parse
from wiw.files import OWNER, WORKERS, join_workers
from wiw.study import Settings, Study, load
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder

SETTINGS = Settings(("ignav",), ("none", "copy"), episodes=3, environment="fake")
IDS = ["a", "b", "c"]
SERVES = {"none": "", "copy": ""}


def record(study: Study, task: str, arm: str, episode_id: str, status: EpisodeStatus) -> None:
    """Leave a record that ended in ``status``."""
    recorder = JsonlRecorder(study.folder / task / arm)
    recorder.begin(Episode(task, episode_id, 0, "", "val", 20), Observation(episode_id, 0, ()))
    success = status is EpisodeStatus.SUCCESS
    code = ErrorCode.WM_DIED if status is EpisodeStatus.ABORTED_FAULT else ErrorCode.OK
    recorder.end(EpisodeResult(task, episode_id, 0, status, success, code))


def reopened(study: Study, settings: Settings, *, fresh: bool = False) -> Study:
    """Open a study again, as a later command does."""
    study.close()
    return Study.open(study.folder, settings, fresh=fresh)


@pytest.fixture
def study(tmp_path):
    opened = Study.open(tmp_path / "run", SETTINGS)
    opened.set_grid("ignav", IDS, SERVES)
    return opened


def test_every_arm_runs_the_same_episodes(study):
    jobs = study.jobs()
    by_arm = {arm: [j.episode_id for j in jobs if j.arm == arm] for arm in SETTINGS.arms}
    assert by_arm == {"none": IDS, "copy": IDS}


def test_arms_grow_together_so_that_an_early_stop_is_still_paired(tmp_path):
    study = Study.open(tmp_path, replace(SETTINGS, episodes=20))
    study.set_grid("ignav", [str(i) for i in range(20)], SERVES)
    half = study.jobs()[: len(study.jobs()) // 2]
    counts = [sum(job.arm == arm for job in half) for arm in SETTINGS.arms]
    assert max(counts) - min(counts) <= 8


def test_a_complete_record_is_never_run_again(study):
    record(study, "ignav", "none", "b", EpisodeStatus.FAILURE)
    left = [(job.arm, job.episode_id) for job in reopened(study, SETTINGS).remaining()]
    assert ("none", "b") not in left and len(left) == 5


def test_an_episode_that_a_person_interrupted_is_run_again(study):
    record(study, "ignav", "none", "b", EpisodeStatus.ABORTED_USER)
    assert len(reopened(study, SETTINGS).remaining()) == 6


def test_a_fault_is_recorded_counted_and_not_run_again(study):
    job = study.jobs()[0]
    study.record_fault(job, WiwError(ErrorCode.WM_DIED, "It died."))
    assert job not in study.remaining()
    row = results.tabulate(results.read_records(study))[0]
    assert row.summary.faults == {"2001 WM_DIED": 1}


def test_a_study_can_grow_but_not_change(study):
    for changed in ({"seed": 1}, {"environment": "mujoco"}, {"in_process": True}):
        with pytest.raises(WiwError, match=next(iter(changed))) as caught:
            reopened(study, replace(SETTINGS, **changed))
        assert "--fresh" in str(caught.value)
    grown = reopened(study, replace(SETTINGS, arms=("none", "copy", "fake")))
    assert len(grown.jobs()) == 9


def test_fresh_replaces_a_study_and_nothing_else(study, tmp_path):
    record(study, "ignav", "none", "b", EpisodeStatus.SUCCESS)
    assert reopened(study, replace(SETTINGS, seed=5), fresh=True).episodes == {}
    assert not list(study.folder.rglob("*.jsonl"))
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(WiwError, match="no study"):
        Study.open(foreign, SETTINGS, fresh=True)
    assert (foreign / "thesis.txt").exists()


def test_killed_while_it_replaces_a_study_it_begins_anew_and_not_in_the_middle(study):
    record(study, "ignav", "none", "b", EpisodeStatus.SUCCESS)
    # What a kill in the middle of --fresh leaves: see Study._empty.
    (study.folder / "run.json").rename(study.folder / "run.json.replaced")
    again = reopened(study, SETTINGS)
    assert again.episodes == {} and not list(study.folder.rglob("*.jsonl"))
    assert not (study.folder / "run.json.replaced").exists()


def test_killed_before_it_had_written_anything_whole_it_can_begin_again(tmp_path):
    for name in ("run.json.partial", OWNER, WORKERS):
        (tmp_path / name).write_text("{")
    assert Study.open(tmp_path, SETTINGS).jobs() == []


def test_a_study_that_is_open_is_refused_to_another_until_it_is_closed(study):
    with pytest.raises(WiwError, match="at work") as caught:
        Study.open(study.folder, SETTINGS)
    assert caught.value.code is ErrorCode.BUSY
    assert load(study.folder).settings == SETTINGS  # to read it, nobody need wait
    assert reopened(study, SETTINGS).episodes == {"ignav": IDS}


def test_workers_of_a_killed_command_are_waited_for_and_named_when_they_stay(study, monkeypatch):
    monkeypatch.setattr("wiw.files.ORPHANS_S", 0.0)
    with (
        join_workers(study.folder) as orphan,
        pytest.raises(WiwError, match=r"\.workers\.lock") as caught,
    ):
        reopened(study, SETTINGS)
    assert caught.value.code is ErrorCode.BUSY and orphan.closed
    assert reopened(study, SETTINGS).episodes == {"ignav": IDS}


def test_other_episodes_than_before_are_refused(study):
    with pytest.raises(WiwError) as caught:
        study.set_grid("ignav", ["x", "y", "z"], SERVES)
    assert caught.value.code is ErrorCode.ENVIRONMENT_MISMATCH


def test_too_few_episodes_says_how_many_there_are(tmp_path):
    study = Study.open(tmp_path, SETTINGS)
    with pytest.raises(WiwError, match="--episodes 2"):
        study.set_grid("ignav", ["a", "b"], SERVES)


def test_a_study_is_loaded_as_it_was_run(study):
    assert load(study.folder).settings == SETTINGS
    with pytest.raises(WiwError, match="no study"):
        load(study.folder / "elsewhere")


def test_a_corrupt_run_file_is_named(study):
    (study.folder / "run.json").write_text("{")
    with pytest.raises(WiwError, match=r"run\.json") as caught:
        load(study.folder)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_run_file_says_what_made_the_result(study):
    run = json.loads((study.folder / "run.json").read_text())
    assert run["settings"]["seed"] == 0
    assert {"versions", "git", "python"} <= set(run["provenance"])


def test_records_of_other_code_are_not_passed_off_as_those_of_this_one(study, monkeypatch):
    again = reopened(study, SETTINGS)
    assert not again.made_by_other
    other = {"git": "0" * 40, "versions": {}}
    monkeypatch.setattr("wiw.study.provenance", lambda config=None: other)
    assert reopened(again, SETTINGS).made_by_other
    run = json.loads((study.folder / "run.json").read_text())
    assert run["provenance"]["git"] != other["git"]


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ({"tasks": ("ignaw",)}, "ignav"),
        ({"arms": ("worp",)}, "warp"),
        ({"environment": "fakes"}, "fake"),
        ({"policies": ("heuristics",)}, "heuristic"),
        ({"split": "test"}, "val"),
        ({"episodes": 0}, "at least one"),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(tmp_path, change, near):
    with pytest.raises(WiwError, match=near):
        Study.open(tmp_path / "run", replace(SETTINGS, **change))
    assert not (tmp_path / "run").exists()


def test_default_arms_are_the_baseline_the_controls_the_model_and_the_oracle():
    assert DEFAULT_ARMS == ("none", "copy", "rotate", "warp", "arm", "oracle", "oracle-value")
    assert parse("oracle-value").reviser_parameters == {"score_by": "value"}
    assert set(DEFAULT_ARMS) < set(arms())


def test_differences_are_paired_and_leave_faults_out(study):
    for episode_id, none, copy in (
        ("a", EpisodeStatus.FAILURE, EpisodeStatus.SUCCESS),
        ("b", EpisodeStatus.SUCCESS, EpisodeStatus.ABORTED_FAULT),
        ("c", EpisodeStatus.FAILURE, EpisodeStatus.SUCCESS),
    ):
        record(study, "ignav", "none", episode_id, none)
        record(study, "ignav", "copy", episode_id, copy)
    row = results.tabulate(results.read_records(study))[1]
    assert row.versus["none"].pairs == 2
    assert row.versus["none"].value.estimate == 1.0
    assert row.faults == 1 and row.summary.n == 3
    # Two pairs decide nothing, although a bootstrap of equal pairs has no width.
    assert row.versus["none"].p == 0.5
    assert results.sentences([row]) == ["ignav: copy cannot be told from none."]
