"""``wiw doctor --robot PROFILE``: is everything there that the robot is driven by? Nothing moves.

It only listens: it has no publisher, no action client and no service client for anything that
moves, and looks at the robot through the very code that the ``robot`` environment uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wiw.doctor import Finding, Grade
from wiw.doctor_robot import arm, base, cameras, order
from wiw.doctor_robot.visit import Visit
from wiw_core.errors import WiwError, describe
from wiw_env_bridge.robot.profile import RobotProfile

Check = Callable[[Visit], Iterator[Finding]]


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
        body: Check = base.check if profile.kind == "base" else arm.check
        checks = (cameras.check, body, order.check)
        listened = [_made(visit, check) for check in checks]
        visit.listen()
        findings = [finding for made in listened for finding in _found(made)]
        warned = visit.link.warnings
    return [*findings, *(Finding("warning", Grade.WARN, text, "See above.") for text in warned)]


def _made(visit: Visit, check: Check) -> Iterator[Finding]:
    """Start a check up to where it has subscribed to all that it wants to hear."""
    made = check(visit)
    first = next(made)
    assert first is visit.LISTENING
    return made


def _found(made: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from made
    except WiwError as error:
        yield Finding(describe(error.code), Grade.FAIL, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - whatever breaks is the finding
        yield Finding("doctor", Grade.FAIL, f"{type(error).__name__}: {error}", "Report this.")
