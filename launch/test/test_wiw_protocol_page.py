"""The protocol page states the numbers that the tasks have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wiw.report import words
from wiw_core.registry import TASKS, Registry

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for cells in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.split("## Numbers of each task")[1].split("\n\n")[1].splitlines()[2:]
    )
}


def test_every_task_has_a_row():
    assert sorted(ROWS) == Registry(TASKS).names()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_numbers_of_a_task_are_those_of_its_code(name):
    task = Registry(TASKS).create(name)
    limits = task.limits
    numbers = [limits.candidates, limits.horizon, limits.execute, task.budget]
    assert ROWS[name][:5] == [*map(str, numbers), task.metric]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_privileges_of_a_task_are_explained_on_the_page_and_in_the_report(name):
    named = re.findall(r"`(\w+)`", ROWS[name][5])
    explained = PAGE.split("## Privileges")[1]
    assert named or ROWS[name][5] == "none"
    for privilege in named:
        assert f"`{privilege}`" in explained and privilege in words.PRIVILEGES
    granted = getattr(Registry(TASKS).create(name), "privileges", None)
    assert granted is None or sorted(granted) == sorted(named)
