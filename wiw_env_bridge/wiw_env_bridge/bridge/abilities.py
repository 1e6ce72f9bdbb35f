"""What an environment may offer to its bridge beyond its contract; a robot offers all of it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from rclpy.node import Node

from wiw_core.plans import Plan


@runtime_checkable
class NodeUser(Protocol):
    """An environment that talks to ROS in the bridge's context, namespace and time."""

    def attach(self, node: Node) -> None:
        """Take the bridge's node, once, before anything else is asked of the environment."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """An environment that can say whether it would refuse a plan."""

    def check(self, plan: Plan) -> None:
        """Make every check of ``act`` that needs no motion; raises what ``act`` would."""
        ...


@runtime_checkable
class Physical(Protocol):
    """An environment behind which there is one robot that others might move as well.

    Attributes
    ----------
    robot : str
        The resolved name of the robot's first command interface, such as ``/cmd_vel``.
    still_only : bool
        Set by the bridge: nothing may move, also not to look around; what would raises ``DRY_RUN``.
    looking : Plan
        What it moves to look around when an episode begins; no actions: nothing.
    """

    robot: str
    still_only: bool
    looking: Plan


@runtime_checkable
class ClockAware(Protocol):
    """An environment that keeps time stamps."""

    def time_jumped(self) -> None:
        """Forget what has a stamp: the clock was set. Any thread; never raises, never waits."""
        ...
