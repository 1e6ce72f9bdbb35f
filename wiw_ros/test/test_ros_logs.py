"""What a plugin logs can be read in its node's log."""

from __future__ import annotations

import logging

import pytest

from wiw_ros import logs


class Lines:
    """Stands for a node's logger."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def info(self, text: str) -> None:
        self.said.append(("info", text))

    def warning(self, text: str) -> None:
        self.said.append(("warning", text))

    def error(self, text: str) -> None:
        raise RuntimeError("no log")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    found = Lines()
    monkeypatch.setattr(logs, "PACKAGES", ("wiw_test_logs",))
    logs.forward(found)
    return found


def test_what_a_plugin_says_is_in_the_log_of_its_node(lines: Lines) -> None:
    log = logging.getLogger("wiw_test_logs.video.engine")
    log.debug("too much")
    log.info("step %d of %d", 3, 30)
    log.warning("memory ran out")
    assert lines.said == [("info", "step 3 of 30"), ("warning", "memory ran out")]


def test_a_log_that_cannot_be_written_stops_nothing(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("wiw_test_logs").error("gone")
    assert lines.said == []
