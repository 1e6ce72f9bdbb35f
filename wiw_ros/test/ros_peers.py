"""Scripted peers and one graph of them, in this process, for the tests of the clients."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import MultiThreadedExecutor

from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.msg import Heartbeat
from wiw_ros.clients import Liveness, Patience, RosEnvironment, RosWorldModel
from wiw_ros.qos import HEARTBEAT

OK = int(ErrorCode.OK)
PATIENCE = Patience(dead_s=0.3, hung_s=0.5)


class Peer:
    """A scripted peer: a node that beats until it is told to stop."""

    def __init__(self, context: Any, executor: MultiThreadedExecutor, name: str) -> None:
        self.node = rclpy.create_node(name, context=context)
        self.beating = True
        self._count = 0
        self._heartbeat = self.node.create_publisher(Heartbeat, "heartbeat", HEARTBEAT)
        self.node.create_timer(0.1, self._beat, callback_group=MutuallyExclusiveCallbackGroup())
        executor.add_node(self.node)

    def restart(self) -> None:
        """Count heartbeats anew, as a restarted process does."""
        self._count = 0

    def _beat(self) -> None:
        if self.beating:
            self._count += 1
            self._heartbeat.publish(Heartbeat(node=f"/{self.node.get_name()}", count=self._count))

    def error(self, error: BaseException) -> WiwError:
        return error if isinstance(error, WiwError) else WiwError(ErrorCode.INTERNAL, str(error))


class Graph:
    """One context, one executor, our own node, and as many peers as a test wants."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = MultiThreadedExecutor(12, context=self.context)
        self.node = rclpy.create_node("planner", context=self.context)
        self.executor.add_node(self.node)
        self.liveness = Liveness(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def peer(self, name: str) -> Peer:
        return Peer(self.context, self.executor, name)

    def model(self, *servers: str, **options: Any) -> RosWorldModel:
        options = {"patience": PATIENCE, "wait_s": 5.0, **options}
        return RosWorldModel(self.node, servers, self.liveness, **options)

    def environment(self, **options: Any) -> RosEnvironment:
        options = {"patience": PATIENCE, "wait_s": 5.0, **options}
        return RosEnvironment(self.node, "bridge", self.liveness, **options)

    def close(self) -> None:
        self._ending.set()
        self._thread.join(2.0)
        self.executor.shutdown(2.0)
        rclpy.shutdown(context=self.context)

    def _spin(self) -> None:
        while not self._ending.is_set():
            self.executor.spin_once(timeout_sec=0.2)


def failure(run: Callable[[], Any]) -> WiwError:
    with pytest.raises(WiwError) as caught:
        run()
    return caught.value
