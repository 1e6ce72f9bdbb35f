"""Software that keeps control of its robot: the examples, on the simulated base, with no bridge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import yaml
from robot_graph import ROBOT

from wiw_env_bridge.robot.referee.episodes import load_episodes
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).parents[1] / "examples"
PROFILE = {
    "name": "my_base",
    "kind": "base",
    "referee": {"kind": "pose", "episodes": "my_goals.yaml"},
    "cameras": {"front": {"image": "camera/image_raw", "info": "camera/camera_info"}},
}


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A robot and a planner that advises: there is no bridge."""
    folder = tmp_path_factory.mktemp("advised")
    with own_domain() as domain:
        module = "wiw_env_bridge.simulated_robot.node"
        probe = Probe(domain)
        try:
            with (
                NodeProcess(module, folder, ROBOT, name="simulated_robot") as robot,
                NodeProcess("wiw_planner_node.node", folder, name="planner_node"),
            ):
                probe.until_state("/planner_node", "active")
                yield robot
        finally:
            probe.close()


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_script_keeps_control_and_asks_for_advice(advised: NodeProcess) -> None:
    done = _run(EXAMPLES / "advice.py", "--decisions", 1)
    assert done.returncode == 0, done.stdout + done.stderr + advised.output
    first, last = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert first.startswith("1: advised") and "actions, now at" in last


def test_the_owners_rule_is_above_the_advice(advised: NodeProcess) -> None:
    done = _run(EXAMPLES / "advice.py", "--decisions", 2, "--leash", -1.0)
    assert done.returncode == 0, done.stdout + done.stderr
    advices = [line for line in done.stdout.splitlines() if "advised" in line]
    refused = done.stdout.count("not followed")
    assert refused == sum("forward" in line for line in advices)


def test_a_behaviour_tree_stays_in_charge(advised: NodeProcess) -> None:
    done = _run(EXAMPLES / "behaviour_tree.py", "--battery", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "advice:" in done.stdout
    assert "battery low after 1 actions" in done.stdout


def test_a_goal_is_taken_where_the_robot_stands(advised: NodeProcess, tmp_path: Path) -> None:
    profile = tmp_path / "my_base.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    for name in ("kitchen", "sofa"):
        done = _run("-m", "wiw", "goal", name, "--robot", profile, "--radius", 0.4)
        assert done.returncode == 0, done.stdout + done.stderr
    again = _run("-m", "wiw", "goal", "sofa", "--robot", profile)
    assert again.returncode == 2 and "already" in again.stderr
    made = load_episodes(tmp_path / "my_goals.yaml")
    assert list(made.episodes) == ["kitchen", "sofa"] and made.success_m == 0.4
    assert made.public("sofa").goal_view is not None
    photo = cv2.imread(str(tmp_path / made.episodes["kitchen"].image))
    assert photo.shape == (64, 64, 3) and photo.std() > 1.0
