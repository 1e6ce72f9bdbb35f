"""How nodes of one machine talk: the shipped Fast DDS profile."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


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
