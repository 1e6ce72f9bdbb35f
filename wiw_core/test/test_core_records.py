"""Records survive."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core import Policy, run_episode
from wiw_core.decisions import (
    Candidate,
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
)
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Action, Plan, navigation_plan
from wiw_core.records import JsonlRecorder, finished, provenance, read_episode, record_path
from wiw_core.tasks.ignav import ImageGoalNavigation

EPISODE = Episode("ignav", "val_001", 7, "room", "val", 20, "go", labels=("a", "b"))
SEEN = Observation("val_001", 3, (), Pose2(0.1, -0.2, 0.3))
RESULT = EpisodeResult("ignav", "val_001", 7, EpisodeStatus.FAILURE, False, shortest_m=math.inf)
AHEAD = navigation_plan(["forward"] * 3)


def recorded(folder, config=None, decisions=()):
    recorder = JsonlRecorder(folder, config)
    recorder.begin(EPISODE, SEEN)
    for decision in decisions:
        recorder.decision(decision, AHEAD.prefix(2), SEEN)
    recorder.end(RESULT)
    return read_episode(record_path(folder, EPISODE.id))


def same(a, b):
    """Compare dataclasses, NaN being equal to NaN."""
    return repr(a) == repr(b)


def test_a_whole_episode_comes_back_as_it_was(tmp_path):
    taken = []
    policy = Policy(FakeProposer(), FakeReviser(), ImageGoalNavigation().limits, FakeWorldModel())
    result = run_episode(
        FakeEnvironment(),
        "ignav",
        "val_001",
        policy,
        seed=5,
        recorder=JsonlRecorder(tmp_path, {"seed": 5}),
        on_decision=taken.append,
    )
    record = read_episode(tmp_path / "val_001.jsonl")
    assert same(record.result, result)
    assert record.provenance["seed"] == 5
    assert record.episode.privileges == ("oracle_stop",)
    assert len(record.decisions) == len(taken) == 20
    for kept, decision in zip(record.decisions, taken):
        stripped = tuple(replace(c, rollout=None) for c in decision.candidates)
        assert same(kept.decision, replace(decision, candidates=stripped))
    assert finished(tmp_path) == ["val_001"]
    assert [p.name for p in tmp_path.iterdir()] == ["val_001.jsonl"]


numbers = st.floats(allow_nan=True, allow_infinity=True)
actions = st.builds(
    Action, st.text(min_size=1), st.lists(numbers, max_size=3).map(lambda v: tuple(v))
)
plans = st.builds(
    Plan, st.lists(actions, max_size=4).map(lambda v: tuple(v)), st.text(), st.floats(-9, 9)
)
candidates = st.builds(
    Candidate,
    plans,
    score=numbers,
    reason=st.text(),
    code=st.sampled_from(sorted(ErrorCode)),
)


exchanges = st.builds(
    Exchange,
    st.text(),
    st.text(),
    attempt=st.integers(1, 9),
    pictures=st.integers(0, 48),
    seconds=numbers,
    code=st.sampled_from(sorted(ErrorCode)),
    reason=st.text(),
    reply=st.text(),
)


@given(
    st.builds(
        Decision,
        st.sampled_from(DecisionKind),
        plans,
        prefix_length=st.integers(0, 5),
        chosen=st.integers(-1, 3),
        answer=st.text(),
        confidence=numbers,
        candidates=st.lists(candidates, max_size=3).map(lambda v: tuple(v)),
        seconds=st.dictionaries(st.text(), numbers, max_size=3),
        frames_imagined=st.integers(0, 99),
        degraded=st.booleans(),
        transcript=st.lists(exchanges, max_size=2).map(lambda v: tuple(v)),
    )
)
def test_any_decision_comes_back_value_exact(tmp_path_factory, decision):
    record = recorded(tmp_path_factory.mktemp("records"), decisions=[decision])
    assert same(record.decisions[0].decision, decision)
    assert record.decisions[0].executed == AHEAD.prefix(2)
    assert (record.decisions[0].base_pose, record.decisions[0].step) == (SEEN.base_pose, 3)


def test_lines_are_strict_json_with_null_for_nan(tmp_path):
    recorded(tmp_path, decisions=[Decision(DecisionKind.ACT, AHEAD, confidence=math.nan)])

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = record_path(tmp_path, EPISODE.id).read_text()
    lines = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    assert [line["kind"] for line in lines] == ["episode", "decision", "result"]
    assert lines[1]["confidence"] is None and lines[2]["shortest_m"] == "inf"


KILLED = """
import os, sys
from wiw_core import Policy, run_episode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.records import JsonlRecorder
from wiw_core.tasks.ignav import ImageGoalNavigation

def die_at_three(decision):
    if decision.index == 2:
        os.kill(os.getpid(), 9)

