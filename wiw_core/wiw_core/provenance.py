"""What made a result: seed, config, versions and git hash."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "wiw",
    "wiw_core",
    "wiw_env_bridge",
    "wiw_learn",
    "wiw_planner_node",
    "wiw_ros",
    "wiw_wm_node",
    "mujoco",
    "numpy",
    "rclpy",
    "ros-rclpy",
    "scipy",
    "torch",
)
"""Distributions whose version may change a result; those not installed are left out."""


def provenance(config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a reader needs to make a result again, as plain JSON values.

    Keys: ``seed`` (the config's, or None), ``config``, ``versions`` by distribution, ``git`` (hash
    of the source this runs from, ``-dirty`` if changed; None outside a checkout), ``python``,
    ``platform``.
    """
    config = dict(config or {})
    return {
        "seed": config.get("seed"),
        "config": config,
        "versions": dict(_versions()),
        "git": _git_hash(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


@lru_cache(maxsize=1)
def _git_hash() -> str | None:
    folder = Path(__file__).resolve().parent
    # An installed copy may lie in somebody else's checkout: only one that tracks us counts.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
