"""A simulated robot in a process of its own, and profiles that make tests of it quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from wiw_core.errors import WiwError
from wiw_env_bridge.robot.environment import RobotEnvironment
from wiw_env_bridge.robot.profile import FOLDER
from wiw_msgs.srv import InjectFault
from wiw_ros.testing import NodeProcess, Probe, own_domain

BASE: dict[str, Any] = {
    "kind": "base",
    "front_size": 64,
    "panorama_height": 64,
    "panorama_width": 128,
    "camera_hz": 10.0,
}
"""Parameters of a small simulated base."""
PATIENT: dict[str, Any] = {
    "timing": {"settle_s": 0.1, "image_age_s": 1.5, "server_wait_s": 20.0, "reacquire_s": 1.0},
    "base": {"speed_m_s": 0.5, "turn_rad_s": 1.5, "odom_age_s": 0.8},
}
"""What a busy machine needs, and what makes it quick."""


def written_profile(folder: Path, name: str = "simulated_base", **changes: Any) -> str:
    """Write a shipped profile with :data:`PATIENT` and these changes; return its path."""
    profile = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    for section, values in (*PATIENT.items(), *changes.items()):
        if isinstance(values, dict) and section in profile:
            profile[section] = {**profile[section], **values}
        else:
            profile[section] = values
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(profile))
    return str(path)


class RobotUnderTest:
    """The process, a probe beside it, and its faults."""

    def __init__(self, domain: int, folder: Path, parameters: dict[str, Any]) -> None:
        self.folder = folder
        self.process = NodeProcess("wiw_env_bridge.simulated_robot.node", folder, parameters)
        self.probe = Probe(domain)

    def inject(self, fault: str, value: float = 0.0) -> None:
        """Make it misbehave."""
        request = InjectFault.Request(fault=fault, value=value)
        reply = self.probe.call(InjectFault, "/simulated_robot/inject", request)
        assert reply.code == 1, reply.message

    @contextmanager
    def faulty(self, fault: str, value: float = 0.0) -> Iterator[None]:
        """Misbehave for a while."""
        self.inject(fault, value)
        try:
            yield
        finally:
            self.inject("")

    def close(self) -> None:
        """End the process."""
        self.probe.close()
        if self.process.process.poll() is None:
            self.process.stop()


@contextmanager
def robot_process(folder: Path, **parameters: Any) -> Iterator[RobotUnderTest]:
    """Run a small simulated base in a domain of its own."""
    with own_domain() as domain:
        robot = RobotUnderTest(domain, folder, {**BASE, **parameters})
        try:
            service = "/simulated_robot/referee/decided"
            robot.probe.until(lambda: _offered(robot.probe, service), 60.0, service)
            yield robot
        finally:
            robot.close()


@contextmanager
def environment_of(profile: str) -> Iterator[RobotEnvironment]:
    """Make the environment and close it."""
    env = RobotEnvironment(profile)
    try:
        yield env
    finally:
        env.close()


def code_of(call: Any) -> str:
    """Return the name of the code that a call raises, "" if it does not."""
    try:
        call()
    except WiwError as error:
        return error.code.name
    return ""


def _offered(probe: Probe, service: str) -> bool:
    return any(name == service for name, _ in probe.node.get_service_names_and_types())
