"""The process of the simulated robot: its node, its faults and its referee."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_env_bridge.simulated_robot.body import SimulatedBody
from wiw_env_bridge.simulated_robot.faults import FAULTS, Faults
from wiw_env_bridge.simulated_robot.referee import Referee
from wiw_msgs.srv import InjectFault
from wiw_ros import logs
from wiw_ros.action import serve
from wiw_ros.node import SHUTDOWN_S
from wiw_ros.parameters import NODE_OPTIONS, Param, Parameters
from wiw_ros.spinning import spin

_NOT_OUR_FAULT = (
    ErrorCode.UNKNOWN_TASK,
    ErrorCode.UNKNOWN_EPISODE,
    ErrorCode.NO_EPISODE,
    ErrorCode.BAD_PARAMETER,
)

KINDS = ("base", "arm")
THREADS = 8
TEND_S = 0.1
SIGNAL_S = 0.05
"""Longest wait of the main thread, in which alone the handlers of signals run."""

PARAMS = (
    Param("kind", "base", "What robot it is.", choices=KINDS),
    Param(
        "faults",
        [],
        f"Active from the start, each as name or name=value, of: {', '.join(FAULTS)}.",
    ),
    Param("seed", 0, "Of all noise.", low=0, high=2**31),
)


class SimulatedRobot:
    """A node that shows standard interfaces only, beside ``~/inject`` and ``~/referee/*``.

    Like a robot's driver it is no managed node: it works as long as it runs. The referee's services
    appear last.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` naming every problem; ``INTERFACE_MISSING``; ``ENVIRONMENT_FAILED`` where
        nothing can be drawn.
    """

    def __init__(self, **options: Any) -> None:
        self.node = node = Node("simulated_robot", **NODE_OPTIONS, **options)
        kind = node.get_parameter_or("kind").value or PARAMS[0].default
        params, make = _kind(kind)
        locked = ""
        values = Parameters(node, (*PARAMS, *params), lambda: locked).read()
        locked = "Parameters are read when the process starts"
        self.faults = Faults(values["kind"], node.get_logger().warning)
        self.faults.read(values["faults"])
        self.body: SimulatedBody = make(node, values, self.faults, self.fail)
        try:
            self.body.start()
        except BaseException:
            self.body.close()
            raise
        serve(node, InjectFault, "~/inject", self._inject, self.fail)
        Referee(node, self.body.judge, self.fail)
        node.create_timer(
            TEND_S,
            self.body.tend,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        node.get_logger().info(f"a simulated {kind} is ready")

    def fail(self, error: BaseException) -> WiwError:
        """Log an exception as one sentence with its code and return it as a ``WiwError``."""
        log = self.node.get_logger()
        if isinstance(error, WiwError):
            failure = error
        else:
            failure = WiwError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}.")
            log.debug("".join(traceback.format_exception(error)))
        sentence = f"{describe(failure.code)}: {failure}"
        if failure.code in _NOT_OUR_FAULT:
            log.info(f"refused: {sentence}")
        else:
            log.error(sentence)
        return failure

    def close(self) -> None:
        """Stand still, end the threads, then destroy the node."""
        self.body.close()
        self.node.destroy_node()

    def _inject(self, request: Any, response: Any) -> None:
        self.faults.inject(request.fault, request.value, request.duration_s)
        self.body.tend()


def _kind(kind: str) -> tuple[Sequence[Param], Callable[..., SimulatedBody]]:
    """Return a kind's parameters and class; only that kind's simulator is imported."""
    if kind == "arm":
        from wiw_env_bridge.simulated_robot import arm

        return arm.PARAMS, arm.SimulatedArm
    from wiw_env_bridge.simulated_robot import base

    return base.PARAMS, base.SimulatedBase


def run(args: Sequence[str] | None = None) -> int:
    """Run the robot until SIGINT or SIGTERM; return the exit code.

    On a signal the robot stands still first; then everything ends, with 0.
    """
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        robot = SimulatedRobot()
    except WiwError as error:
        rclpy.logging.get_logger("simulated_robot").fatal(f"{describe(error.code)}: {error}")
        rclpy.try_shutdown()
        return 1
    logs.forward(robot.node.get_logger())
    executor = MultiThreadedExecutor(THREADS)
    executor.add_node(robot.node)
    spinner = threading.Thread(target=spin, args=(executor, ending, robot.fail), daemon=True)
    spinner.start()
    while not ending.wait(SIGNAL_S):
        pass
    # Threads cannot be ended: a picture that is never drawn must not keep the process.
    last_resort = threading.Timer(SHUTDOWN_S - 0.5, lambda: os._exit(1))
    last_resort.daemon = True
    last_resort.start()
    robot.body.stop()
    executor.shutdown(timeout_sec=1.0)
    spinner.join(1.0)
    robot.close()
    rclpy.try_shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Python gives signals back their deadly default at its end: a second Ctrl-C would meet it.
        signal.signal(number, signal.SIG_IGN)
    return 0


def main() -> None:
    """Run the robot until a signal."""
    sys.exit(run())


if __name__ == "__main__":
    main()
