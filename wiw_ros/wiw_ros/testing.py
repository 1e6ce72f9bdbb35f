"""Helpers for system tests: real nodes in real processes, each test in a ROS domain of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
import yaml
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor
from rclpy.parameter import Parameter

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import wait
from wiw_ros.domains import claim
from wiw_ros.transport import environment

READY_S = 60.0
"""Longest wait for a node to come up on a busy machine."""
ASK_S = 3.0
"""Time after which a question that does no harm is asked again."""
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}
"""lifecycle_msgs/Transition ids."""


@contextmanager
def own_domain() -> Iterator[int]:
    """Claim a ROS domain that no other test on this machine uses now, on the local transport."""
    domain, lock = claim()
    before = dict(os.environ)
    os.environ.update(environment(), ROS_DOMAIN_ID=str(domain), ROS_PYTHON_CHECK_FIELDS="1")
    try:
        yield domain
    finally:
        os.environ.clear()
        os.environ.update(before)
        lock.close()


class NodeProcess:
    """One node as a process of its own; its output goes to a file.

    Parameters
    ----------
    module : str
        What ``python -m`` runs, such as ``wiw_wm_node.node``.
    folder : Path
        For its parameter file and log.
    parameters : mapping
        As in a ROS parameter file.
    prefix : sequence of str
        A command that becomes the node, such as ``("ip", "netns", "exec", "robot")``.
    """

    def __init__(
        self,
        module: str,
        folder: Path,
        parameters: Mapping[str, Any] | None = None,
        name: str = "",
        namespace: str = "",
        log_level: str = "info",
        prefix: Sequence[str] = (),
    ) -> None:
        label = name or module.replace(".", "_")
        file = folder / f"{label}.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(parameters or {})}}))
        arguments = ["--ros-args", "--log-level", log_level, "--params-file", str(file)]
        arguments += ["-r", f"__node:={name}"] if name else []
        arguments += ["-r", f"__ns:={namespace}"] if namespace else []
        self._log = folder / f"{label}.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", module, *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """All it has printed so far."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 10.0) -> int:
        """Send a signal and return the exit code; raises ``TimeoutExpired``."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()


class Probe:
    """A node in the test's own process that watches and drives the others.

    Its executor spins in a thread; every wait is bounded and wakes on what arrives.
    """

    def __init__(self, domain: int, name: str = "probe") -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node(name, context=self._context)
        self._executor = MultiThreadedExecutor(num_threads=16, context=self._context)
        self._executor.add_node(self.node)
        self._group = ReentrantCallbackGroup()
        self._news = threading.Condition()
        self._clients: dict[str, Any] = {}
        self._introduced: set[str] = set()
        self.greetings: dict[str, Callable[[], object]] = {}
        """A harmless question to a node without lifecycle, by the prefix of its names."""
        self._spinner = threading.Thread(target=self._executor.spin, daemon=True)
        self._spinner.start()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=2.0)
        self._context.try_shutdown()
        self._spinner.join(2.0)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def add(self, node: Any) -> None:
        """Run another node of this process, made with the probe's context, in its executor."""
        self._executor.add_node(node)

    def record(self, message_type: Any, topic: str, qos: Any) -> list[tuple[float, Any]]:
        """Return a list that grows by ``(time.monotonic(), message)`` as messages arrive."""
        seen: list[tuple[float, Any]] = []

        def take(message: Any) -> None:
            with self._news:
                seen.append((time.monotonic(), message))
                self._news.notify_all()

        self.node.create_subscription(message_type, topic, take, qos, callback_group=self._group)
        return seen

    def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until ``holds()``, asked whenever a message arrives; raises ``AssertionError``."""
        end = time.monotonic() + timeout_s
        with self._news:
            while not holds():
                left = end - time.monotonic()
                assert left > 0, f"after {timeout_s} s still waiting: {what}"
                self._news.wait(min(left, 0.1))

    def call(self, service_type: Any, name: str, request: Any, timeout_s: float = READY_S) -> Any:
        """Call a service and return its response, whatever its code."""

        def make() -> Any:
            return self.node.create_client(service_type, name, callback_group=self._group)

        client = self._met(name, make, "wait_for_service", timeout_s)
        return self.wait(client.call_async(request), timeout_s, name)

    def send(
        self,
        action_type: Any,
        name: str,
        goal: Any,
        feedback: Callable[[Any], None] = lambda message: None,
        timeout_s: float = READY_S,
    ) -> Any:
        """Send a goal and return its accepted handle."""

        def make() -> Any:
            return SafeActionClient(self.node, action_type, name, callback_group=self._group)

        def take(message: Any) -> None:
            with self._news:
                feedback(message.feedback)
                self._news.notify_all()

        client = self._met(name, make, "wait_for_server", timeout_s)
        handle = self.wait(client.send_goal_async(goal, feedback_callback=take), timeout_s, name)
        assert handle.accepted, f"{name} rejected the goal"
        return handle

    def result(self, handle: Any, timeout_s: float = READY_S) -> Any:
        """Wait for a goal's end; the answer has ``status`` and ``result``."""
        return self.wait(handle.get_result_async(), timeout_s, "the result")

    def cancel(self, handle: Any, timeout_s: float = READY_S) -> None:
        """Ask for cancellation and wait for the answer to that."""
        self.wait(handle.cancel_goal_async(), timeout_s, "the cancellation")

    def state(self, node: str, timeout_s: float = READY_S) -> str:
        """Return a managed node's lifecycle state; asks again where an answer was lost."""
        end = time.monotonic() + timeout_s
        while True:
            left = end - time.monotonic()
            try:
                reply = self.call(
                    GetState, f"{node}/get_state", GetState.Request(), max(0.1, min(left, ASK_S))
                )
            except (WiwError, AssertionError):
                if left <= ASK_S:
                    raise
                continue
            return str(reply.current_state.label)

    def change(self, node: str, transition: str, timeout_s: float = READY_S) -> bool:
        """Ask for a transition of :data:`TRANSITIONS`; return whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[transition]
        return bool(self.call(ChangeState, f"{node}/change_state", request, timeout_s).success)

    def set(self, node: str, timeout_s: float = READY_S, **parameters: Any) -> list[str]:
        """Set parameters; return for each "" or why it was refused."""
        # The type of an empty list cannot be inferred, and all lists of WIW hold texts.
        texts = Parameter.Type.STRING_ARRAY
        typed = (Parameter(k, texts if v == [] else None, v) for k, v in parameters.items())
        messages = [parameter.to_parameter_msg() for parameter in typed]
        request = SetParameters.Request(parameters=messages)
        reply = self.call(SetParameters, f"{node}/set_parameters", request, timeout_s)
        return ["" if r.successful else r.reason or "refused" for r in reply.results]

    def until_state(self, node: str, state: str, timeout_s: float = READY_S) -> None:
        """Wait until a managed node is in a lifecycle state."""
        end = time.monotonic() + timeout_s
        while (now := self.state(node, max(0.1, end - time.monotonic()))) != state:
            assert time.monotonic() < end, f"{node} is {now}, not {state}"
            with self._news:
                self._news.wait(0.1)

    def _met(self, name: str, make: Callable[[], Any], wait: str, timeout_s: float) -> Any:
        """Return the client of that name, made and introduced to its server at the first use."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = make()
        assert getattr(client, wait)(timeout_s), f"nobody offers {name}"
        node = name.rpartition("/")[0]
        if name not in self._introduced and f"{node}/get_state" in self._introduced:
            # DDS drops a reply to a client that the server has not discovered yet: let the server
            # answer one question after it could have discovered this one.
            self.state(node, timeout_s)
        new = name not in self._introduced
        self._introduced.add(name)
        for prefix, ask in list(self.greetings.items()):
            if new and name.startswith(prefix):
                ask()  # for the same reason
        return client

    def wait(self, future: Any, timeout_s: float = READY_S, what: str = "a future") -> Any:
        """Wait for what a future brings; raises ``INTERNAL`` after ``timeout_s``."""
        late = WiwError(ErrorCode.INTERNAL, f"No answer within {timeout_s} s: {what}.")
        return wait(future, time.monotonic() + timeout_s, late)
