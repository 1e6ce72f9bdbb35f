"""From the name of a task's file to its class."""

from __future__ import annotations

import importlib
from typing import Any


def name_to_task_class(task_file: str) -> Any:
    """Return the class; raises ``RuntimeError`` for an unknown name."""
    name = task_file.replace(".py", "")
    try:
        module = importlib.import_module(f"rlbench.tasks.{name}")
    except ImportError as error:
        raise RuntimeError(f"Tried to interpret {name} as a task, but failed.") from error
    return getattr(module, "".join(word.capitalize() for word in name.split("_")))
