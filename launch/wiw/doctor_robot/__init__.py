"""``wiw doctor --robot PROFILE``: is everything there that the robot is driven by? Nothing moves.

It only listens: it has no publisher, no action client and no service client, and looks at the robot
through the very code that the ``robot`` environment uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wiw.doctor import Finding, Grade
from wiw.doctor_robot.arm import ArmChecks
from wiw.doctor_robot.base import BaseChecks
from wiw.doctor_robot.cameras import CameraChecks
from wiw.doctor_robot.order import OrderChecks
from wiw.doctor_robot.visit import Visit
from wiw_core.errors import WiwError, describe
from wiw_env_bridge.robot.profile import RobotProfile


def examine(
    profile: RobotProfile, namespace: str = "", simulated_time: bool = False
) -> list[Finding]:
    """Look at one robot for a few seconds; a check that itself breaks is a FAIL.

    Parameters
    ----------
    namespace : str
        Where relative names of the profile begin: the bridge's namespace.
    simulated_time : bool
        Time comes from ``/clock``.
    """
    with Visit(profile, namespace, simulated_time) as visit:
        body = BaseChecks(visit) if profile.kind == "base" else ArmChecks(visit)
        groups = (CameraChecks(visit), body, OrderChecks(visit))
        visit.listen()
        findings = [
            finding for group in groups for check in group.checks() for finding in _found(check)
        ]
        warned = [
            Finding("warning", Grade.WARN, text, "See above.") for text in visit.link.warnings
        ]
    return findings + warned


def _found(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except WiwError as error:
        yield Finding(describe(error.code), Grade.FAIL, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - whatever breaks is the finding
        yield Finding("doctor", Grade.FAIL, f"{type(error).__name__}: {error}", "Report this.")
