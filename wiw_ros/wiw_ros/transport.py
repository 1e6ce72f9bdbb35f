"""How nodes of one machine talk: the shipped Fast DDS profile, and what killed nodes leave."""

from __future__ import annotations

import contextlib
import time
from importlib.resources import files
from pathlib import Path

SHM = Path("/dev/shm")
YOUNG_S = 60.0
"""A segment younger than this may be one that its process is just about to map."""


def profile() -> Path:
    """Return the path of the shipped profile: loopback only, 64 MB of shared memory per process."""
    return Path(str(files("wiw_ros").joinpath("config/fastdds_local.xml")))


def environment() -> dict[str, str]:
    """Return the environment variables that put a process on the shipped profile.

    Nothing outside the machine can join, and whole rollouts pass through shared memory. Leave them
    unset to use several machines.
    """
    return {
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(profile()),
    }


def segments(folder: Path = SHM) -> list[Path]:
    """Return the shared-memory segments of Fast DDS: 64 MB for each process of the profile."""
    return [path for path in folder.glob("fastrtps_*") if not path.name.endswith("_el")]


def stale_segments(folder: Path = SHM) -> list[Path]:
    """Return the segments that no process has mapped: those of nodes that were killed."""
    mapped = _mapped_files(folder)
    return [path for path in segments(folder) if str(path) not in mapped]


def remove_stale_segments(folder: Path = SHM) -> int:
    """Remove the stale segments that are not young, and return how many bytes that frees."""
    freed = 0
    for path in stale_segments(folder):
        with contextlib.suppress(OSError):  # another user's, or removed by another process
            status = path.stat()
            if time.time() - status.st_mtime > YOUNG_S:
                path.unlink()
                freed += status.st_size
                path.with_name(f"{path.name}_el").unlink(missing_ok=True)
    return freed


def _mapped_files(folder: Path) -> set[str]:
    """Return every file of the folder that a process of ours has mapped."""
    mapped: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):  # the process has ended, or is not ours
            for line in maps.read_text().splitlines():
                if str(folder) in line:
                    mapped.add(line.split(maxsplit=5)[5])
    return mapped
