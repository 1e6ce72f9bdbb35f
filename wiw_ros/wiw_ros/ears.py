"""A thread and a small node of its own for messages that come often."""

from __future__ import annotations

import threading

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from wiw_ros.spinning import spin


class Ears:
    """Hears frequent small messages beside the node they are for.

    Each message wakes an executor, and rclpy then looks at everything its nodes own: heartbeats of
    three nodes kept a large node at a quarter of a core. This one owns next to nothing. It is
    hidden from ``ros2 node list``, as names that begin with an underscore are.
    """

    def __init__(self, beside: Node) -> None:
        self.node = Node(
            f"_{beside.get_name()}_ears",
            namespace=beside.get_namespace(),
            context=beside.context,
            use_global_arguments=False,  # a remapped name is the big node's
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=beside.context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="ears", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and the node; bounded in time."""
        self._ending.set()
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(1.0)
        self.node.destroy_node()

    def _spin(self) -> None:
        def tell(error: Exception) -> None:
            self.node.get_logger().error(f"{type(error).__name__}: {error}")

        spin(self._executor, self._ending, tell)
