"""``wiw doctor``: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

SHM = Path("/dev/shm")
SHM_FREE_MB = 256
"""Three nodes with a 64 MB Fast DDS segment each, and room."""
RENDER = """
import os
os.environ.setdefault("MUJOCO_GL", "egl")
import mujoco
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 3'/><geom type='sphere' size='.3'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 64, 64) as renderer:
    renderer.update_scene(data)
    assert renderer.render().max() > 0, "the picture is black"
"""


class Grade(Enum):
    """Verdict of a check."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One check's verdict; ``advice`` says what to do unless the grade is OK."""

    name: str
    grade: Grade
    seen: str
    advice: str = ""


def examine() -> list[Finding]:
    """Run every check; a check that itself breaks is a FAIL, never an exception."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(check())
        except Exception as error:  # noqa: BLE001 - whatever breaks is the finding
            name = check.__name__.strip("_").replace("_", " ")
            findings.append(
                Finding(name, Grade.FAIL, f"{type(error).__name__}: {error}", "Report this.")
            )
    return findings


def _python() -> Finding:
    seen = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info < (3, 10):
        return Finding("python", Grade.FAIL, seen, "ROS 2 Jazzy needs Python 3.10 or newer.")
    return Finding("python", Grade.OK, seen)


def _ros() -> Finding:
    problem = _import_problem("rclpy")
    if problem:
        advice = "Run 'make setup', or source /opt/ros/jazzy/setup.bash."
        return Finding("ROS 2", Grade.FAIL, problem, advice)
    from rclpy.utilities import get_rmw_implementation_identifier

    distro = os.environ.get("ROS_DISTRO", "distribution not set")
    return Finding("ROS 2", Grade.OK, f"rclpy, {distro}, {get_rmw_implementation_identifier()}")


def _messages() -> Finding:
    problem = _import_problem("wiw_msgs.action")
    if problem:
        advice = "Run 'make setup', then '. ros2_ws/install/setup.bash'."
        return Finding("wiw_msgs", Grade.FAIL, problem, advice)
    module = importlib.import_module("wiw_msgs")
    return Finding("wiw_msgs", Grade.OK, str(Path(module.__file__ or "").parent))


def _rendering() -> Finding:
    backend = os.environ.get("MUJOCO_GL", "egl")
    # In a process of its own: a broken GL driver may end the process that loads it.
    done = subprocess.run(
        [sys.executable, "-c", RENDER], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        return Finding("MuJoCo rendering", Grade.OK, f"MUJOCO_GL={backend}")
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    advice = "Install libegl1, libopengl0 and libgl1-mesa-dri, or set MUJOCO_GL to egl or glfw."
    return Finding("MuJoCo rendering", Grade.FAIL, last, advice)


def _shared_memory() -> Finding:
    if not SHM.is_dir():
        return Finding("shared memory", Grade.FAIL, f"no {SHM}", f"Mount a tmpfs on {SHM}.")
    free_mb = shutil.disk_usage(SHM).free // 2**20
    if free_mb < SHM_FREE_MB:
        advice = f"At least {SHM_FREE_MB} MB; in Docker: --shm-size=1g."
        return Finding("shared memory", Grade.FAIL, f"{free_mb} MB free in {SHM}", advice)
    return Finding("shared memory", Grade.OK, f"{free_mb} MB free in {SHM}")


def _stale_segments() -> Finding:
    from wiw_ros.transport import segments, stale_segments

    stale = stale_segments(SHM)
    if not stale:
        return Finding("stale DDS segments", Grade.OK, f"{len(segments(SHM))} in use, none stale")
    size_mb = sum(path.stat().st_size for path in stale) / 2**20
    advice = f"Left by killed nodes; with no node running: rm {SHM}/fastrtps_*"
    seen = f"{len(stale)} segments, {size_mb:.0f} MB"
    return Finding("stale DDS segments", Grade.WARN, seen, advice)


def _domain() -> Finding:
    text = os.environ.get("ROS_DOMAIN_ID", "0")
    if not text.isdigit() or int(text) > 101:
        return Finding("domain", Grade.FAIL, f"ROS_DOMAIN_ID={text}", "Use 0 to 101.")
    port = 7400 + 250 * int(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            advice = "Choose another ROS_DOMAIN_ID."
            return Finding("domain", Grade.WARN, f"domain {text}, UDP {port}: {error}", advice)
    return Finding("domain", Grade.OK, f"domain {text}, UDP {port}")


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return Finding("cores", Grade.WARN, f"{cores}", "Two or more make the three nodes fluent.")
    return Finding("cores", Grade.OK, f"{cores}")


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _ros,
    _messages,
    _rendering,
    _shared_memory,
    _stale_segments,
    _domain,
    _cores,
)


def _import_problem(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken native module may raise anything
        return f"cannot import {module}: {error}"
    return ""
