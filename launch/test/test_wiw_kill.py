"""``kill -9`` of ``wiw eval`` at any moment, again and again: the table comes out the same."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from pathlib import Path

import pytest

from wiw_core.records import read_episode

_PATH = Path(__file__).resolve().parents[2] / "tools" / "kill_eval.py"
_SPEC = importlib.util.spec_from_file_location("kill_eval", _PATH)
kill_eval = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(kill_eval)

WORDS = (
    *("--env", "fake", "--policy", "fake", "--policy", "heuristic=heuristic:fake"),
    *("--in-process", "--task", "ignav", "--task", "ar", "--arm", "none", "--arm", "fake"),
    *("--episodes", "4", "--film", "1", "--workers", "2"),
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def test_killed_ten_times_it_resumes_to_the_table_of_an_uninterrupted_run(tmp_path):
    assert kill_eval.survives(WORDS, tmp_path, kills=10, seed=20261121)
    for run in tmp_path.glob("killed_*"):
        records = list(run.glob("*/*/*.jsonl"))
        assert len(records) == 2 * 2 * 2 * 4
        assert all(read_episode(path).result is not None for path in records)


def test_two_at_once_in_one_folder_are_refused_and_a_dead_one_is_not_in_the_way(tmp_path):
    out = tmp_path / "run"
    first = kill_eval.begun(WORDS, out)
    give_up = time.monotonic() + 60
    while not (out / "run.json").exists() and time.monotonic() < give_up:
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGSTOP)  # it can neither end nor let go while we look
    try:
        second = kill_eval.begun(WORDS, out)
        said = second.communicate(timeout=60)[1].decode()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 2 and "is at work in" in said and "1032 BUSY" in said
    kill_eval.killed(first, everybody=False)
    kill_eval.finish(WORDS, out)
