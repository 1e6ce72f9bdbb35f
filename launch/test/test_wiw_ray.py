"""``wiw eval --ray``, tried in a process of its own on a cluster of two nodes on this machine.

A process that has had many threads and sockets, as that of all tests has, cannot connect to Ray.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


def test_a_study_on_a_cluster_of_two_nodes_is_that_of_this_machine():
    pytest.importorskip("ray")
    checks = Path(__file__).with_name("ray_on_two_nodes.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)],
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
