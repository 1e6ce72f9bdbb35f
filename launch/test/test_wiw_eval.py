"""``wiw eval`` survives what dies: real processes, fakes for environment, model and policy."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import SMALL, Watcher, decisions

from wiw import results
from wiw.evaluate import evaluate
from wiw.study import Settings, Study
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.records import read_episode

WORDS = (
    *("eval", "--env", "fake", "--policy", "fake", "--in-process"),
    *("--task", "ignav", "--task", "ar", "--arm", "none", "--arm", "fake"),
    *("--episodes", "4", "--film", "1", "--workers", "2", "--out"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    study = Study.open(tmp_path_factory.mktemp("whole") / "run", SMALL)
    evaluate(study, 2, Watcher())
    study.close()
    return study


def test_grid_is_complete_and_every_episode_has_a_record(whole):
    assert whole.complete()
    assert len(decisions(whole)) == 2 * 2 * 4


def test_same_seed_gives_the_same_decisions_with_one_worker_or_two(whole, tmp_path):
    study = Study.open(tmp_path / "run", SMALL)
    evaluate(study, 1, Watcher())
    assert decisions(study) == decisions(whole)


def test_ctrl_c_keeps_what_is_done_and_the_next_call_does_the_rest(whole, tmp_path):
    def interrupt(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    study = Study.open(tmp_path / "run", SMALL)
    with pytest.raises(KeyboardInterrupt):
        evaluate(study, 1, Watcher(interrupt))
    assert not multiprocessing.active_children()

    study.close()
    rest = Watcher()
    again = Study.open(tmp_path / "run", SMALL)
    evaluate(again, 1, rest)
    assert rest.left is not None and 16 - 5 <= rest.left <= 16 - 3
    assert decisions(again) == decisions(whole)


def test_a_worker_that_is_killed_costs_one_job_which_is_counted_as_a_fault(tmp_path):
    def kill(count: int) -> None:
        if count == 2:
            (child,) = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGKILL)
            child.join(timeout=30)

    study = Study.open(tmp_path / "run", SMALL)
    watcher = Watcher(kill)
    evaluate(study, 1, watcher)
    faults = [(job, e) for job, e in watcher.outcomes if isinstance(e, WiwError)]
    assert len(watcher.outcomes) == 16 and len(faults) == 1
    assert faults[0][1].code is ErrorCode.INTERNAL and "-9" in str(faults[0][1])
    assert study.complete()
    assert sum(row.faults for row in results.tabulate(results.read_records(study))) == 1


def test_kill_9_of_the_command_leaves_no_worker_and_resumes_to_the_same_table(whole, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "wiw", *WORDS, str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    changed, give_up = threading.Event(), threading.Event()
    watchdog = threading.Timer(60, give_up.set)
    watchdog.start()
    while not (list(out.glob("*/*/*.jsonl")) or give_up.is_set()):
        changed.wait(0.01)
    workers = _children(process.pid)
    process.kill()
    process.wait(timeout=30)
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers) and not give_up.is_set():
        changed.wait(0.02)
    watchdog.cancel()
    assert not give_up.is_set()

    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*/*.jsonl")}
    for path in kept:
        read_episode(path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    assert decisions(Study.open(out, SMALL)) == decisions(whole)
    assert "ignav" in done.stdout and "ar" in done.stdout


def test_ctrl_c_says_how_to_go_on_and_leaves_no_traceback(tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "wiw", *WORDS, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    give_up = threading.Timer(60, process.kill)
    give_up.start()
    # The pipe ends with the command, so a run that was too quick to interrupt is seen as well.
    while not list(out.glob("*/*/*.partial")) and process.poll() is None:
        threading.Event().wait(0.005)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    give_up.cancel()
    assert "Traceback" not in said
    assert process.returncode == 0 or (process.returncode == 130 and "goes on where it was" in said)


def test_a_finished_study_prints_its_table_without_starting_a_worker(whole, monkeypatch):
    def no_worker(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr("wiw.workers.crew.Worker", no_worker)
    evaluate(Study.open(whole.folder, SMALL), 2, Watcher())


def test_an_environment_that_cannot_start_is_an_error_not_a_table_of_faults(tmp_path):
    settings = Settings(("ignav",), ("none",), episodes=99, environment="fake", in_process=True)
    study = Study.open(tmp_path / "run", settings)
    with pytest.raises(WiwError, match="--episodes 4"):
        evaluate(study, 1, Watcher())
    assert not list((tmp_path / "run").glob("*/*/*.jsonl"))


def test_a_policy_that_cannot_be_made_stops_the_study_and_records_nothing(tmp_path):
    settings = replace(SMALL, arms=("none",), policies=("bad=fake:fake:reviser.glow=1",))
    study = Study.open(tmp_path / "run", settings)
    with pytest.raises(WiwError, match="glow") as caught:
        evaluate(study, 1, Watcher())
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    assert len(study.remaining()) == 8


def _children(pid: int) -> list[int]:
    """Return the descendants of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *_children(child)]
    return found
