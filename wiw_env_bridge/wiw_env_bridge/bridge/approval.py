"""A person looks at each plan before the robot moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan
from wiw_msgs.msg import PendingPlan
from wiw_msgs.srv import ApprovePlan
from wiw_ros import convert
from wiw_ros.action import serve
from wiw_ros.node import ManagedNode
from wiw_ros.qos import LATCHED

_POLL_S = 0.02


@dataclass
class _Pending:
    id: int
    decision: ApprovePlan.Request | None = None


class Approval:
    """Publishes the plan on ``~/pending_plan`` and waits for ``~/approve`` to name its id."""

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._changed = threading.Condition()
        self._pending: _Pending | None = None
        self._count = 0
        self._topic = node.create_publisher(PendingPlan, "~/pending_plan", LATCHED)
        serve(node, ApprovePlan, "~/approve", self._approve, node.fail)

    def wait(
        self,
        plan: Plan,
        episode_id: str,
        holder: str,
        timeout_s: float,
        gone: Callable[[], WiwError | None],
    ) -> None:
        """Return once the plan is approved; the robot is still meanwhile.

        Parameters
        ----------
        gone : callable
            Why nobody waits for the decision any more, or None; asked all the while.

        Raises
        ------
        WiwError
            ``NOT_APPROVED`` if it was refused or nobody decided in time; else what ``gone`` gives.
        """
        pending = self._ask(plan, episode_id, holder, timeout_s)
        end = time.monotonic() + timeout_s
        try:
            while (decision := self._decided(pending)) is None:
                why = gone()
                if why is not None:
                    raise why
                if time.monotonic() > end:
                    raise WiwError(
                        ErrorCode.NOT_APPROVED,
                        f"Nobody approved the plan within {timeout_s:g} s; nothing was moved.",
                        "Look at ~/pending_plan and call ~/approve with its id.",
                    )
        finally:
            self._clear()
        if not decision.approve:
            raise WiwError(
                ErrorCode.NOT_APPROVED,
                f"The plan was refused by {decision.by or 'a caller without a name'}.",
            )

    def _ask(self, plan: Plan, episode_id: str, holder: str, timeout_s: float) -> _Pending:
        with self._changed:
            self._count += 1
            pending = self._pending = _Pending(self._count)
        self._topic.publish(
            PendingPlan(
                id=pending.id,
                episode_id=episode_id,
                holder=holder,
                plan=convert.plan_to_msg(plan),
                timeout_s=timeout_s,
            )
        )
        self._node.get_logger().info(f"plan {pending.id} waits for approval")
        return pending

    def _decided(self, pending: _Pending) -> ApprovePlan.Request | None:
        with self._changed:
            self._changed.wait_for(lambda: pending.decision is not None, _POLL_S)
            return pending.decision

    def _clear(self) -> None:
        with self._changed:
            self._pending = None
        self._topic.publish(PendingPlan(id=0))

    def _approve(self, request: Any, response: Any) -> None:
        with self._changed:
            pending = self._pending
            if pending is None or request.id != pending.id or pending.decision is not None:
                waits = "No plan waits" if pending is None else f"Plan {pending.id} waits"
                raise WiwError(
                    ErrorCode.NOT_APPROVED,
                    f"{waits} for approval; the decision on plan {request.id} counts for nothing.",
                )
            pending.decision = request
            self._changed.notify_all()
        verb = "approved" if request.approve else "refused"
        self._node.get_logger().info(f"plan {request.id} {verb} by '{request.by}'")
