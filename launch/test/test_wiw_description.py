"""One description: the launch file and ``wiw up`` start the same nodes with the same parameters."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest
import yaml

from wiw import description
from wiw_core.errors import ErrorCode, WiwError

LAUNCH_FILE = Path(__file__).parents[1] / "launch" / "closed_loop.launch.py"


class _Made:
    """Stands in for any class of the launch API: remembers what it was made with."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args, self.kwargs = args, kwargs


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    def module(name: str, *classes: str) -> types.ModuleType:
        made = types.ModuleType(name)
        for each in classes:
            setattr(made, each, type(each, (_Made,), {}))
        monkeypatch.setitem(sys.modules, name, made)
        return made

    module("launch", "LaunchDescription")
    actions = ("DeclareLaunchArgument", "OpaqueFunction", "SetEnvironmentVariable", "Shutdown")
    module("launch.actions", *actions)
    module("launch_ros")
    module("launch_ros.actions", "Node")
    spec = importlib.util.spec_from_file_location("closed_loop_launch", LAUNCH_FILE)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def _launched(launch_file: types.ModuleType, values: dict[str, str]) -> list[_Made]:
    configurations = description.resolve(values)
    return launch_file.start_nodes(types.SimpleNamespace(launch_configurations=configurations))


def _started(values: dict[str, str], node: description.NodeSpec) -> dict[str, object]:
    """Return the parameters as ROS reads them from the command line of ``wiw up``."""
    words = description.command(node, values)
    given = [words[i + 1] for i, word in enumerate(words) if word == "-p"]
    return {name: yaml.safe_load(text) for name, _, text in (g.partition(":=") for g in given)}


def test_launch_file_declares_exactly_the_described_arguments(launch_file):
    made = launch_file.generate_launch_description().args[0]
    declared = {m.args[0]: m.kwargs for m in made if type(m).__name__ == "DeclareLaunchArgument"}
    assert list(declared) == [argument.name for argument in description.arguments()]
    for argument in description.arguments():
        assert declared[argument.name]["default_value"] == argument.default
        assert declared[argument.name]["description"] == argument.text
        choices = declared[argument.name]["choices"]
        assert choices == (list(argument.allowed) or None)
        # What launch itself refuses, and then no file can be launched at all.
        assert choices is None or declared[argument.name]["default_value"] in choices


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"wm": "none"},
        {"wm": "oracle", "task": "ar", "episodes": "2", "seed": "7"},
        {"wm": "copy", "namespace": "robot1", "use_sim_time": "true", "autostart": "false"},
        {"rollout_servers": "gpu1/wm_node/rollout, gpu2/wm_node/rollout"},
        {"simulate": "base", "namespace": "robot2"},
        {"env": "tabletop", "env_params": "image_size=128, centroids=false"},
        {"env": "robot", "robot": "mine.yaml", "wm": "none"},
    ],
)
def test_launch_file_and_up_start_the_same_nodes(launch_file, values):
    launched = {made.kwargs["name"]: made.kwargs for made in _launched(launch_file, values)}
    described = {node.name: node for node in description.graph(values)}
    assert launched.keys() == described.keys()
    for name, node in described.items():
        assert launched[name]["package"] == node.package
        assert launched[name]["executable"] == node.executable
        assert launched[name]["respawn"] == node.respawn
        assert (launched[name]["on_exit"] is not None) == node.required
        assert launched[name]["parameters"][0] == _started(values, node)
        assert launched[name]["namespace"] == values.get("namespace", "")


def test_every_described_executable_is_installed_by_its_package():
    root = Path(__file__).parents[2]
    for node in description.graph({"episodes": "1", "simulate": "base"}):
        setup = (root / node.package / "setup.py").read_text() if node.package != "wiw" else ""
        setup = setup or (root / "launch" / "setup.py").read_text()
        assert f"{node.executable} = {node.module}:main" in setup


def test_oracle_needs_no_world_model_node():
    nodes = {node.name: node for node in description.graph({"wm": "oracle"})}
    assert set(nodes) == {"env_bridge", "planner_node"}
    assert nodes["planner_node"].parameters["rollout_servers"] == ["env_bridge/rollout"]


