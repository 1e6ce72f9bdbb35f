"""The managed node that all WIW nodes are, and the main function that runs one as a process."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.action import ActionServer
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import MultiThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_msgs.msg import Heartbeat
from wiw_ros import logs
from wiw_ros.host import host_id
from wiw_ros.parameters import NODE_OPTIONS, Param, Parameters
from wiw_ros.qos import DIAGNOSTICS, HEARTBEAT
from wiw_ros.spinning import spin

HEARTBEAT_S = 0.1
SHUTDOWN_S = 5.0
"""Longest time from a signal to the end of the process."""
SIGNAL_S = 0.05
"""Longest time from a signal to what it is for."""
ANSWER_S = 1.0
"""Longest time for the results of goals that a shutdown ends."""
THREADS = 16
"""Executor threads; each goal in progress holds one, the heartbeat needs one."""

_NOT_OUR_FAULT = (
    ErrorCode.CANCELLED,
    ErrorCode.ABORTED_BY_USER,
    ErrorCode.BUSY,
    ErrorCode.STALE_GENERATION,
)

COMMON = (
    Param("autostart", True, "Configure and activate when the process starts.", read_only=True),
    Param("exit_on_failure", False, "End the process if autostart fails.", read_only=True),
)


class ManagedNode(LifecycleNode):
    """A lifecycle node with checked parameters, a heartbeat and diagnostics.

    Subclasses implement :meth:`setup`, :meth:`start`, :meth:`stop` and :meth:`teardown`. Any
    exception in the first two fails the transition with one logged sentence and leaves the node
    reconfigurable. Topics, services and actions are created once in ``__init__``;
    :meth:`require_active` guards them.

    Parameters are read when the node is configured and cannot change until it is cleaned up, so
    what ``ros2 param get`` shows is what the node uses.
    """

    def __init__(self, name: str, params: Sequence[Param], **options: Any) -> None:
        super().__init__(name, **NODE_OPTIONS, **options)
        self.counters: Counter[str] = Counter()
        self.is_active = False
        self.on_exit_request: Callable[[int], None] = lambda code: None
        self._configured = False
        self._last_error = ""
        self._beats = 0
        self._parameters_declared = Parameters(self, (*COMMON, *params), self._why_locked)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        beat_group = MutuallyExclusiveCallbackGroup()
        self._heartbeat = self.create_publisher(Heartbeat, "heartbeat", HEARTBEAT)
        self.create_timer(HEARTBEAT_S, self._beat, callback_group=beat_group, clock=steady)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
        self.create_timer(
            1.0, self._diagnose, callback_group=MutuallyExclusiveCallbackGroup(), clock=steady
        )
        # In the default group, as the lifecycle services are: transitions never overlap.
        self._autostart = self.create_timer(0.0, self._start_up, clock=steady)

    # What a subclass fills in ---------------------------------------------------------------------

    def setup(self, values: dict[str, Any]) -> None:
        """Load what the node needs; raises to refuse. ``values`` holds every parameter by name."""

    def start(self) -> None:
        """Begin to accept work; raises to refuse."""

    def stop(self) -> None:
        """Hold still, end work in progress; bounded in time."""

    def teardown(self) -> None:
        """Free what :meth:`setup` made, even half of it; idempotent."""

    # What a subclass uses -------------------------------------------------------------------------

    @property
    def full_name(self) -> str:
        """Fully qualified node name, as heartbeats carry it."""
        return str(self.get_fully_qualified_name())

    def require_active(self) -> None:
        """Raise ``NOT_ACTIVE`` unless the node is active."""
        if not self.is_active:
            why = f" Its last error: {self._last_error}" if self._last_error else ""
            raise WiwError(
                ErrorCode.NOT_ACTIVE, f"{self.full_name} is not active.{why}", "Activate it first."
            )

    def fail(self, error: BaseException) -> WiwError:
        """Log an exception as one sentence with its code, count it, return it as a ``WiwError``."""
        if isinstance(error, WiwError):
            failure = error
        else:
            failure = WiwError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}.")
            self.get_logger().debug("".join(traceback.format_exception(error)))
        sentence = f"{describe(failure.code)}: {failure}"
        self.counters[f"error {describe(failure.code)}"] += 1
        if failure.code in _NOT_OUR_FAULT:
            self.get_logger().warning(sentence)
        else:
            self._last_error = sentence
            self.get_logger().error(sentence)
        return failure

    # Lifecycle ------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and set up."""
        try:
            self.setup(self._parameters_declared.read())
        except Exception as error:  # noqa: BLE001 - any failure leaves the node unconfigured and says why
            self.fail(error)
            self._quietly(self.teardown)
            return TransitionCallbackReturn.FAILURE
        self._configured, self._last_error = True, ""
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Accept work."""
        try:
            self.start()
        except Exception as error:  # noqa: BLE001 - any failure leaves the node inactive and says why
            self.fail(error)
            self._quietly(self.stop)
            return TransitionCallbackReturn.FAILURE
        self.is_active = True
        self.get_logger().info("active")
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Hold still and refuse work."""
        self.is_active = False
        self._quietly(self.stop)
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; parameters may change again."""
        self._quietly(self.teardown)
        self._configured = False
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Hold still and free everything, from any state."""
        self.is_active = False
        self._quietly(self.stop)
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured."""
        return self.on_shutdown(state)

    def _quietly(self, step: Any) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a way down must reach its end
            self.fail(error)

    def _LifecycleNodeMixin__on_change_state(self, request: Any, response: Any) -> Any:
        # rclpy raises, and never answers the caller, when a transition is not possible now.
        try:
            return super()._LifecycleNodeMixin__on_change_state(request, response)
        except rclpy_implementation.RCLError as error:
            self.get_logger().warning(f"transition refused: {error}")
            response.success = False
            return response

    def _start_up(self) -> None:
        self._autostart.cancel()
        if not self.get_parameter("autostart").value:
            return
        done = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() == done and self.trigger_activate() == done:
            return
        if self.get_parameter("exit_on_failure").value:
            self.on_exit_request(1)
        else:
            self.get_logger().error("autostart failed; set the parameters and configure it again")

    def _why_locked(self) -> str:
        if not self._configured:
            return ""
        return "Parameters are read at configure: clean the node up, set it, configure again"

    # Signs of life --------------------------------------------------------------------------------

    def _beat(self) -> None:
        self._beats += 1
        self._heartbeat.publish(Heartbeat(node=self.full_name, count=self._beats))

    def _diagnose(self) -> None:
        state = self._state_machine.current_state[1]
        level = DiagnosticStatus.OK if self.is_active else DiagnosticStatus.WARN
        if self._last_error and not self.is_active:
            level = DiagnosticStatus.ERROR
        counts = [KeyValue(key=k, value=str(v)) for k, v in sorted(self.counters.items())]
        status = DiagnosticStatus(
            level=level,
            name=self.full_name,
            message=self._last_error or state,
            hardware_id=host_id(),
            values=[KeyValue(key="state", value=state), *counts],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def run(node_class: Callable[[], ManagedNode], args: Sequence[str] | None = None) -> int:
    """Run one node until SIGINT or SIGTERM; the ``main`` of every node.

    On a signal the node stops (the robot holds), frees everything and the process ends with 0
    within :data:`SHUTDOWN_S`.

    Returns
    -------
    int
        The exit code: 0, or 1 if the node asked to end with a failure.
    """
    exit_requests: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: exit_requests.put(0))
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = node_class()
    logs.forward(node.get_logger())
    node.on_exit_request = exit_requests.put
    executor = MultiThreadedExecutor(num_threads=THREADS)
    executor.add_node(node)
    ending = threading.Event()
    spinner = threading.Thread(target=spin, args=(executor, ending, node.fail), daemon=True)
    spinner.start()
    code = _first(exit_requests)

    # Threads cannot be ended: a plugin that is stuck must not keep the process.
    down = threading.Event()
    last_resort = threading.Timer(SHUTDOWN_S - 0.5, lambda: os._exit(code if down.is_set() else 1))
    last_resort.daemon = True
    last_resort.start()
    try:
        node.trigger_shutdown()
    except Exception as error:  # noqa: BLE001 - also in the middle of a transition the robot must hold
        node.fail(error)
        node.on_shutdown(LifecycleState(state_id=0, label="unknown"))
    answer_open_goals(executor, node)
    down.set()
    ending.set()
    executor.shutdown(timeout_sec=1.0)
    spinner.join(1.0)
    node.destroy_node()
    rclpy.try_shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Python gives signals back their deadly default at its end: a second Ctrl-C would meet it.
        signal.signal(number, signal.SIG_IGN)
    return code


def _first(exit_requests: queue.SimpleQueue[int]) -> int:
    """Wait for the first entry; see to it that the handlers of signals run.

    They run in the main thread only. Where two signals come at once another thread may take both,
    and what the main thread waits in is not interrupted.
    """
    while True:
        try:
            return exit_requests.get(timeout=SIGNAL_S)
        except queue.Empty:
            continue


def answer_open_goals(executor: MultiThreadedExecutor, node: Node) -> None:
    """Let the executor send the results of goals that have just been ended; bounded in time."""
    servers = [w for w in node.waitables if isinstance(w, ActionServer)]
    end, quiet_turns = time.monotonic() + ANSWER_S, 0
    while quiet_turns < 2 and time.monotonic() < end:
        ended = all(f.done() for s in servers for f in list(s._result_futures.values()))
        quiet_turns = quiet_turns + 1 if ended else 0
        turned = threading.Event()
        executor.create_task(turned.set)  # behind the replies that are queued already
        turned.wait(ANSWER_S)
