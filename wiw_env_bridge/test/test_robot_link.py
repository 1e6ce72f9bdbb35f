"""Promises of the robot's link: what was heard, how old it is, and where every frame is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Float64
from tf2_msgs.msg import TFMessage

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.link import RobotLink
from wiw_ros.convert import stamp_to_msg, transform_to_msg
from wiw_ros.testing import Probe, own_domain


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture
def link(probe: Probe) -> Iterator[RobotLink]:
    link = RobotLink(probe.node)
    yield link
    link.close()
    link.close()  # a second time does no harm


def until(link: RobotLink, holds: Any, what: str) -> None:
    assert link.until(lambda: holds() or None, 30.0, lambda: None), what


def test_a_best_effort_sensor_is_heard_and_its_age_counts_from_its_stamp(
    probe: Probe, link: RobotLink
) -> None:
    stream = link.listen(Image, "a/image", keep=3)
    assert stream is link.listen(Image, "a/image") and stream.topic == "/a/image"
    assert stream.latest() is None and stream.age_s() == math.inf
    sensor = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = probe.node.create_publisher(Image, "a/image", sensor)
    message = Image()
    message.header.stamp = stamp_to_msg(link.now_s() - 100.0)

    def heard() -> bool:
        publisher.publish(message)
        return stream.count >= 5

    until(link, heard, "images")
    assert len(stream.heard()) == 3  # as many as were asked for
    assert 99.0 < stream.age_s() < 130.0
    assert stream.publishers() == 1 and stream.rate_hz() > 0.0
    link.clear()
    assert stream.latest() is None


def test_one_topic_cannot_be_two_types(link: RobotLink) -> None:
    link.listen(Image, "b")
    with pytest.raises(WiwError) as caught:
        link.listen(Float64, "b")
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_what_was_published_before_is_heard_if_it_is_latched(probe: Probe, link: RobotLink) -> None:
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = probe.node.create_publisher(Float64, "latched", qos)
    publisher.publish(Float64(data=3.0))
    heard = link.listen(Float64, "latched", latched=True).wait(timeout_s=30.0)
    assert heard is not None and heard.message.data == 3.0 and math.isnan(heard.stamp_s)


def test_a_publisher_that_cannot_be_heard_is_a_warning_with_topic_and_policy(
    probe: Probe, link: RobotLink
) -> None:
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    probe.node.create_publisher(Float64, "quiet", best_effort)
    link.listen(Float64, "quiet", reliable=True)
    until(link, lambda: any("'/quiet'" in w for w in link.warnings), "the warning")
    assert any("RELIABILITY" in w for w in link.warnings)


def test_a_required_stream_that_falls_silent_or_never_spoke_is_named(
    probe: Probe, link: RobotLink
) -> None:
    link.check_alive()  # nothing is required yet
    link.require(link.listen(Float64, "vital"), 0.3)
    with pytest.raises(WiwError, match="'/vital' is lost") as caught:
        link.check_alive()
    assert caught.value.code is ErrorCode.STALE_OBSERVATION
    publisher = probe.node.create_publisher(Float64, "vital", 1)

    def alive() -> bool:
        publisher.publish(Float64())
        try:
            link.check_alive()
        except WiwError:
            return False
        return True

    until(link, alive, "life")
    deadline = time.monotonic() + 30.0
    with pytest.raises(WiwError):
        while time.monotonic() < deadline:
            link.check_alive()
            threading.Event().wait(0.02)


def message_of(parent: str, child: str, pose: Pose2, stamp_s: float) -> TFMessage:
    t = TransformStamped(child_frame_id=child, transform=transform_to_msg(pose.matrix()))
    t.header.frame_id, t.header.stamp = parent, stamp_to_msg(stamp_s)
    return TFMessage(transforms=[t])


def test_transforms_are_chained_inverted_and_taken_between_two_stamps(link: RobotLink) -> None:
    tf, now = link.transforms, link.now_s()
    start, end = Pose2(1.0, 0.0, 0.0), Pose2(3.0, 2.0, 1.0)
    tf.add(message_of("odom", "base_link", start, now - 2.0), static=False)
    tf.add(message_of("odom", "base_link", end, now - 1.0), static=False)
    tf.add(message_of("/base_link", "camera", Pose2(0.5, 0.0, 0.1), 0.0), static=True)
    newest = tf.lookup("odom", "camera", wait_s=0.01)
    assert np.allclose(newest, (end * Pose2(0.5, 0.0, 0.1)).matrix())
    assert np.allclose(tf.lookup("camera", "odom", wait_s=0.01), np.linalg.inv(newest))
    half = tf.lookup("odom", "base_link", now - 1.5, 0.01)
    assert np.allclose(half, Pose2(2.0, 1.0, 0.5).matrix(), atol=1e-6)
    assert np.allclose(tf.lookup("odom", "odom", wait_s=0.01), np.eye(4))


def test_a_lookup_that_fails_names_the_frames_and_the_age(link: RobotLink) -> None:
    tf, now = link.transforms, link.now_s()
    tf.add(message_of("odom", "base_link", Pose2(), now - 5.0), static=False)
    tf.add(message_of("odom", "base_link", Pose2(), now - 4.0), static=False)
    for target, source, stamp, parts in (
        ("base_link", "lidar", None, ("'lidar'", "'base_link'", "known frames")),
        ("odom", "base_link", now, ("'base_link'", "'odom'", "the newest one is 4.")),
        ("odom", "base_link", now - 9.0, ("'base_link'", "at the time asked for 9.")),
    ):
        with pytest.raises(WiwError) as caught:
            tf.lookup(target, source, stamp, 0.05)
        assert caught.value.code is ErrorCode.TF_UNAVAILABLE
        assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_jump_of_time_forgets_what_moves_and_keeps_what_is_fixed(link: RobotLink) -> None:
    tf, now = link.transforms, link.now_s()
    tf.add(message_of("odom", "base_link", Pose2(), now), static=False)
    tf.add(message_of("base_link", "camera", Pose2(), 0.0), static=True)
    link.clear()
    assert tf.frames() == {"camera": "base_link"}


def test_a_transform_that_is_not_rigid_or_turns_in_a_circle_is_not_believed(
    link: RobotLink,
) -> None:
    tf = link.transforms
    bad = message_of("base_link", "skewed", Pose2(), 0.0)
    bad.transforms[0].transform.rotation.w = 3.0
    tf.add(bad, static=True)
    assert "skewed" not in tf.frames() and any("skewed" in w for w in link.warnings)
    tf.add(message_of("a", "b", Pose2(), 0.0), static=True)
    tf.add(message_of("b", "a", Pose2(), 0.0), static=True)
    with pytest.raises(WiwError):
        tf.lookup("c", "a", wait_s=0.01)


def test_tf_is_heard_from_the_topics(probe: Probe, link: RobotLink) -> None:
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = probe.node.create_publisher(TFMessage, "tf_static", qos)
    publisher.publish(message_of("base_link", "lens", Pose2(0.2), 0.0))
    found = link.transforms.lookup("base_link", "lens", wait_s=30.0)
    assert found[0, 3] == pytest.approx(0.2)
