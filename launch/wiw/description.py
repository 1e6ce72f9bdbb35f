"""The one description of the graph: its nodes, their parameters, and the arguments that choose.

``launch/closed_loop.launch.py`` and ``wiw up`` are both built from it: they cannot drift apart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wiw.tasks import definition
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.registry import ENVIRONMENTS, TASKS, WORLD_MODELS, Kind, Registry

BRIDGE, WM_NODE, PLANNER, RUNNER = "env_bridge", "wm_node", "planner_node", "episode_runner"
NO_BRIDGE = "none"
"""Value of ``env`` without a bridge: the planner advises on what others observe, and moves nothing.
"""
ROBOT, SIMULATED_ROBOT = "robot", "simulated_robot"
"""The environment that drives a robot, and the node that stands in for one."""
SIMULATED_KINDS = ("base", "arm")
ORACLE_SERVER = f"{BRIDGE}/rollout"
"""The bridge's own rollout action: the oracle."""
WM_SERVER = f"{WM_NODE}/rollout"
BUILT_IN_MODELS = {
    "none": "no world model: the proposer's first plan",
    "oracle": "the environment's own future, by cloning its state",
}
"""Values of ``wm`` that need no world-model node."""


@dataclass(frozen=True)
class Argument:
    """A launch argument: what it is, its default and, where they are few, its choices."""

    name: str
    default: str
    text: str
    choices: tuple[str, ...] = ()
    unknown: ErrorCode = ErrorCode.BAD_PARAMETER

    @property
    def allowed(self) -> tuple[str, ...]:
        """Every value it may have: the choices, and the default; empty: any."""
        return tuple(dict.fromkeys((*self.choices, self.default))) if self.choices else ()


@dataclass(frozen=True)
class NodeSpec:
    """A node of the graph.

    Attributes
    ----------
    module : str
        What ``python -m`` starts where no installed executable is used.
    respawn : bool
        Start it again when it dies.
    required : bool
        Its end is the end of the graph.
    """

    name: str
    package: str
    executable: str
    module: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    respawn: bool = False
    required: bool = False


def arguments() -> tuple[Argument, ...]:
    """Return the launch arguments; the choices are the plugins installed here."""
    models = (*BUILT_IN_MODELS, *_names(WORLD_MODELS))
    boolean = ("true", "false")
    return (
        Argument(
            "env",
            "",
            "Environment that the bridge opens; empty: that of 'task'; 'none': there is no bridge,"
            " and the planner only advises (~/decide).",
            (NO_BRIDGE, *_names(ENVIRONMENTS)),
            ENVIRONMENTS.unknown,
        ),
        Argument(
            "task",
            "ignav",
            "Task whose episodes are run when 'episodes' is not 0.",
            _names(TASKS),
            TASKS.unknown,
        ),
        Argument(
            "robot",
            "",
            "Profile of the robot, for env:=robot: one that ships (simulated_base, simulated_arm),"
            " or a YAML file.",
        ),
        Argument(
            "simulate",
            "",
            "Also start a simulated robot, in place of a real one; implies env:=robot.",
            SIMULATED_KINDS,
        ),
        Argument(
            "env_params",
            "",
            "The environment's own parameters, key=value with commas between them; for values with"
            " commas take params_file.",
        ),
        Argument(
            "wm",
            "warp",
            "World model; 'oracle' clones the simulator, 'none' plans without imagination.",
            models,
            WORLD_MODELS.unknown,
        ),
        Argument(
            "rollout_servers",
            "",
            "Rollout actions to use instead of the one 'wm' implies, with commas between them;"
            " candidates are shared out among them.",
        ),
        Argument("episodes", "0", "Episodes to run, then end; 0 serves until stopped."),
        Argument("seed", "0", "Seed of the run; the same seed gives the same decisions."),
        Argument("namespace", "", "Namespace of every node; two robots in two namespaces work."),
        Argument("use_sim_time", "false", "Take ROS time from /clock.", boolean),
        Argument("params_file", "", "ROS parameter file (YAML), read after the defaults."),
        Argument(
            "log_level",
            "info",
            "Least severe log message shown.",
            ("debug", "info", "warn", "error", "fatal"),
        ),
        Argument("autostart", "true", "Configure and activate the nodes at start-up.", boolean),
    )


def graph(values: Mapping[str, str]) -> list[NodeSpec]:
    """Return the nodes that these launch arguments ask for.

    Parameters
    ----------
    values : mapping
        Launch arguments by name, as text; the defaults stand in for those left out.

    Raises
    ------
    WiwError
        An unknown argument or choice (the nearest name is suggested), a number that is none, or a
        parameter file that does not exist.
    """
    chosen = resolve(values)
    wm, servers = chosen["wm"], _list(chosen["rollout_servers"])
    needs_node = wm not in BUILT_IN_MODELS and (not servers or WM_SERVER in servers)
    if not servers:
        servers = {"none": [], "oracle": [ORACLE_SERVER]}.get(wm, [WM_SERVER])
    episodes = _count("episodes", chosen["episodes"])
    common = {
        "autostart": chosen["autostart"] == "true",
        "use_sim_time": chosen["use_sim_time"] == "true",
        # Whoever waits for episodes is told at once that a node cannot start; else it is mended.
        "exit_on_failure": episodes > 0,
    }
    nodes = _bridge(chosen, common)
    if needs_node:
        nodes.append(
            NodeSpec(
                WM_NODE,
                "wiw_wm_node",
                "wm_node",
                "wiw_wm_node.node",
                {**common, "model": wm},
                respawn=True,
            )
        )
    nodes.append(
        NodeSpec(
            PLANNER,
            "wiw_planner_node",
            "planner_node",
            "wiw_planner_node.node",
            {**common, "bridge": BRIDGE, **_unless_empty(rollout_servers=servers)},
            respawn=True,
        )
    )
    if chosen["simulate"]:
        nodes.insert(0, simulated_robot(chosen["simulate"], common["use_sim_time"]))
    if episodes and chosen["env"] == NO_BRIDGE:
        raise WiwError(ErrorCode.BAD_PARAMETER, "Without a bridge there are no episodes to run.")
    if episodes:
        parameters = {
            "use_sim_time": common["use_sim_time"],
            "task": chosen["task"],
            "episodes": episodes,
            "seed": _count("seed", chosen["seed"]),
            "planner": PLANNER,
            "bridge": BRIDGE,
            **_unless_empty(also=[WM_NODE] if needs_node else []),
        }
        nodes.append(NodeSpec(RUNNER, "wiw", "wiw_run", "wiw.runner", parameters, required=True))
    return nodes


