"""``docs/interfaces.md``, made from the nodes themselves: topics, services, actions, parameters.

``python -m wiw.interfaces > docs/interfaces.md``; a test fails when the page is out of date.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from wiw.description import graph

HEAD = """# What each node offers

Made by `python -m wiw.interfaces > docs/interfaces.md`; a test compares it with the nodes.
Names are relative to the node's namespace. Units are SI, angles radians, axes REP-103; `code` is an
`ErrorCode` (1 is OK), and whatever fails says why in `message`. To talk to nodes that `wiw up`
started, use the same transport: `eval "$(wiw env)"`.
"""
ROS_OWN = ("/parameter_events", "/rosout", "transition_event")
UNLIMITED = 1e18
STANDARD = {
    "diagnostics": "The node's state, last error and counters, once a second.",
    "image": "The first perspective camera, rgb8; each camera also has `<view>/image` and so on.",
    "camera_info": "Its pinhole matrix and optical frame, stamped as the image.",
    "depth": "Its depth in metres, 32FC1, where the camera has it.",
    "joint_states": "Of an environment with an arm: angles in rad, finger positions in m.",
    "odom": "Pose since the episode began, and velocity: zero while the robot holds.",
    "estopped": "Whether the e-stop is latched; see docs/safety.md for what it is not.",
    "estop": "Stop now and latch that; so does `true` on the topic `estop` (std_msgs/Bool).",
    "reset_estop": "Let goals be accepted again, unless the topic still says stop.",
    "imagination": "The newest candidates in a grid; made only while somebody listens.",
    "candidates": "The same as lines from the robot on, the chosen one green; for RViz.",
}
"""What the standard messages mean here; ours say it in their first line."""


def page() -> str:
    """Return the page."""
    rclpy.init(args=["--ros-args", "--log-level", "fatal"])
    try:
        return HEAD + "".join(_section(*made) for made in _nodes())
    finally:
        rclpy.try_shutdown()


def _nodes() -> Iterator[tuple[str, Node]]:
    for spec in graph({}):
        module = importlib.import_module(spec.module)
        kind = next(
            member
            for member in vars(module).values()
            if isinstance(member, type)
            and issubclass(member, Node)
            and member.__module__ == spec.module
        )
        node = kind()
        try:
            yield spec.name, node
        finally:
            node.destroy_node()


def _section(name: str, node: Any) -> str:
    return (
        f"\n## {name}\n\n"
        + _table(("topic", "type", "QoS", "what it is"), _topics(node))
        + _table(("service or action", "type", "what it does"), _calls(node))
        + _table(("parameter", "default", "allowed", "what it is"), _parameters(node))
    )


def _topics(node: Any) -> Iterator[tuple[str, ...]]:
    here = (node.get_name(), node.get_namespace())
    for topic, types in sorted(node.get_publisher_names_and_types_by_node(*here)):
        if "/_action/" in topic or topic.endswith(ROS_OWN):
            continue
        own = [
            info for info in node.get_publishers_info_by_topic(topic) if info.node_name == here[0]
        ]
        profile = own[0].qos_profile
        qos = "reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"
        if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
            qos += ", latched"
        yield f"`{_relative(topic, node)}`", f"`{types[0]}`", qos, _meaning(topic, types[0])


def _calls(node: Any) -> Iterator[tuple[str, ...]]:
    here = (node.get_name(), node.get_namespace())
    for service, types in sorted(node.get_service_names_and_types_by_node(*here)):
        if types[0].startswith(("wiw_msgs/srv/", "std_srvs/srv/")):
            yield f"`{_relative(service, node)}`", f"`{types[0]}`", _meaning(service, types[0])
        elif service.endswith("/_action/send_goal"):
            action = service.removesuffix("/_action/send_goal")
            kind = types[0].removesuffix("_SendGoal")
            yield f"`{_relative(action, node)}`", f"`{kind}`", _meaning(action, kind)


def _parameters(node: Any) -> Iterator[tuple[str, ...]]:
    for name in sorted(node.get_parameters_by_prefix("")):
        if name.startswith(("use_sim_time", "start_type_description_service", "qos_overrides")):
            continue
        described = node.describe_parameter(name)
        value = node.get_parameter(name).value
        allowed = described.additional_constraints.removeprefix("One of: ").rstrip(".")
        for limits in (*described.integer_range, *described.floating_point_range):
            high = f"to {limits.to_value:g}" if limits.to_value < UNLIMITED else "and more"
            allowed = f"{limits.from_value:g} {high}"
        yield f"`{name}`", f"`{value!r}`", allowed, described.description


def _meaning(name: str, kind: str) -> str:
    leaf = name.rpartition("/")[2]
    package, _, rest = kind.partition("/")
    if package != "wiw_msgs":
        return STANDARD[leaf]
    folder, _, file = rest.partition("/")
    path = Path(get_package_share_directory(package)) / folder / f"{file}.{folder}"
    return path.read_text().splitlines()[0].lstrip("# ")


def _relative(name: str, node: Any) -> str:
    own = f"{node.get_namespace().rstrip('/')}/{node.get_name()}/"
    if name.startswith(own):
        return f"~/{name[len(own) :]}"
    return name if name == "/diagnostics" else name.rpartition("/")[2]


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


if __name__ == "__main__":
    os.environ.setdefault("ROS_DOMAIN_ID", "101")
    print(page().rstrip())
