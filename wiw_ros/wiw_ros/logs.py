"""What plugins say through Python's logging, in the log of their node."""

from __future__ import annotations

import logging
from typing import Any

PACKAGES = ("wiw_core", "wiw_learn", "wiw_env_bridge", "wiw_wm_node", "wiw_planner_node")
"""Whose messages are passed on; libraries keep their own counsel."""


class NodeLog(logging.Handler):
    """Passes messages on to a node's logger; never raises.

    Parameters
    ----------
    log : rclpy logger
        ``node.get_logger()``.
    """

    def __init__(self, log: Any) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Say it in the node's log."""
        try:
            text = self.format(record)
            # rclpy holds a line of code to one severity, so each has its own
            if record.levelno >= logging.ERROR:
                self._log.error(text)
            elif record.levelno >= logging.WARNING:
                self._log.warning(text)
            else:
                self._log.info(text)
        except Exception:  # noqa: BLE001 - a log that cannot be written must not stop the robot
            self.handleError(record)


def forward(log: Any) -> None:
    """Pass on what WIW's packages log from now on."""
    handler = NodeLog(log)
    for package in PACKAGES:
        logger = logging.getLogger(package)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