run_episode(FakeEnvironment(), "ignav", "val_001",
            Policy(FakeProposer(), FakeReviser(), ImageGoalNavigation().limits),
            recorder=JsonlRecorder(sys.argv[1]), on_decision=die_at_three)
"""


def test_what_a_killed_process_had_decided_is_kept_and_never_taken_for_complete(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60, check=False)
    assert done.returncode == -9
    assert finished(tmp_path) == []
    partial = read_episode(tmp_path / "val_001.jsonl.partial")
    assert partial.result is None
    assert [d.decision.index for d in partial.decisions] == [0, 1, 2]

    recorded(tmp_path)  # run again
    assert finished(tmp_path) == ["val_001"]
    kept = read_episode(tmp_path / "val_001.jsonl.attempt1")
    assert len(kept.decisions) == 3


def test_a_torn_last_line_is_forgiven_only_in_an_incomplete_record(tmp_path):
    recorded(tmp_path, decisions=[Decision(DecisionKind.ACT, AHEAD)])
    text = record_path(tmp_path, EPISODE.id).read_text()
    torn = tmp_path / "torn.jsonl.partial"
    torn.write_text(text[:-40])
    assert len(read_episode(torn).decisions) == 1
    whole = tmp_path / "torn.jsonl"
    whole.write_text(text[:-40])
    with pytest.raises(WiwError, match="line 3") as caught:
        read_episode(whole)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda lines: [*lines[:1], "nonsense", *lines[2:]], "line 2"),
        (lambda lines: lines[:-1], "line 2"),
        (lambda lines: lines[1:], "line 1"),
        (lambda lines: [*lines, lines[1]], "line 4"),
        (lambda lines: [lines[0].replace('"schema":2', '"schema":9'), *lines[1:]], "line 1"),
        (lambda lines: [lines[0], lines[1].replace('"ACT"', '"FLY"'), lines[2]], "line 2"),
        (lambda lines: [lines[0], '{"kind":"rumour"}', lines[2]], "line 2"),
        (lambda lines: [lines[0], "[]", lines[2]], "line 2"),
        (lambda lines: [], "line 1"),
    ],
)
def test_a_corrupt_record_is_named_with_its_line(tmp_path, change, where):
    recorded(tmp_path, decisions=[Decision(DecisionKind.ACT, AHEAD)])
    path = record_path(tmp_path, EPISODE.id)
    lines = change(path.read_text().splitlines())
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(WiwError, match=where) as caught:
        read_episode(path)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT and str(path) in str(caught.value)


def test_a_disk_error_is_one_sentence_and_leaves_nothing_under_the_final_name(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WiwError) as caught:
        JsonlRecorder(blocked / "sub").begin(EPISODE, SEEN)
    assert caught.value.code is ErrorCode.RECORDING_FAILED

    full = JsonlRecorder(tmp_path)
    full.begin(EPISODE, SEEN)
    full._file.close()
    full._file = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115 - the recorder closes it
    with pytest.raises(WiwError, match="No space left"):
        full.decision(Decision(DecisionKind.ACT, AHEAD), AHEAD, SEEN)
    with pytest.raises(WiwError, match="No record is open"):
        full.end(RESULT)
    assert finished(tmp_path) == []


def test_an_episode_is_complete_or_absent_even_if_the_result_cannot_be_written(tmp_path):
    recorder = JsonlRecorder(tmp_path)
    with pytest.raises(WiwError) as caught:
        recorder.end(RESULT)
    assert caught.value.code is ErrorCode.RECORDING_FAILED
    with pytest.raises(WiwError):
        read_episode(tmp_path / "none.jsonl")


def test_an_id_with_a_slash_stays_in_its_folder(tmp_path):
    episode = replace(EPISODE, id="../scene 1/ep%2")
    recorder = JsonlRecorder(tmp_path / "records")
    recorder.begin(episode, SEEN)
    recorder.end(RESULT)
    assert finished(tmp_path / "records") == [episode.id]
    assert [p.name for p in tmp_path.iterdir()] == ["records"]


def test_no_folder_means_nothing_is_finished(tmp_path):
    assert finished(tmp_path / "nowhere") == []


def test_a_config_is_kept_as_plain_values_or_refused(tmp_path):
    config = {"seed": 3, "limits": (1, 2), "x": math.nan}
    kept = recorded(tmp_path, config).provenance["config"]
    assert kept == {"seed": 3, "limits": [1, 2], "x": None}
    with pytest.raises(WiwError) as caught:
        JsonlRecorder(tmp_path, {"thread": object()})
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_provenance_names_versions_and_source():
    found = provenance({"seed": 9})
    assert found["seed"] == 9 and found["versions"]["wiw_core"] == "0.1.0"
    assert set(found) == {"seed", "config", "versions", "git", "python", "platform"}
    assert found["git"] is None or len(found["git"].removesuffix("-dirty")) == 40
