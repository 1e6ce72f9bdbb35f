"""A network that is cut: the robot holds on its own side, and no motion is repeated once it heals.

Every node is on a host of its own (a network namespace) and talks to the others by UDP only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import partition_run
import pytest
from partition import Network, why_not
from robot_graph import TTL_S

from wiw_core.errors import ErrorCode

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def test_robot_holds_when_the_network_is_cut_and_works_on_when_it_heals(tmp_path: Path) -> None:
    if why := why_not():
        pytest.skip(why)
    network = Network(partition_run.HOSTS)
    with network.built():
        run = subprocess.run(
            [
                *network.on("probe"),
                sys.executable,
                partition_run.__file__,
                str(tmp_path),
                str(os.getpid()),
            ],
            capture_output=True,
            text=True,
            timeout=200.0,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads((tmp_path / "told.json").read_text())

    planner = told["planner"]
    assert planner["held_s"] <= TTL_S, planner
    assert planner["bridge"] == ErrorCode.COMMAND_LOST, planner
    assert planner["planner"] == ErrorCode.ACTION_SERVER_LOST and planner["message"], planner
    assert planner["works"], "no plan is executed twice, and the next episode runs"

    model = told["model"]
    assert model["held_s"] == 0.0 and model["works"], model
    assert model["planner"] == ErrorCode.WM_DIED and "wm_node" in model["message"], model
