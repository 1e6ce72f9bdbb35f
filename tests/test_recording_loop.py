"""A run is recorded over three real nodes, opens elsewhere, and replays to the same decisions."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graph import Graph
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording.episodes import RecordedEpisode, recorded_episodes
from wiw.recording.reading import complete, messages
from wiw.recording.replay import Replay
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
        whole = {f"{task} {id_}": len(d) for (task, id_), d in zip(EPISODES, told)}
        graph.probe.until(lambda: recorder.process.poll() is None, 5.0, "it records")
        assert recorder.end() == 0, recorder.output
        assert sum(whole.values()) > 3
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
            for place, candidate in enumerate(decision.candidates):
                imagined = episode.imagined.get((decision.index, place))
                assert (imagined is not None) == (candidate.code is ErrorCode.OK and bool(
                    _frames(episode, decision.index, place)))


def _frames(episode: RecordedEpisode, index: int, place: int) -> int:
    rollout = episode.imagined.get((index, place))
    return len(rollout.frames) if rollout is not None else 0


def test_a_recorded_run_replays_to_the_same_decisions(
    recorded: tuple[Path, list[list[Decision]]],
) -> None:
    path, told = recorded
    result = CliRunner().invoke(app, ["replay", str(path)])
    assert result.exit_code == 0, result.output
    count = sum(len(decisions) for decisions in told)
    assert f"{count} of {count} decisions are the same" in result.output
