"""The loop of an executor's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy.executors import Executor, ExternalShutdownException


def spin(
    executor: Executor,
    ending: threading.Event,
    on_error: Callable[[Exception], object],
    slice_s: float = 1.0,
) -> None:
    """Spin until ``ending`` is set or the context is shut down; one bad callback ends nothing.

    Parameters
    ----------
    on_error : callable
        Told what a callback raised, unless it is ending anyway.
    slice_s : float
        Seconds between two looks at ``ending`` while nothing happens.
    """
    while not ending.is_set():
        try:
            executor.spin_once(timeout_sec=slice_s)
        except ExternalShutdownException:
            return
        except Exception as error:  # noqa: BLE001 - one bad callback must not stop the others
            if not ending.is_set():
                on_error(error)
