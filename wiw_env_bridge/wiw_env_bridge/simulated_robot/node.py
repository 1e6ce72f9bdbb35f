"""The process of the simulated robot: its node, its faults and its referee."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_env_bridge.simulated_robot.body import SimulatedBody
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.referee import Referee
from wiw_msgs.srv import InjectFault
from wiw_ros import logs
from wiw_ros.action import serve
from wiw_ros.parameters import NODE_OPTIONS, Param, Parameters

KINDS = ("base", "arm")
THREADS = 8
TEND_S = 0.1

PARAMS = (
    Param("kind", "base", "What robot it is.", choices=KINDS),
    Param("faults", [], "Active from the start, each as name or name=value."),
    Param("seed", 0, "Of all noise.", low=0, high=2**31),
)


class SimulatedRobot(Node):
    """A robot that shows standard interfaces only, beside ``~/inject`` and ``~/referee/*``.

    Like a robot's driver it is no managed node: it works as long as it runs. The referee's services
    appear last.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` naming every problem; ``INTERFACE_MISSING``; ``ENVIRONMENT_FAILED`` where
        nothing can be drawn.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("simulated_robot", **NODE_OPTIONS, **options)
        kind = self.get_parameter_or("kind").value or PARAMS[0].default
        params, make = _kind(kind)
        self._locked = ""
        values = Parameters(self, (*PARAMS, *params), lambda: self._locked).read()
        self._locked = "Parameters are read when the process starts"
        self.faults = Faults(values["kind"], self.get_logger().warning)
        self.faults.read(values["faults"])
        self.body: SimulatedBody = make(self, values, self.faults, self.fail)
        try:
            self.body.start()
        except BaseException:
            self.body.close()
            raise
        serve(self, InjectFault, "~/inject", self._inject, self.fail)
        Referee(self, self.body.judge, self.fail)
        self.create_timer(
            TEND_S,
            self.body.tend,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.get_logger().info(f"a simulated {kind} is ready")

    def fail(self, error: BaseException) -> WiwError:
        """Log an exception as one sentence with its code and return it as a ``WiwError``."""
        if isinstance(error, WiwError):
            failure = error
        else:
            failure = WiwError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}.")
            self.get_logger().debug("".join(traceback.format_exception(error)))
        self.get_logger().error(f"{describe(failure.code)}: {failure}")
        return failure

    def destroy_node(self) -> None:
        """Stand still, end the threads, then destroy the node."""
        self.body.close()
        super().destroy_node()

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
    logs.forward(robot.get_logger())
    executor = MultiThreadedExecutor(THREADS)
    executor.add_node(robot)
    spinner = threading.Thread(target=_spin, args=(executor, robot, ending), daemon=True)
    spinner.start()
    ending.wait()
    robot.body.stop()
    executor.shutdown(timeout_sec=1.0)
    spinner.join(1.0)
    robot.destroy_node()
    rclpy.try_shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Python gives signals back their deadly default at its end: a second Ctrl-C would meet it.
        signal.signal(number, signal.SIG_IGN)
    return 0


def _spin(executor: MultiThreadedExecutor, robot: SimulatedRobot, ending: threading.Event) -> None:
    while not ending.is_set():
        try:
            executor.spin_once(timeout_sec=1.0)
        except ExternalShutdownException:
            return
        except Exception as error:  # noqa: BLE001 - one bad callback must not stop the others
            if not ending.is_set():
                robot.fail(error)


def main() -> None:
    """Run the robot until a signal."""
    sys.exit(run())


if __name__ == "__main__":
    main()
