"""From the name of a task's file to its class."""

from __future__ import annotations

import importlib
from typing import Any


def task_file_to_task_class(task_file: str, parent_folder: str = "rlbench") -> Any:
    """Return the class."""
    module = importlib.import_module(f"{parent_folder}.tasks.{task_file}")
    return getattr(module, "".join(word.capitalize() for word in task_file.split("_")))
