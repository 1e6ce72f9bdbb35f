"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graph import Graph
from robot_graph import RobotGraph

from wiw_ros.testing import own_domain


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Three nodes with fakes, shared by the tests of a module; each test leaves them working."""
    with own_domain() as domain:
        graph = Graph(domain, tmp_path_factory.mktemp("graph"))
        try:
            graph.start_all()
            yield graph
        finally:
            graph.close()


@pytest.fixture(scope="module")
def robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RobotGraph]:
    """The simulated base under a planner, shared by a module; each test leaves it working."""
    with own_domain() as domain:
        graph = RobotGraph(domain, tmp_path_factory.mktemp("robot"))
        try:
            graph.start_all()
            yield graph
        finally:
            graph.close()


@pytest.fixture
def robot(robots: RobotGraph) -> RobotGraph:
    """The same, with nothing held against it from a test that has failed."""
    robots.inject("")
    robots.watcher.forget()
    return robots