def test_no_world_model_means_no_rollout_servers():
    nodes = {node.name: node for node in description.graph({"wm": "none"})}
    assert set(nodes) == {"env_bridge", "planner_node"}
    assert "rollout_servers" not in nodes["planner_node"].parameters


def test_a_simulated_robot_brings_its_profile_and_nothing_moves_it_unattended():
    nodes = {node.name: node for node in description.graph({"simulate": "arm"})}
    assert nodes["simulated_robot"].parameters["kind"] == "arm"
    assert nodes["env_bridge"].parameters["environment"] == "robot"
    assert nodes["env_bridge"].parameters["environment_parameters"] == ["profile=simulated_arm"]
    assert nodes["env_bridge"].parameters["allow_unattended"] is False


def test_without_a_bridge_the_planner_only_advises():
    nodes = {node.name for node in description.graph({"env": "none", "simulate": "base"})}
    assert nodes == {"simulated_robot", "wm_node", "planner_node"}
    with pytest.raises(WiwError, match="no episodes"):
        description.graph({"env": "none", "episodes": "1"})


def test_an_environment_is_told_its_own_parameters():
    nodes = {n.name: n for n in description.graph({"env_params": "front_size=64,views=front"})}
    told = nodes["env_bridge"].parameters["environment_parameters"]
    assert told == ["front_size=64", "views=front"]


def test_a_real_robot_needs_its_profile_and_no_simulated_one():
    nodes = {node.name: node for node in description.graph({"robot": "mine.yaml"})}
    assert "simulated_robot" not in nodes
    assert nodes["env_bridge"].parameters["environment_parameters"] == ["profile=mine.yaml"]


def test_servers_elsewhere_need_no_world_model_node_here():
    nodes = description.graph({"rollout_servers": "gpu1/wm_node/rollout"})
    assert "wm_node" not in [node.name for node in nodes]


def test_episodes_add_a_runner_whose_end_ends_the_graph():
    runner = description.graph({"episodes": "3"})[-1]
    assert runner.name == "episode_runner" and runner.required
    assert runner.parameters["episodes"] == 3


@pytest.mark.parametrize(
    ("words", "code", "suggested"),
    [
        (["wm:=wrap"], ErrorCode.UNKNOWN_MODEL, "'warp'"),
        (["task:=ignaw"], ErrorCode.UNKNOWN_TASK, "'ignav'"),
        (["env:=mujocco"], ErrorCode.UNKNOWN_ENVIRONMENT, "'mujoco'"),
        (["episode:=1"], ErrorCode.BAD_PARAMETER, "'episodes'"),
        (["log_level:=inf"], ErrorCode.BAD_PARAMETER, "'info'"),
        (["episodes:=many"], ErrorCode.BAD_PARAMETER, "'many'"),
        (["episodes:=-1"], ErrorCode.BAD_PARAMETER, "'-1'"),
        (["params_file:=nowhere.yaml"], ErrorCode.BAD_PARAMETER, "'nowhere.yaml'"),
        (["warp"], ErrorCode.BAD_PARAMETER, "name:=value"),
        (["env:=robot"], ErrorCode.BAD_PARAMETER, "robot:=my_robot.yaml"),
        (["env:=mujoco", "simulate:=base"], ErrorCode.BAD_PARAMETER, "env:=robot"),
        (["simulate:=bases"], ErrorCode.BAD_PARAMETER, "'base'"),
    ],
)
def test_a_wrong_argument_is_one_sentence_with_the_nearest_name(words, code, suggested):
    with pytest.raises(WiwError) as caught:
        description.graph(description.parse(words))
    assert caught.value.code is code
    assert suggested in str(caught.value)


def test_a_transport_that_is_set_already_is_left_alone(monkeypatch):
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    assert description.variables()["FASTRTPS_DEFAULT_PROFILES_FILE"].endswith(".xml")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "")
    assert "FASTRTPS_DEFAULT_PROFILES_FILE" not in description.variables()


def test_shipped_parameter_files_name_only_described_nodes():
    names = {node.name for node in description.graph({"episodes": "1"})}
    files = list((Path(__file__).parents[1] / "config").glob("*.yaml"))
    assert files
    for path in files:
        for key in yaml.safe_load(path.read_text()):
            assert key.rpartition("/")[2] in names
