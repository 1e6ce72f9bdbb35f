"""Every reason, beside its holder's silence, for which the robot must not move.

How a motion ends, and who sees to it that the robot holds; in each case ``Motion`` holds once more
in the ``finally`` of the environment's thread, and the environment in its own:

=============================  =================  ==================================================
end                            code               who notices
=============================  =================  ==================================================
the plan is executed           OK                 the environment
a fault of the environment     its own            the environment
an unforeseen exception        9001, 1070         ``Motion``, ``Session``
cancelled                      CANCELLED          ``Motion``, polling the goal
holder silent or restarted     COMMAND_LOST       ``Motion``, polling ``HolderWatch``
e-stop                         ESTOPPED           ``EStop``, at once, in the thread that hears it
clock set or stopped           TIME_JUMP          ``ClockWatch``, 10 Hz, and in motion every poll
another bridge was first       DUPLICATE_BRIDGE   ``Lease``, at once
another episode, or its end    STALE_GENERATION   the node's services, before they do anything
deactivated, shut down         NOT_ACTIVE         the node's ``stop``
SIGINT, SIGTERM, also twice    NOT_ACTIVE         ``wiw_ros.node.run``: it shuts the node down
SIGKILL, power                 none               nobody here: the robot's own watchdog on commands
=============================  =================  ==================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wiw_core.contracts import Environment
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan
from wiw_env_bridge.bridge.abilities import ClockAware, Physical
from wiw_env_bridge.bridge.approval import Approval
from wiw_env_bridge.bridge.clock import ClockWatch
from wiw_env_bridge.bridge.estop import EStop
from wiw_env_bridge.bridge.lease import Lease
from wiw_ros.ears import Ears
from wiw_ros.node import ManagedNode
from wiw_ros.parameters import Param

PARAMS = (
    Param("require_approval", False, "Each plan waits, still, until ~/approve names it."),
    Param("approval_s", 60.0, "Longest wait for an approval.", unit="s", low=1.0, high=3600.0),
    Param("dry_run", False, "Check every plan, and move nothing."),
    Param(
        "require_estop", False, "Move only while the topic estop is repeated: silence is a stop."
    ),
    Param(
        "estop_silence_s",
        0.5,
        "Longest time between two messages of the topic estop, where it is required.",
        unit="s",
        low=0.1,
        high=10.0,
    ),
    Param("robot", "", "Name of the robot to hold the lease of; empty for the environment's own."),
)


class Supervision:
    """E-stop, clock, lease, approval and dry run of one bridge; for every environment.

    Parameters
    ----------
    interrupt : callable
        Holds the robot and ends the goal in progress with this error; must not block.
    """

    def __init__(
        self, node: ManagedNode, ears: Ears, interrupt: Callable[[WiwError], None]
    ) -> None:
        self._node, self._interrupt = node, interrupt
        self._environment: Environment | None = None
        self._values: dict[str, Any] = {}
        self._estop = EStop(node, ears, interrupt)
        self._lease = Lease(node, ears, self._stop)
        self._clock = ClockWatch(node, ears, self._jumped)
        self._approval = Approval(node)

    def configure(self, values: dict[str, Any], environment: Environment) -> None:
        """Take the node's parameters and the environment that is to be supervised."""
        self._values, self._environment = values, environment
        self._estop.require(values["estop_silence_s"] if values["require_estop"] else math.inf)
        if isinstance(environment, Physical):
            environment.still_only = values["dry_run"]

    def activate(self) -> None:
        """Take the robot; raises ``DUPLICATE_BRIDGE``."""
        environment = self._environment
        own = environment.robot if isinstance(environment, Physical) else ""
        self._lease.take(self._values["robot"] or own)

    def deactivate(self) -> None:
        """Give the robot back."""
        self._lease.release()

    def forget(self) -> None:
        """The environment is being closed."""
        self._environment = None

    def episode_begun(self) -> None:
        """What the clock did before has no stamps in this episode."""
        self._clock.forget()

    def forbidden(self) -> WiwError | None:
        """Return why not even an episode may begin, or None."""
        return self._estop.reason or self._lease.reason

    def reason(self) -> WiwError | None:
        """Return why nothing may move now, or None; asked every 20 ms of a motion."""
        return self.forbidden() or self._clock.reason()

    def admit(
        self,
        plan: Plan,
        episode_id: str,
        holder: str,
        check: Callable[[], None],
        gone: Callable[[], WiwError | None],
    ) -> None:
        """Return once a plan may be executed.

        Parameters
        ----------
        check : callable
            Raises what is wrong with the plan; a person is not asked about one that cannot be
            executed anyway.
        gone : callable
            Why nobody waits for the plan's execution any more, or None.

        Raises
        ------
        WiwError
            ``DRY_RUN``, ``NOT_APPROVED``, or what ``check`` or ``gone`` give.
        """
        dry, ask = self._values["dry_run"], self._values["require_approval"]
        if dry or ask:
            check()
        if dry:
            raise WiwError(
                ErrorCode.DRY_RUN,
                f"A dry run: the plan of {len(plan)} actions passed every check without motion.",
                "Set dry_run to false to execute it.",
            )
        if ask:
            self._approval.wait(plan, episode_id, holder, self._values["approval_s"], gone)

    def admit_looking(self, episode_id: str) -> None:
        """Return once an episode may begin that begins with a look around.

        Raises
        ------
        WiwError
            ``NOT_APPROVED``, or why nothing may move.
        """
        environment, ask = self._environment, self._values["require_approval"]
        if not (ask and isinstance(environment, Physical) and environment.looking.actions):
            return
        if not self._values["dry_run"]:
            wait_s = self._values["approval_s"]
            self._approval.wait(environment.looking, episode_id, "", wait_s, self.forbidden)

    def _jumped(self, why: WiwError) -> None:
        if isinstance(self._environment, ClockAware):
            self._environment.time_jumped()
        self._stop(why)

    def _stop(self, why: WiwError) -> None:
        self._interrupt(why)
        self._node.fail(why)
