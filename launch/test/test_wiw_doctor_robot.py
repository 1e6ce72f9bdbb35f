"""``wiw doctor --robot``: a well robot passes, and each fault is named before anything moves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from wiw import cli, doctor_robot
from wiw.doctor import Finding, Grade
from wiw.doctor_robot import cameras, visit
from wiw.doctor_robot.checklist import checklist
from wiw_core.observation import View
from wiw_env_bridge.bridge.lease import TOPIC as LEASE_TOPIC
from wiw_env_bridge.robot.profile import RobotProfile, load_profile
from wiw_msgs.msg import RobotLease
from wiw_msgs.srv import InjectFault
from wiw_ros.qos import LATCHED, LEASE
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
NODE = "wiw_env_bridge.simulated_robot.node"
SMALL = {"kind": "base", "front_size": 64, "panorama_height": 32, "panorama_width": 64}
READY = "simulated_robot/referee/decided"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess(NODE, tmp_path_factory.mktemp("robot"), SMALL),
    ):
        probe.call(Trigger, READY, Trigger.Request())
        yield probe


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "MEASURE_S", 1.5)
    monkeypatch.setattr(visit, "DISCOVER_S", 4.0)


@pytest.fixture(scope="module")
def profile() -> RobotProfile:
    """The shipped profile, with patience for a machine that is busy with other work."""
    made = load_profile("simulated_base")
    patient = replace(made.timing, image_age_s=1.5, tf_wait_s=1.0)
    return replace(made, timing=patient, base=replace(made.base, odom_age_s=1.0))


def inject(probe: Probe, fault: str) -> None:
    request = InjectFault.Request(fault=fault)
    assert probe.call(InjectFault, "simulated_robot/inject", request).code == 1


def bad(findings: list[Finding]) -> str:
    return "\n".join(
        f"{f.grade.value} {f.name}: {f.seen} {f.advice}"
        for f in findings
        if f.grade is not Grade.OK
    )


def test_a_well_robot_has_no_failure_and_nothing_moves(stage: Probe, profile: Any) -> None:
    commands = stage.record(TwistStamped, "cmd_vel", 10)
    findings = doctor_robot.examine(profile)
    assert not [f for f in findings if f.grade is Grade.FAIL], bad(findings)
    names = {f.name for f in findings}
    for topic in ("/camera/image_raw", "/camera/camera_info", "/odom", "/cmd_vel", "/spin"):
        assert topic in names
    (lens,) = (f for f in findings if f.name == "camera 'front' lens")
    assert "90 degrees" in lens.seen
    warned = {f.name for f in findings if f.grade is Grade.WARN}
    assert warned == {"/estop", "speeds"}, bad(findings)
    assert not commands


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("camera_off", "/camera/image_raw: says nothing"),
        ("stale_camera", "FAIL /camera/image_raw"),
        ("frozen_camera", "camera 'front': two pictures have the same pixels"),
        ("bad_encoding", "'/camera/image_raw' has encoding 'mono16'"),
        ("wrong_frame", "unknown_optical_frame"),
        ("bad_intrinsics", "'/camera/camera_info' is for 32x32 pixels; the image has 64x64"),
        ("nan_odom", "'/odom' says nan"),
        ("vanish_servers", "Nav2: /drive_on_heading: nobody offers this action"),
    ],
)
def test_each_fault_is_named_with_what_to_do(
    stage: Probe, profile: Any, fault: str, words: str
) -> None:
    inject(stage, fault)
    try:
        if fault == "stale_camera":
            time.sleep(profile.timing.image_age_s)  # the fault is the time that passes
        findings = doctor_robot.examine(profile)
    finally:
        inject(stage, "")
    assert words in bad(findings)
    assert all(f.advice for f in findings if f.grade is Grade.WARN)


def test_wrong_names_types_and_interfaces_are_said_in_the_profiles_own_words(
    stage: Probe, profile: Any
) -> None:
    front = replace(
        profile.cameras["front"], image="camera/image", info="camera/image_raw", depth=""
    )
    base = replace(profile.base, interface="nav2", drive_action="drive", odom="odometry")
    findings = doctor_robot.examine(replace(profile, cameras={"front": front}, base=base))
    text = bad(findings)
    assert "/camera/image: nobody publishes it" in text
    assert "Topics of sensor_msgs/msg/Image: /camera/depth/image_raw, /camera/image_raw" in text
    assert "/camera/image_raw: is sensor_msgs/msg/Image" in text
    assert "/drive: nobody offers this action" in text and "Offered: /drive_on_heading" in text
    assert "/odometry: nobody publishes it" in text


def test_a_second_commander_a_pressed_stop_and_a_held_robot_are_warnings(
    stage: Probe, profile: Any
) -> None:
    node = stage.node
    joystick = node.create_publisher(TwistStamped, "cmd_vel", 1)
    button = node.create_publisher(Bool, "estop", LATCHED)
    button.publish(Bool(data=True))
    lease = node.create_publisher(RobotLease, LEASE_TOPIC, LEASE)
    held = RobotLease(robot="/cmd_vel", bridge="/env_bridge", host="here", held=True)
    beat = node.create_timer(0.1, lambda: lease.publish(held))
    try:
        text = bad(doctor_robot.examine(profile))
    finally:
        node.destroy_timer(beat)
        for publisher in (joystick, button, lease):
            node.destroy_publisher(publisher)
    assert "behavior_server, probe all command the base" in text
    assert "/estop: says stop" in text
    assert "'/cmd_vel' is held by '/env_bridge' on 'here'" in text
    assert "FAIL" not in text


def test_the_command_prints_table_and_checklist_and_fails_on_a_failure(
    stage: Probe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nkind: base\nreferee: {kind: simulated}\n"
        "cameras: {front: {image: nowhere/image, info: nowhere/info}}\n"
    )
    monkeypatch.setattr(sys, "argv", ["wiw", "doctor", "--robot", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert "/nowhere/image" in out and "nobody publishes it" in out
    assert "emergency stop in hand" in out and "Wi-Fi" in out


def test_an_arm_is_examined_too(tmp_path: Path) -> None:
    made = load_profile("simulated_arm")
    timing = replace(made.timing, joint_age_s=1.0, image_age_s=2.0)
    blind = replace(made.cameras["front"], rate_hz=0.5)
    arm = replace(made, timing=timing, cameras={"front": blind})
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess(NODE, tmp_path, {"kind": "arm"}),
    ):
        probe.call(Trigger, READY, Trigger.Request())
        findings = doctor_robot.examine(arm)
        assert not [f for f in findings if f.grade is Grade.FAIL], bad(findings)
        (described,) = (f for f in findings if f.name == "description")
        assert "7 joints from 'panda_link0' to 'panda_hand_tcp'" in described.seen
        inject(probe, "nan_joint_states")
        assert "'/joint_states' says nan" in bad(doctor_robot.examine(arm))


@pytest.mark.parametrize(
    ("depth_m", "grade", "words"),
    [
        (1.5, Grade.OK, "median 1.50 m"),
        (1500.0, Grade.FAIL, "Metres are wanted"),
        (0.0015, Grade.FAIL, "Metres are wanted"),
        (0.0, Grade.FAIL, "no pixel of it is known"),
    ],
)
def test_depth_in_millimetres_is_noticed(depth_m: float, grade: Grade, words: str) -> None:
    depth = np.full((8, 8), depth_m, np.float32)
    found = cameras._depth("front", View("front", np.zeros((8, 8, 3), np.uint8), depth=depth), 20.0)
    assert found.grade is grade and words in f"{found.seen} {found.advice}"


def test_the_checklist_suits_the_kind_of_robot() -> None:
    base, arm = checklist(load_profile("simulated_base")), checklist(load_profile("simulated_arm"))
    assert any("wheels" in step for step in base) and not any("wheels" in step for step in arm)
    for steps in (base, arm):
        text = " ".join(steps)
        assert all(word in text for word in ("kill -9", "Wi-Fi", "0.1 m/s", "no safety function"))
