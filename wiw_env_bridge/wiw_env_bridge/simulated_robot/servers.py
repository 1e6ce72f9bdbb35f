"""A node beside the robot's own that offers actions, and that can vanish as a process does."""

from __future__ import annotations

import threading

from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from wiw_ros.node import answer_open_goals

THREADS = 6
"""Each goal in progress holds one; cancel requests and new goals need others."""


class Gone(BaseException):
    """Raised in an action's execution when its server has crashed.

    rclpy answers a client after any ``Exception``; what is none leaves it without an answer, as a
    process that has died does.
    """


class ServerNode:
    """One node with its own executor thread.

    Parameters
    ----------
    beside : Node
        The robot's node; namespace, context and time source are its.
    name : str
        Of the new node.
    """

    def __init__(self, beside: Node, name: str) -> None:
        sim_time = beside.get_parameter("use_sim_time").value
        self.node = Node(
            name,
            namespace=beside.get_namespace(),
            context=beside.context,
            use_global_arguments=False,  # a name given to the process is the robot's node's
            parameter_overrides=[Parameter("use_sim_time", value=bool(sim_time))],
            start_parameter_services=False,
        )
        self._executor = MultiThreadedExecutor(THREADS, context=beside.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def answer(self) -> None:
        """Send the results of goals that have just been ended."""
        answer_open_goals(self._executor, self.node)

    def close(self) -> None:
        """End the thread and the node; whoever waits for its answers waits in vain."""
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(1.0)
        self.node.destroy_node()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except (ExternalShutdownException, Gone):
            pass
