"""Watching a run: layouts name topics that exist; a stream tells what a recording holds."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from recording_of_fakes import recording
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording.episodes import recorded_episodes
from wiw.watching import stream as watching
from wiw.watching.stream import words
from wiw_core.errors import ErrorCode, WiwError

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "launch/config"
ELSEWHERE = {"/rosout", "/robot_description"}
"""Topics of ROS itself and of a robot's own software."""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bags") / "run"
    recording(folder, [("ignav", "val_001"), ("ar", "val_000")])
    return folder


class FakeRerun:
    """Stands in for the package: keeps what is logged, where, and at which decision."""

    class MediaType:
        MARKDOWN = "markdown"

    def __init__(self) -> None:
        self.logged: list[tuple[int, str, str, Any]] = []
        self.decision = -1

    def RecordingStream(self, application: str) -> FakeRerun:
        return self

    def set_time(self, timeline: str, *, sequence: int = -1, timestamp: float = 0.0) -> None:
        self.decision = sequence if timeline == "decision" else self.decision

    def log(self, entity: str, content: Any) -> None:
        self.logged.append((self.decision, entity, *content))

    def __getattr__(self, name: str) -> Any:
        return lambda *values, **options: (name, values[0] if values else None)


def logged(fake: FakeRerun, entity: str) -> list[tuple[int, Any]]:
    return [(at, what) for at, where, _, what in fake.logged if where == entity]


def test_a_stream_tells_all_that_a_recording_holds(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRerun()
    monkeypatch.setattr(watching, "rerun", lambda: fake)
    result = CliRunner().invoke(app, ["watch", str(bag)])
    assert result.exit_code == 0, result.output
    episodes = list(recorded_episodes(bag, imagination=True))
    turns = [turn for episode in episodes for turn in episode.together]
    assert [at for at, _ in logged(fake, "decision")] == list(range(len(turns)))
    assert [text for _, text in logged(fake, "decision")] == [words(t.decision) for t in turns]
    assert len(logged(fake, "seen/front")) == len(turns) + len(episodes)
    imagined = [e for _, e, _, _ in fake.logged if e.startswith("imagined/")]
    assert len(imagined) == sum(len(e.imagined) for e in episodes) > 0
    assert len(logged(fake, "goal")) == len(episodes) + 1  # cleared twice, shown once
    assert len(logged(fake, "log")) == 2


def test_rerun_itself_takes_what_is_told(bag: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is an extra")
    file = tmp_path / "run.rrd"
    result = CliRunner().invoke(app, ["watch", str(bag), "--save", str(file)])
    assert result.exit_code == 0, result.output
    assert file.read_bytes()[:3] == b"RRF"


def test_without_rerun_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(WiwError, match="pip install rerun-sdk") as error:
        watching.rerun()
    assert error.value.code is ErrorCode.INTERFACE_MISSING


@pytest.mark.parametrize("name", ["wiw.rviz", "foxglove.json"])
def test_a_layout_shows_topics_that_the_nodes_offer(name: str) -> None:
    text = (CONFIG / name).read_text()
    if name.endswith(".json"):
        layout = json.loads(text)
        panels = set(re.findall(r'"(?:first|second)": "([^"]+)"', text))
        assert panels == set(layout["configById"])
        named = set(re.findall(r'"(/[a-z_/]+)["\.]', text))
    else:
        displays = yaml.safe_load(text)["Visualization Manager"]["Displays"]
        assert len(displays) > 5
        named = set(re.findall(r"Value: (/\S+)", text))
    page = (ROOT / "docs/interfaces.md").read_text()
    offered = {f"/{topic.removeprefix('/')}" for topic in re.findall(r"`([~/\w]+)`", page)}
    offered |= {topic.replace("/~/", "/planner_node/") for topic in offered}
    assert "/planner_node/candidates" in named
    assert named - ELSEWHERE <= offered, named - ELSEWHERE - offered
