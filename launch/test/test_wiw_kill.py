"""``kill -9`` of ``wiw eval`` at any moment, again and again: the table comes out the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from wiw_core.records import read_episode

WORDS = (
    *("eval", "--env", "fake", "--policy", "fake", "--policy", "heuristic=heuristic:fake"),
    *("--in-process", "--task", "ignav", "--task", "ar", "--arm", "none", "--arm", "fake"),
    *("--episodes", "4", "--film", "1", "--workers", "2", "--out"),
)
KILLS = 10
TIMES = {"seconds", "seconds_by_stage"}

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def begun(out: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start ``wiw eval``."""
    command = [sys.executable, "-m", "wiw", *WORDS, str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def table(out: Path) -> object:
    """Return what a study has found, without what depends on the clock."""

    def timeless(value):
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    return timeless(json.loads((out / "results.json").read_text()))


def family(pid: int) -> list[int]:
    """Return the descendants of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in map(int, children):
            found += [child, *family(child)]
    return found


def killed(process: subprocess.Popen[bytes], everybody: bool) -> None:
    """Kill the command, or it and all that it has started, at once."""
    workers = family(process.pid) if everybody else []
    process.kill()
    for pid in workers:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate(timeout=30)


def test_killed_ten_times_it_resumes_to_the_table_of_an_uninterrupted_run(tmp_path):
    start = time.monotonic()
    assert begun(tmp_path / "whole").wait(timeout=100) == 0
    lasted = time.monotonic() - start

    out, rng = tmp_path / "run", np.random.default_rng(20261121)
    for number in range(KILLS):
        process = begun(out)
        try:
            process.wait(timeout=float(rng.uniform(0.0, lasted)))
        except subprocess.TimeoutExpired:
            killed(process, everybody=number % 2 == 0)
        for path in out.glob("*/*/*.jsonl"):
            read_episode(path)  # a file of that name is always whole
    assert begun(out).wait(timeout=100) == 0
    assert table(out) == table(tmp_path / "whole")


def test_two_at_once_in_one_folder_are_refused_and_a_dead_one_is_not_in_the_way(tmp_path):
    out = tmp_path / "run"
    first = begun(out)
    give_up = time.monotonic() + 60
    while not (out / "run.json").exists() and time.monotonic() < give_up:
        time.sleep(0.005)
    second = begun(out)
    os.kill(first.pid, signal.SIGSTOP)  # it can neither end nor let go while we look
    try:
        said = second.communicate(timeout=60)[1].decode()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 2 and "is at work in" in said and "1032 BUSY" in said
    killed(first, everybody=False)
    assert begun(out).wait(timeout=100) == 0
