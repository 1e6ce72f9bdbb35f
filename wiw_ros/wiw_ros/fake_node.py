"""A fake node that lives and does nothing: for tests of lifecycles, heartbeats and shutdown."""

from __future__ import annotations

import sys
import threading
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.node import ManagedNode, run
from wiw_ros.parameters import Param

FAULTS = ("none", "refuse", "crash", "hang_in_stop")

PARAMS = (
    Param("fault", "none", "What goes wrong.", choices=FAULTS),
    Param("rate", 10.0, "A number with limits.", unit="Hz", low=0.1, high=100.0),
    Param("count", 3, "A whole number with a lower limit.", low=1),
    Param("names", [], "A list that is empty by default."),
)


class FakeNode(ManagedNode):
    """A fake: it logs what it is told, and fails as the parameter ``fault`` says."""

    def __init__(self) -> None:
        super().__init__("fake_node", PARAMS)
        self._fault = "none"

    def setup(self, values: dict[str, Any]) -> None:
        """Fail, or log the values."""
        self._fault = values["fault"]
        if self._fault == "refuse":
            raise WiwError(ErrorCode.MODEL_UNAVAILABLE, "The fake node was told to refuse.")
        if self._fault == "crash":
            raise RuntimeError("the fake node was told to crash")
        self.get_logger().info(f"set up with rate={values['rate']} names={values['names']}")

    def stop(self) -> None:
        """Log it, or never return."""
        if self._fault == "hang_in_stop":
            threading.Event().wait()
        self.get_logger().info("holding")

    def teardown(self) -> None:
        """Log it."""
        self.get_logger().info("torn down")


def main() -> None:
    """Run the fake until a signal."""
    sys.exit(run(FakeNode))


if __name__ == "__main__":
    main()
