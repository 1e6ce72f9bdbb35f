"""The recorder on a graph: topics that come late, publishers that offer less, a disk that fills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.serialization import deserialize_message
from std_msgs.msg import Int32, String

from wiw.recording.bag import Bag
from wiw.recording.node import Recording
from wiw.recording.reading import complete, messages
from wiw.recording.topics import chosen
from wiw_core.errors import ErrorCode
from wiw_ros import qos
from wiw_ros.testing import Probe, own_domain


class Scene:
    """A probe that publishes, and a recording of what it says."""

    def __init__(self, domain: int, folder: Path, *patterns: str) -> None:
        self.probe = Probe(domain)
        self.folder, self.said = folder, []
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("recorder", context=self.context)
        self.bag = Bag(folder, 1.0)
        self.recording = Recording(self.node, self.bag, chosen("", patterns), self.said.append)

    def publisher(self, kind: Any, topic: str, profile: Any) -> Any:
        """Return a publisher that the recorder hears."""
        publisher = self.probe.node.create_publisher(kind, topic, profile)
        self.probe.until(lambda: publisher.get_subscription_count() > 0, 30.0, f"{topic} is heard")
        return publisher

    def kept(self, topic: str, count: int) -> None:
        self.probe.until(lambda: self.bag.counts.get(topic, 0) >= count, 30.0, f"{topic} is kept")

    def close(self) -> None:
        self.recording.close()
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with own_domain() as domain:
        made = Scene(domain, tmp_path / "bag", "/said", "/counted")
        yield made
        made.context.try_shutdown()
        made.probe.close()


def texts(folder: Path) -> list[str]:
    return [deserialize_message(m.data, String).data for m in messages(folder, "/said".__eq__)]


def test_a_topic_that_appears_late_and_a_publisher_that_offers_less_are_both_kept(
    scene: Scene,
) -> None:
    strict = scene.publisher(String, "/said", qos.ODOMETRY)
    strict.publish(String(data="reliable"))
    scene.kept("/said", 1)
    loose = scene.publisher(String, "/said", qos.SENSOR)
    loose.publish(String(data="best effort"))
    scene.kept("/said", 2)
    scene.publisher(Int32, "/counted", qos.LATCHED).publish(Int32(data=3))
    scene.kept("/counted", 1)
    assert scene.recording.topics == ("/counted", "/said")
    scene.close()
    assert complete(scene.folder) and texts(scene.folder) == ["reliable", "best effort"]


def test_what_was_said_before_the_end_is_kept(scene: Scene) -> None:
    publisher = scene.publisher(String, "/said", qos.ODOMETRY)
    for k in range(5):
        publisher.publish(String(data=str(k)))
    scene.close()
    assert texts(scene.folder) == list("01234")


def test_a_disk_that_fills_up_ends_the_recording_with_a_code_and_a_whole_file(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.publisher(String, "/said", qos.ODOMETRY).publish(String(data="kept"))
    scene.kept("/said", 1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10.0))
    assert scene.recording.ended.wait(30.0)
    assert scene.recording.failure is not None
    assert scene.recording.failure.code is ErrorCode.RECORDING_FAILED
    scene.close()
    assert complete(scene.folder) and texts(scene.folder) == ["kept"]
