"""The definitions of tasks, by name."""

from __future__ import annotations

from functools import cache

from wiw_core.contracts import Task
from wiw_core.registry import TASKS, Registry


@cache
def definition(task: str) -> Task:
    """Return a task's definition; raises ``UNKNOWN_TASK``, suggesting the nearest name."""
    found: Task = Registry(TASKS).create(task)
    return found
