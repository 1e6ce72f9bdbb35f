"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graph import Graph

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
