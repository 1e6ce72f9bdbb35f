"""What the simulated base shows: its pictures, its odometry, its transforms, and their faults."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from simulated_base_rig import EPISODE, SMALL, SimulatedBaseRig
from tf2_msgs.msg import TFMessage

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_ros.convert import (
    depth_from_msg,
    image_from_msg,
    stamp_from_msg,
    transform_from_msg,
)
from wiw_ros.convert.images import intrinsics_from_msg
from wiw_ros.qos import LATCHED, ODOMETRY, SENSOR
from wiw_ros.testing import Probe, own_domain

pytestmark = pytest.mark.system
TOPICS = {
    "camera/image_raw": Image,
    "camera/depth/image_raw": Image,
    "camera/camera_info": CameraInfo,
    "panorama/image_raw": Image,
    "panorama/depth/image_raw": Image,
}
QUIET_S = 0.5
"""As long as many messages of any topic take."""


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBaseRig]:
    with own_domain() as domain, Probe(domain) as probe:
        robot = SimulatedBaseRig(probe, tmp_path_factory.mktemp("base"))
        try:
            robot.until_ready()
            assert robot.reset().code == ErrorCode.OK
            yield robot
        finally:
            robot.close()


@pytest.fixture(scope="module")
def seen(robot: SimulatedBaseRig) -> dict[str, list[Any]]:
    """What arrives on each topic, growing."""
    return {name: robot.probe.record(kind, name, SENSOR) for name, kind in TOPICS.items()}


@pytest.fixture(scope="module")
def embedded() -> Iterator[Observation]:
    """What the embedded environment shows at the start of the same episode."""
    environment = MujocoEnvironment(
        SMALL["panorama_height"], SMALL["panorama_width"], SMALL["front_size"]
    )
    yield environment.reset("ignav", EPISODE)[1]
    environment.close()


@pytest.fixture(autouse=True)
def sound(robot: SimulatedBaseRig) -> Iterator[None]:
    yield
    assert robot.inject("").code == ErrorCode.OK


def fresh(robot: SimulatedBaseRig, seen: dict[str, list[Any]], topic: str, count: int = 2) -> Any:
    """Return the newest message of a topic once ``count`` more have come."""
    before = len(seen[topic])
    robot.until(lambda: len(seen[topic]) >= before + count, f"frames on {topic}")
    return seen[topic][-1][1]


def until_shown(robot: SimulatedBaseRig, messages: list[Any], test: Callable[[Any], bool]) -> Any:
    """Wait until the newest message passes a test, and return it."""
    passed: list[Any] = []

    def passes() -> bool:
        passed[:] = [messages[-1][1]] if messages else []
        return bool(passed) and test(passed[0])

    robot.until(passes, "a message as the fault makes them")
    return passed[0]


def stamp_before(one: Any, other: Any) -> bool:
    """Tell whether a message is stamped before another."""
    return stamp_from_msg(one.header.stamp) < stamp_from_msg(other.header.stamp)


def test_pictures_are_those_of_the_embedded_environment_but_for_the_noise(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]], embedded: Observation
) -> None:
    for name, prefix in (("front", "camera"), ("panorama", "panorama")):
        view = embedded.view(name)
        assert view is not None and view.depth is not None
        message = fresh(robot, seen, f"{prefix}/image_raw")
        assert (message.encoding, message.header.frame_id) == ("rgb8", f"{prefix}_optical_frame")
        difference = image_from_msg(message).astype(int) - view.rgb
        assert abs(difference).max() <= 6
        assert 0.5 < difference.std() < 1.5  # one level of noise, as the parameter says
        message = fresh(robot, seen, f"{prefix}/depth/image_raw")
        assert (message.encoding, message.header.frame_id) == ("32FC1", f"{prefix}_optical_frame")
        depth = depth_from_msg(message)
        assert np.array_equal(depth == 0.0, view.depth == 0.0)
        share = depth[depth > 0.0] / view.depth[depth > 0.0] - 1.0
        assert abs(share).max() < 0.015
        assert 0.001 < share.std() < 0.003


def test_calibration_and_mounting_are_those_of_the_embedded_environment(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]], embedded: Observation
) -> None:
    front = embedded.view("front")
    assert front is not None
    info = fresh(robot, seen, "camera/camera_info")
    assert np.allclose(intrinsics_from_msg(info, front.size), front.intrinsics)
    assert info.header.frame_id == "camera_optical_frame"
    static = robot.probe.record(TFMessage, "tf_static", LATCHED)
    robot.until(lambda: bool(static), "tf_static")
    links = {t.child_frame_id: t for t in static[-1][1].transforms}
    assert set(links) == {"camera_optical_frame", "panorama_optical_frame"}
    for frame, link in links.items():
        view = embedded.view("front" if frame.startswith("camera") else "panorama")
        assert view is not None
        assert link.header.frame_id == "base_link"
        assert np.allclose(transform_from_msg(link.transform), view.T_base_camera)


def test_pictures_of_one_moment_carry_one_stamp_and_no_two_are_the_same(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    fresh(robot, seen, "panorama/image_raw", 3)
    stamps = {
        topic: {stamp_from_msg(m.header.stamp) for _, m in messages}
        for topic, messages in seen.items()
    }
    common = set.intersection(*stamps.values())
    assert len(common) >= 3
    last, before = (m for _, m in reversed(seen["camera/image_raw"][-2:]))
    assert stamp_from_msg(last.header.stamp) > stamp_from_msg(before.header.stamp)
    assert bytes(last.data) != bytes(before.data)


def test_a_picture_after_a_turn_shows_the_new_direction_and_its_stamp_is_in_the_motion(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    before = image_from_msg(fresh(robot, seen, "camera/image_raw")).astype(int)
    robot.spin(45.0)
    robot.until_still()
    ended = stamp_from_msg(robot.odom[-1][1].header.stamp)
    robot.until(
        lambda: stamp_from_msg(seen["camera/image_raw"][-1][1].header.stamp) > ended, "a new frame"
    )
    after = image_from_msg(seen["camera/image_raw"][-1][1]).astype(int)
    assert abs(after - before).mean() > 10.0
    robot.spin(-45.0)
    robot.until_still()
    back = image_from_msg(fresh(robot, seen, "camera/image_raw", 3)).astype(int)
    assert abs(back - before).mean() < 0.5 * abs(after - before).mean()


def test_a_compressed_picture_is_a_jpeg_of_the_same(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    jpegs = robot.probe.record(CompressedImage, "camera/image_raw/compressed", SENSOR)
    robot.until(lambda: bool(jpegs), "a compressed image")
    packed = jpegs[-1][1]
    assert "jpeg" in packed.format and packed.header.frame_id == "camera_optical_frame"
    bgr = cv2.imdecode(np.frombuffer(packed.data, np.uint8), cv2.IMREAD_COLOR)
    rgb = image_from_msg(fresh(robot, seen, "camera/image_raw")).astype(int)
    assert abs(bgr[..., ::-1].astype(int) - rgb).mean() < 8.0


def test_the_transform_of_the_base_is_its_odometry(robot: SimulatedBaseRig) -> None:
    moving = robot.probe.record(TFMessage, "tf", ODOMETRY)
    robot.spin(22.5)
    pose = robot.until_still()
    seen = len(moving)
    robot.until(lambda: len(moving) > seen, "tf")
    link = moving[-1][1].transforms[0]
    assert (link.header.frame_id, link.child_frame_id) == ("odom", "base_link")
    assert np.allclose(transform_from_msg(link.transform), pose.matrix())


# Faults of its sensors ----------------------------------------------------------------------------


def test_cameras_that_are_off_say_nothing(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    fresh(robot, seen, "camera/image_raw")
    robot.inject("camera_off")
    quiet = _quiet(robot, seen["camera/image_raw"])
    robot.inject("")
    robot.until(lambda: len(seen["camera/image_raw"]) > quiet, "the camera again")


def test_depth_alone_may_fail(robot: SimulatedBaseRig, seen: dict[str, list[Any]]) -> None:
    fresh(robot, seen, "camera/depth/image_raw")
    robot.inject("depth_off")
    quiet = _quiet(robot, seen["camera/depth/image_raw"])
    fresh(robot, seen, "camera/image_raw", 3)
    assert len(seen["camera/depth/image_raw"]) == quiet


def test_a_stale_camera_goes_on_with_an_old_stamp(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("stale_camera")
    images = seen["camera/image_raw"]
    robot.until(lambda: images[-1][1].header.stamp == images[-2][1].header.stamp, "one stamp twice")
    assert bytes(images[-1][1].data) != bytes(images[-2][1].data)


def test_a_frozen_camera_repeats_its_bits_under_new_stamps(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("frozen_camera")
    images = seen["camera/image_raw"]
    robot.until(lambda: images[-1][1].data == images[-2][1].data, "one picture twice")
    first = images[-1][1]
    robot.spin(22.5)
    second = fresh(robot, seen, "camera/image_raw")
    assert first.header.stamp != second.header.stamp
    assert bytes(first.data) == bytes(second.data)


def test_a_delayed_camera_brings_old_pictures_with_their_true_stamps(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    images, clock = seen["camera/image_raw"], robot.probe.node.get_clock()
    robot.inject("delayed_camera", 0.7)
    told = len(images)

    def late() -> bool:
        age_s = clock.now().nanoseconds * 1e-9 - stamp_from_msg(images[-1][1].header.stamp)
        return len(images) > told + 2 and age_s > 0.65

    robot.until(late, "frames that are late")
    robot.inject("")
    robot.until(lambda: not late(), "fresh frames again")


def test_a_bad_encoding_is_whole_and_not_rgb8(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("bad_encoding")
    image = until_shown(robot, seen["camera/image_raw"], lambda m: m.encoding != "rgb8")
    assert (image.encoding, image.step) == ("mono16", 2 * image.width)
    assert len(image.data) == image.step * image.height


def test_a_bad_size_does_not_fit_the_data(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("bad_size")
    for topic, read in (
        ("camera/image_raw", image_from_msg),
        ("camera/depth/image_raw", depth_from_msg),
    ):
        image = until_shown(robot, seen[topic], lambda m: m.height != m.width)
        with pytest.raises(WiwError, match="needs step"):
            read(image)


def test_a_wrong_frame_is_not_the_one_of_the_camera_info(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("wrong_frame")
    frame = "unknown_optical_frame"
    image = until_shown(robot, seen["camera/image_raw"], lambda m: m.header.frame_id == frame)
    of_the_same = until_shown(
        robot, seen["camera/camera_info"], lambda m: not stamp_before(m, image)
    )
    assert of_the_same.header.frame_id == "camera_optical_frame"


def test_bad_intrinsics_are_of_another_size(
    robot: SimulatedBaseRig, seen: dict[str, list[Any]]
) -> None:
    robot.inject("bad_intrinsics")
    info = until_shown(robot, seen["camera/camera_info"], lambda m: m.width != 64)
    with pytest.raises(WiwError, match="is for 32x32 pixels"):
        intrinsics_from_msg(info, (64, 64))


def test_odometry_may_stop_be_no_number_or_be_in_wrong_units(robot: SimulatedBaseRig) -> None:
    robot.spin(30.0)
    true = robot.until_still()
    robot.inject("odom_scale", 100.0)
    assert robot.newest_odom().pose.pose.position.x == pytest.approx(100.0 * true.x_m)
    robot.inject("")
    robot.inject("odom_degrees")
    q = robot.newest_odom().pose.pose.orientation
    degrees = math.degrees(true.yaw_rad)
    assert math.sin(2.0 * math.atan2(q.z, q.w)) == pytest.approx(math.sin(degrees), abs=1e-6)
    robot.inject("")
    robot.inject("nan_odom")
    assert math.isnan(robot.newest_odom().pose.pose.position.x)
    robot.inject("odom_off")
    _quiet(robot, robot.odom)
    robot.inject("")
    assert robot.newest_odom().pose.pose.position.x == pytest.approx(true.x_m)


def test_transforms_may_stop(robot: SimulatedBaseRig) -> None:
    moving = robot.probe.record(TFMessage, "tf", ODOMETRY)
    robot.until(lambda: bool(moving), "tf")
    robot.inject("tf_off")
    quiet = _quiet(robot, moving)
    robot.inject("")
    robot.until(lambda: len(moving) > quiet, "tf again")


def _quiet(robot: SimulatedBaseRig, messages: list[Any]) -> int:
    """Wait until nothing new comes for as long as many of its messages take; return how many came.

    The first of them may have been under way.
    """
    end = time.monotonic() + 20.0
    while time.monotonic() < end:
        before, told, since = len(messages), len(robot.odom), time.monotonic()
        robot.until(partial(_passed, since + QUIET_S), "half a second")
        if len(messages) == before:
            assert len(robot.odom) > told or messages is robot.odom  # the robot itself is alive
            return before
    raise AssertionError("messages keep coming")


def _passed(at_s: float) -> bool:
    return time.monotonic() >= at_s
