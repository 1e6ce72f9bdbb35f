"""``wiw eval`` over ROS 2: three real node processes per worker, with fakes inside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import Watcher, decisions

from wiw import results
from wiw.evaluate import evaluate
from wiw.study import Settings, Study
from wiw_core.errors import ErrorCode
from wiw_ros.domains import claim

pytestmark = pytest.mark.system

SETTINGS = Settings(
    ("ignav",),
    ("none", "small=fake:height=16,width=32", "copy"),
    episodes=3,
    environment="fake",
    film=1,
    policies=("fake", "rarely=fake:fake:consult_share=0.4"),
)


def nodes_of(study: Study) -> list[int]:
    """Return the running nodes that a study has started."""
    logs = {str(path.resolve()) for path in (study.folder / "logs").glob("*.log")}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            writes_to = os.readlink(process / "fd" / "1")
        except OSError:
            continue
        if writes_to in logs:
            found.append(int(process.name))
    return found


def test_nodes_and_in_process_take_the_same_decisions_and_no_node_is_left(tmp_path):
    over_ros = Study.open(tmp_path / "ros", SETTINGS)
    evaluate(over_ros, 1, Watcher())
    assert nodes_of(over_ros) == []
    here = Study.open(tmp_path / "here", replace(SETTINGS, in_process=True))
    evaluate(here, 1, Watcher())
    assert decisions(over_ros) == decisions(here)
    films = {p.relative_to(over_ros.folder) for p in over_ros.folder.glob("*/*/film/*/film.json")}
    assert films == {p.relative_to(here.folder) for p in here.folder.glob("*/*/film/*/film.json")}


@pytest.mark.parametrize("victim", ["wm_node", "planner_node", "env_bridge"])
def test_a_node_that_dies_is_started_again_and_the_study_completes(tmp_path, victim):
    settings = replace(SETTINGS, tasks=("ignav", "ar"), arms=("fake",), policies=("fake",))
    study = Study.open(tmp_path / "run", settings)

    def kill(count: int) -> None:
        if count == 2:
            log = str((study.folder / "logs" / f"worker0_{victim}.log").resolve())
            for pid in nodes_of(study):
                if os.readlink(f"/proc/{pid}/fd/1") == log:
                    os.kill(pid, signal.SIGKILL)

    watcher = Watcher(kill)
    evaluate(study, 1, watcher)
    assert study.complete()
    assert watcher.outcomes[-1][1].code is ErrorCode.OK
    # The job under way may be lost, and the next one while DDS still believes in the dead node.
    assert sum(row.faults for row in results.tabulate(results.read_records(study))) <= 2


def test_nodes_end_when_the_command_and_its_workers_are_killed_at_once(tmp_path):
    words = ("--env", "fake", "--policy", "fake", "--task", "ignav", "--arm", "fake")
    command = [sys.executable, "-m", "wiw", "eval", *words, "--episodes", "4", "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "run")], stdout=subprocess.DEVNULL)
    gone, give_up = threading.Event(), time.monotonic() + 60
    study = Study(tmp_path / "run", SETTINGS)
    while len(nodes := nodes_of(study)) < 3 and time.monotonic() < give_up:
        gone.wait(0.02)
    assert len(nodes) == 3
    workers = {parent_of(pid) for pid in nodes}
    process.kill()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    process.wait(timeout=30)
    while nodes_of(study) and time.monotonic() < give_up:
        gone.wait(0.02)
    assert nodes_of(study) == []


def parent_of(pid: int) -> int:
    """Return the process that started this one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_bridge_changes_its_environment_between_tasks_that_have_their_own(tmp_path):
    settings = Settings(("ignav", "push_buttons"), ("none",), episodes=1, film=0)
    over_ros = Study.open(tmp_path / "ros", settings)
    evaluate(over_ros, 1, Watcher())
    here = Study.open(tmp_path / "here", replace(settings, in_process=True))
    evaluate(here, 1, Watcher())
    records = results.read_records(over_ros)
    for task in settings.tasks:
        (record,) = records[task, "none"].values()
        assert record.result.code is ErrorCode.OK and record.result.task == task
    assert decisions(over_ros) == decisions(here)


def test_domains_of_two_evaluations_differ():
    (first, one), (second, two) = claim(), claim()
    one.close()
    two.close()
    assert first != second
