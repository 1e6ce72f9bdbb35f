"""The interfaces written down in ``tests/interfaces`` are Jazzy's own, to the bit.

A type hash (REP-2011) covers names, types and order of all fields, and of all types inside. The
constants were computed by building the definitions of control_msgs 5.8.0, nav2_msgs 1.3.13,
tf2_msgs 0.36.4, moveit_msgs 2.6.0, octomap_msgs 2.0.0 and object_recognition_msgs 2.0.0. Where an
apt Jazzy brings other versions, a failure here says which one differs.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

JAZZY = {
    "control_msgs/action/FollowJointTrajectory": (
        "RIHS01_738ebcb7a2d7cfa42f9f1001cc99ce3a4383d1cfe508015d9be8485e4b1c66f6"
    ),
    "control_msgs/action/GripperCommand": (
        "RIHS01_e17c0e644eccf14bea84a0a93e0977182872c2eb7873ca6694900059b46dbc84"
    ),
    "control_msgs/action/ParallelGripperCommand": (
        "RIHS01_adfd3c1ebe8abc38ebcc0e454b6423d291d4010dd5697d14eca5b9be4726ae18"
    ),
    "control_msgs/msg/GripperCommand": (
        "RIHS01_57eb8f326c9889ca8bb34ead82cc94cc09bf6bc5c3b6c09546dca3a00b589890"
    ),
    "control_msgs/msg/JointComponentTolerance": (
        "RIHS01_739ea7566931944d33830fa10f1bf5e7a7fbdc3172bce7a7eaac642bd6e3ffa4"
    ),
    "control_msgs/msg/JointTolerance": (
        "RIHS01_c254f9cece0f3b733017b6990fd46d1326e25242d6b8844398c97d9a88e7d648"
    ),
    "moveit_msgs/action/MoveGroup": (
        "RIHS01_8c41d70908a2d26b564ddac31e9710f697a753bbd2a4d229542f76271daefc0b"
    ),
    "moveit_msgs/msg/MoveItErrorCodes": (
        "RIHS01_dcda8a9950cf6dd6ac221c2c0d2509f52f136afa0403dd19beacdf07e83e4a07"
    ),
    "object_recognition_msgs/msg/ObjectType": (
        "RIHS01_5eb3ee3976403366d7c50d7dbee8bec96b3bced1e752674a7194a35841632134"
    ),
    "octomap_msgs/msg/OctomapWithPose": (
        "RIHS01_e65f8760aa96a2acef86b6d206175cfc78420082b6159dd3fa6ebf93f5f81979"
    ),
    "nav2_msgs/action/DriveOnHeading": (
        "RIHS01_9eca8a3505f973b994ac18f4aaf76c0c4563cc7cde1ce7384be2f70e53479c11"
    ),
    "nav2_msgs/action/Spin": (
        "RIHS01_9fc4653cfb2982465e9ca4e2710f0532de8f6dce77d6a6eada55e4e22273b55c"
    ),
    "tf2_msgs/msg/TF2Error": (
        "RIHS01_db2485e7d6a0ec75bf087e058ee45df682acc3a621ca7780503d10aac141809a"
    ),
    "tf2_msgs/msg/TFMessage": (
        "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"
    ),
}


@pytest.mark.parametrize("name", JAZZY)
def test_the_installed_interface_has_the_type_hash_of_jazzy(name: str) -> None:
    package, kind, type_name = name.split("/")
    file = Path(get_package_share_directory(package)) / kind / f"{type_name}.json"
    hashes = {h["type_name"]: h["hash_string"] for h in json.loads(file.read_text())["type_hashes"]}
    assert hashes[name] == JAZZY[name]


@pytest.mark.parametrize("name", JAZZY)
def test_rclpy_can_load_the_interface(name: str) -> None:
    package, kind, type_name = name.split("/")
    interface = getattr(importlib.import_module(f"{package}.{kind}"), type_name)
    type(interface).__import_type_support__()
    assert interface._TYPE_SUPPORT is not None
