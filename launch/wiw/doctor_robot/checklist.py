"""What no program can check: to be done by people before a robot moves by itself."""

from __future__ import annotations

from wiw_env_bridge.robot.profile import RobotProfile

_FREE = {
    "base": "Put it on blocks: the wheels turn in the air.",
    "arm": "Free the space of the whole arm, not only of the tool; put nothing on the table.",
}


def checklist(profile: RobotProfile) -> list[str]:
    """Return the steps of a bring-up, in order."""
    return [
        "One person has the robot's own emergency stop in hand, has pressed it today, and does"
        " nothing else. The e-stop of this software is no safety function.",
        _FREE[profile.kind],
        "Nobody stands within its reach, or in front of it; who watches stands beside the stop.",
        "Set speeds to the least: 0.1 m/s for a base, a tenth of its speed for an arm.",
        "Start with dry_run: every plan is checked and nothing moves. Then with require_approval:"
        " each plan waits for a person.",
        "Start a long motion and kill each node in turn (kill -9): planner, world model, bridge,"
        " driver. It must stand still within command_ttl_s, or the time-out of its own driver.",
        "Start a long motion and switch the Wi-Fi off, or pull the cable. It must stand still.",
        "Start a long motion and cover the camera; unplug it; press ~/estop. It must stand still.",
        "Only then: on the ground, one episode, approval on, a hand on the emergency stop.",
        "Raise one limit at a time, and repeat the kill and the Wi-Fi test after each change of"
        " speed, driver or network.",
    ]