def simulated_robot(kind: str, use_sim_time: bool = False) -> NodeSpec:
    """Return the node that stands in for a robot of this kind: ``base`` or ``arm``."""
    return NodeSpec(
        SIMULATED_ROBOT,
        "wiw_env_bridge",
        SIMULATED_ROBOT,
        "wiw_env_bridge.simulated_robot.node",
        {"kind": kind, "use_sim_time": use_sim_time},
        required=True,
    )


def robot_parameters(profile: str, simulate: str = "") -> list[str]:
    """Return what the environment ``robot`` is told: its profile.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if there is neither a profile nor a simulated robot, which has its own.
    """
    if not profile and not simulate:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "The environment 'robot' needs to know which robot.",
            "Give its profile, robot:=my_robot.yaml, or simulate:=base for a simulated one.",
        )
    return [f"profile={profile or f'simulated_{simulate}'}"]


def resolve(values: Mapping[str, str]) -> dict[str, str]:
    """Return every argument's value, checked against its choices; raises as :func:`graph`."""
    known = {argument.name: argument for argument in arguments()}
    for name in values:
        if name not in known:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "launch argument", name, known)
    chosen = {name: values.get(name, argument.default) for name, argument in known.items()}
    for name, argument in known.items():
        if argument.choices and chosen[name] not in argument.allowed:
            raise unknown_name(
                argument.unknown, f"choice of '{name}'", chosen[name], argument.choices
            )
    path = chosen["params_file"]
    if path and not Path(path).is_file():
        raise WiwError(ErrorCode.BAD_PARAMETER, f"There is no parameter file '{path}'.")
    return chosen


def parse(words: Sequence[str]) -> dict[str, str]:
    """Return ``{"wm": "warp"}`` of ``["wm:=warp"]``, the form that ``ros2 launch`` takes."""
    values = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{word}' is not of the form name:=value.",
                "For example: wiw up wm:=warp task:=ar",
            )
        values[name] = value
    return values


def ros_arguments(node: NodeSpec, values: Mapping[str, str]) -> list[str]:
    """Return what follows the node's executable on its command line."""
    chosen = resolve(values)
    words = ["--ros-args", "-r", f"__node:={node.name}", "--log-level", chosen["log_level"]]
    if chosen["namespace"]:
        words += ["-r", f"__ns:=/{chosen['namespace'].strip('/')}"]
    for name, value in node.parameters.items():
        words += ["-p", f"{name}:={_yaml(value)}"]
    if chosen["params_file"]:
        words += ["--params-file", chosen["params_file"]]
    return words


def command(node: NodeSpec, values: Mapping[str, str]) -> list[str]:
    """Return the command line that starts the node without ``ros2 launch``."""
    return [sys.executable, "-m", node.module, *ros_arguments(node, values)]


def variables() -> dict[str, str]:
    """Return the environment variables that keep the nodes on this machine's fast transport.

    What is set already is left alone: several machines need ``FASTRTPS_DEFAULT_PROFILES_FILE=``.
    """
    from wiw_ros.transport import environment

    return {name: value for name, value in environment().items() if name not in os.environ}


def _yaml(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, default_style='"', width=10**6)
    plain = isinstance(value, (bool, int, float))
    return str(value).lower() if plain else text.strip()


def _bridge(chosen: Mapping[str, str], common: Mapping[str, Any]) -> list[NodeSpec]:
    """Return the bridge with what it is told of its environment, if there is to be one."""
    profile, simulate = chosen["robot"], chosen["simulate"]
    implied = ROBOT if profile or simulate else definition(chosen["task"]).environment
    environment = chosen["env"] or implied
    if (profile and environment != ROBOT) or (simulate and environment not in (ROBOT, NO_BRIDGE)):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'robot' and 'simulate' are for env:=robot, not for env:={environment}.",
        )
    if environment == NO_BRIDGE:
        return []
    parameters = _list(chosen["env_params"])
    told: dict[str, Any] = {"environment": environment}
    if environment == ROBOT:
        parameters = [*robot_parameters(profile, simulate), *parameters]
        told["allow_unattended"] = False
    told.update(_unless_empty(environment_parameters=parameters))
    return [
        NodeSpec(
            BRIDGE,
            "wiw_env_bridge",
            "env_bridge",
            "wiw_env_bridge.node",
            {**common, **told},
            required=True,
        )
    ]


def _names(kind: Kind) -> tuple[str, ...]:
    return tuple(Registry(kind).names())


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _unless_empty(**parameters: Any) -> dict[str, Any]:
    # ROS 2 cannot tell the type of an empty list in a parameter file or on a command line.
    return {name: value for name, value in parameters.items() if value}


def _count(name: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"'{name}' must be a whole number from 0, not '{text}'."
        )
    return number
