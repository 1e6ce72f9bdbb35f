"""The file of a recording: others can read it, a kill loses little, a full disk is said in time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from recording_of_fakes import PLANNER, recording
from rosbags.rosbag2 import Reader, Writer
from std_msgs.msg import String
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording import topics
from wiw.recording.bag import Bag
from wiw.recording.definitions import digest, installed
from wiw.recording.episodes import recorded_episodes
from wiw.recording.reading import complete, mend, messages
from wiw_core.errors import ErrorCode, WiwError
from wiw_ros import qos

STRING = "std_msgs/msg/String"


def strings(folder: Path, count: int, close: bool = True) -> None:
    """Write ``count`` texts on the topic /said, offered as the latched topics of WIW are."""
    bag = Bag(folder, 1.0)
    said = bag.add("/said", STRING, installed(STRING), [topics.offered(qos.LATCHED)])
    for k in range(count):
        bag.write(said, 1000 + k, serialize_message(String(data=f"text {k}")))
    if close:
        bag.close()
    else:
        bag.flush()
        bag.abort()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bags") / "run"
    recording(folder, [("ignav", "val_001")])
    return folder


def test_an_independent_reader_decodes_a_run(run: Path) -> None:
    turns = next(recorded_episodes(run)).together
    with (run / "run.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        decoded = [m for *_, m in reader.iter_decoded_messages(topics=[f"{PLANNER}/turn"])]
    assert len(decoded) == len(turns) > 1
    for message, turn in zip(decoded, turns):
        assert message.decision.index == turn.decision.index
        assert [a.name for a in message.decision.plan.actions] == list(turn.decision.plan.names)
        view = turn.observation.views[0]
        assert bytes(message.observation.views[0].image.data) == view.rgb.tobytes()


def test_another_independent_reader_opens_it_as_a_rosbag2_folder(run: Path) -> None:
    turns = next(recorded_episodes(run)).together
    with Reader(run) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        assert len(list(reader.messages())) == reader.message_count == sum(counts.values())
        assert {c.digest[:7] for c in reader.connections} == {"RIHS01_"}
    assert counts[f"{PLANNER}/turn"] == len(turns)
    assert counts[f"{PLANNER}/episode"] == counts[f"{PLANNER}/result"] == 1


def test_a_recording_in_sqlite_as_ros2_bag_may_make_it_replays_too(
    run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sqlite"
    with Reader(run) as reader, Writer(folder, version=9) as writer:
        connections = {
            c.topic: writer.add_connection(
                c.topic, c.msgtype, msgdef=c.msgdef.data, rihs01=c.digest
            )
            for c in reader.connections
        }
        for connection, stamp_ns, data in reader.messages():
            writer.write(connections[connection.topic], stamp_ns, data)
    assert list(folder.glob("*.db3"))
    result = CliRunner().invoke(app, ["replay", str(folder)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", ["wiw_msgs/msg/Turn", "sensor_msgs/msg/Image", STRING])
def test_a_type_has_the_hash_that_ros_2_gives_it(kind: str) -> None:
    package, name = kind.split("/msg/")
    file = Path(get_package_share_directory(package), "msg", f"{name}.json")
    hashes = json.loads(file.read_text())["type_hashes"]
    ours = next(entry["hash_string"] for entry in hashes if entry["type_name"] == kind)
    assert digest(kind, installed(kind)) == ours


def test_the_quality_of_service_of_a_topic_is_kept(tmp_path: Path) -> None:
    strings(tmp_path / "said", 1)
    with Reader(tmp_path / "said") as reader:
        (kept,) = reader.connections[0].ext.offered_qos_profiles
    assert (kept.reliability.name, kept.durability.name, kept.depth) == (
        "RELIABLE",
        "TRANSIENT_LOCAL",
        1,
    )


def test_what_a_kill_left_is_read_up_to_where_it_breaks_off_and_can_be_completed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "said"
    strings(folder, 50, close=False)
    file = folder / "said.mcap"
    file.write_bytes(file.read_bytes() + b"\x06\xff\x00\x00\x00\x00\x00\x00\x00torn")
    assert not complete(folder)
    before = [m.data for m in messages(folder)]
    assert len(before) == 50
    assert mend(folder) == folder and complete(folder)
    assert [m.data for m in messages(folder)] == before
    with Reader(folder) as reader:
        assert reader.connections[0].ext.offered_qos_profiles[0].durability.name == (
            "TRANSIENT_LOCAL"
        )
    assert [p.name for p in tmp_path.iterdir()] == ["said"]
    with pytest.raises(WiwError, match="complete already"):
        mend(folder)


def test_a_torn_recording_replays_as_far_as_it_goes(tmp_path: Path) -> None:
    recording(tmp_path / "run", [("ignav", "val_001")], leave_open=True)
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(app, ["record", "--mend", str(tmp_path / "run")]).exit_code == 0
    assert complete(tmp_path / "run")


def test_a_recording_with_other_message_definitions_is_refused(run: Path, tmp_path: Path) -> None:
    (message, *_) = messages(run, lambda topic: topic.endswith("/episode"))
    bag = Bag(tmp_path / "old", 1.0)
    definition = message.definition.replace("uint64 generation", "uint32 generation")
    connection = bag.add(message.topic, message.kind, definition)
    bag.write(connection, message.stamp_ns, message.data)
    bag.close()
    with pytest.raises(WiwError, match="another definition") as error:
        list(recorded_episodes(tmp_path / "old"))
    assert error.value.code is ErrorCode.RECORD_CORRUPT


def test_nothing_is_begun_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match="of the disk are free") as error:
        Bag(tmp_path / "run", min_free_mb=1e12)
    assert error.value.code is ErrorCode.RECORDING_FAILED
    assert not (tmp_path / "run").exists()


def test_a_disk_that_fills_up_ends_a_recording_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = Bag(tmp_path / "said", 1.0)
    said = bag.add("/said", STRING, installed(STRING))
    bag.write(said, 1, serialize_message(String(data="kept")))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10.0}))
    with pytest.raises(WiwError) as error:
        bag.flush()
    assert error.value.code is ErrorCode.RECORDING_FAILED
    bag.close()
    assert complete(tmp_path / "said") and len(list(messages(tmp_path / "said"))) == 1


def test_an_existing_folder_is_never_written_into(run: Path) -> None:
    with pytest.raises(WiwError) as error:
        Bag(run)
    assert error.value.code is ErrorCode.BAD_PARAMETER and complete(run)


def test_a_type_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match="ros-jazzy-nobodys-msgs") as error:
        installed("nobodys_msgs/msg/Thing")
    assert error.value.code is ErrorCode.INTERFACE_MISSING


def test_profiles_choose_by_whole_names_in_every_namespace() -> None:
    wanted = topics.chosen("minimal", ["gripper_state"])
    for name in ("/planner_node/turn", "/robot1/planner_node/turn", "/odom", "/robot1/odom"):
        assert wanted(name), name
    assert wanted("/robot1/gripper_state") and wanted("/tf_static") and wanted("/cmd_vel")
    for name in ("/planner_node/imagined", "/image", "/odometer", "/x/_action/status"):
        assert not wanted(name), name
    assert topics.chosen("full", [])("/wrist/image_raw")
    assert not topics.chosen("all", [])("/wm_node/rollout/_action/feedback")
    assert topics.chosen("", ["*/_action/*"])("/wm_node/rollout/_action/feedback")
    with pytest.raises(WiwError, match="minimal"):
        topics.chosen("minimel", [])
    with pytest.raises(WiwError, match="No topic"):
        topics.chosen("", [])


def test_it_listens_as_strictly_as_every_publisher_allows() -> None:
    loose = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
    both = topics.listening([qos.LATCHED, loose])
    assert both.reliability is ReliabilityPolicy.BEST_EFFORT
    assert both.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert topics.listening([qos.LATCHED]).reliability is ReliabilityPolicy.RELIABLE
    assert topics.listening([qos.ODOMETRY]).durability is DurabilityPolicy.VOLATILE
