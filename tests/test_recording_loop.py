"""A run is recorded over three real nodes, opens elsewhere, and replays to the same decisions."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from graph import Graph
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording.episodes import recorded_episodes
from wiw.recording.reading import complete, messages
from wiw.watching.live import Live
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode

pytestmark = pytest.mark.system
EPISODES = (("ignav", "val_001"), ("ignav", "val_002"), ("ar", "val_000"))
TOLD = {f"/planner_node/{name}" for name in ("episode", "turn", "imagined", "result")}


class Recorder:
    """``wiw record`` as a process of its own."""

    def __init__(self, graph: Graph, out: Path, *arguments: str) -> None:
        self.out, self._log = out, out.with_suffix(".log")
        command = [sys.executable, "-m", "wiw", "record", "--out", str(out), *arguments]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        topics = [t for t in TOLD if t != "/planner_node/imagined" or "full" in arguments]
        graph.probe.until(lambda: all(t in self.output for t in topics), 60.0, "the recorder hears")

    @property
    def output(self) -> str:
        return self._log.read_text()

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30.0)


@pytest.fixture(scope="module", autouse=True)
def patient(graph: Graph) -> None:
    """On a busy machine a rollout may take its time: no deadline is tested here."""
    graph.reconfigure("planner_node", rollout_deadline_s=60.0)


@pytest.fixture(scope="module")
def recorded(
    graph: Graph, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[list[Decision]]]]:
    """A recording of three episodes, and the decisions that the planner told of them."""
    recorder = Recorder(graph, tmp_path_factory.mktemp("bags") / "run", "--profile", "full")
    try:
        told = []
        for task, episode_id in EPISODES:
            result, decisions = graph.run(task, episode_id, seed=7)
            assert result.code == ErrorCode.OK, result.message
            told.append(decisions)
        assert sum(map(len, told)) > 3
        assert recorder.end() == 0, recorder.output
        yield recorder.out, told
    finally:
        recorder.process.kill()
        recorder.process.wait()


def test_a_recording_holds_every_decision_as_it_was_told(
    recorded: tuple[Path, list[list[Decision]]],
) -> None:
    path, told = recorded
    episodes = list(recorded_episodes(path, imagination=True))
    assert [(e.begun.episode.task, e.id) for e in episodes] == list(EPISODES)
    for episode, decisions in zip(episodes, told):
        assert episode.missing == 0 and episode.result is not None
        assert [repr(t.decision) for t in episode.together] == [repr(d) for d in decisions]
        assert episode.begun.seed == 7 and episode.begun.environment == "fake"
        for decision in decisions:
            imagined = {c for (d, c) in episode.imagined if d == decision.index}
            assert len(imagined) == len(decision.candidates)
            frames = sum(len(episode.imagined[decision.index, c].frames) for c in imagined)
            assert frames == decision.frames_imagined


def test_a_recorded_run_replays_to_the_same_decisions(
    recorded: tuple[Path, list[list[Decision]]],
) -> None:
    path, told = recorded
    result = CliRunner().invoke(app, ["replay", str(path)])
    assert result.exit_code == 0, result.output
    count = sum(len(decisions) for decisions in told)
    assert f"{count} of {count} decisions are the same" in result.output


def test_the_planner_node_itself_decides_the_same_again(
    graph: Graph, recorded: tuple[Path, list[list[Decision]]]
) -> None:
    path, told = recorded
    result = CliRunner().invoke(app, ["replay", str(path), "--planner", "planner_node"])
    assert result.exit_code == 0, result.output
    count = sum(len(decisions) for decisions in told)
    assert f"{count} of {count} decisions are the same" in result.output


def test_two_independent_readers_decode_every_message(
    recorded: tuple[Path, list[list[Decision]]],
) -> None:
    path, told = recorded
    count = sum(len(decisions) for decisions in told)
    with (path / "run.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        first = [(c.topic, m) for _, c, _, m in reader.iter_decoded_messages()]
    store, second = get_typestore(Stores.EMPTY), []
    with Reader(path) as bag:
        for c in bag.connections:
            types = get_types_from_msg(c.msgdef.data, c.msgtype)
            store.register({n: t for n, t in types.items() if n not in store.fielddefs})
        for c, _, data in bag.messages():
            second.append((c.topic, store.deserialize_cdr(data, c.msgtype)))
    kept = Counter(topic for topic, _ in first)
    assert kept == Counter(topic for topic, _ in second)
    assert kept["/planner_node/turn"] == kept["/planner_node/decision"] == count
    for topic in ("/odom", "/heartbeat", "/diagnostics", "/image", "/camera_info"):
        assert kept[topic] > 0, topic
    ours = [t.decision.chosen for e in recorded_episodes(path) for t in e.together]
    for decoded in (first, second):
        theirs = [m.decision.chosen for topic, m in decoded if topic == "/planner_node/turn"]
        assert theirs == ours


def test_a_recorder_that_is_killed_leaves_what_can_be_completed_and_replayed(
    graph: Graph, tmp_path: Path
) -> None:
    recorder = Recorder(graph, tmp_path / "killed")
    try:
        result, decisions = graph.run("ignav", "val_001")
        assert result.code == ErrorCode.OK

        def written() -> int:
            return sum(1 for _ in messages(recorder.out, lambda t: t.endswith("planner_node/turn")))

        graph.probe.until(lambda: written() == len(decisions), 30.0, "all is handed over")
    finally:
        recorder.process.kill()
        recorder.process.wait()
    assert not complete(recorder.out)
    replay = CliRunner().invoke(app, ["replay", str(recorder.out)])
    assert replay.exit_code == 0, replay.output
    assert f"{len(decisions)} of {len(decisions)} decisions are the same" in replay.output
    assert CliRunner().invoke(app, ["record", "--mend", str(recorder.out)]).exit_code == 0
    with Reader(recorder.out) as bag:
        assert {c.topic for c in bag.connections} >= TOLD - {"/planner_node/imagined"}


class Heard:
    """Stands in for a Rerun stream: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.begun, self.imagined, self.turn, self.result = map(
            self._keeper, ("begun", "imagined", "turn", "result")
        )

    def _keeper(self, what: str) -> Callable[[object], None]:
        return lambda message: self.told.append(what)

    def close(self) -> None:
        self.told.append("closed")


def test_a_run_can_be_watched_as_it_happens(graph: Graph) -> None:
    heard, problems = Heard(), []
    node = rclpy.create_node("watcher", context=graph.probe.node.context)
    live = Live(node, "/planner_node", heard, problems.append)  # type: ignore[arg-type]
    try:
        turn = "/planner_node/turn"
        graph.probe.until(lambda: node.count_publishers(turn) == 1, 30.0, "the planner is found")
        result, decisions = graph.run("ignav", "val_002")
        assert result.code == ErrorCode.OK
        # The episode before this one is told too: the planner keeps its beginning and its result.
        graph.probe.until(lambda: heard.told.count("result") >= 2, 30.0, "the end is told")
        graph.probe.until(
            lambda: heard.told.count("turn") == len(decisions), 30.0, "every turn is told"
        )
    finally:
        live.close()
        node.destroy_node()
    assert not problems and heard.told[-1] == "closed"
    assert heard.told.count("begun") == 2
    assert heard.told.count("imagined") == sum(len(d.candidates) for d in decisions)
