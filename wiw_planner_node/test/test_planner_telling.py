"""What a planner tells while an episode runs: nothing while nobody listens, else every turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder, read_episode, record_path
from wiw_msgs.msg import EpisodeBegun, EpisodeResult, Imagined, Turn
from wiw_planner_node.policy import make_policy
from wiw_planner_node.telling import Teller
from wiw_ros import convert, qos
from wiw_ros.testing import Probe, own_domain


@pytest.fixture
def domain() -> Iterator[int]:
    with own_domain() as number:
        yield number


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    made = rclpy.create_node("planner", context=context)
    yield made
    made.destroy_node()
    context.try_shutdown()


def beginning(episode: Episode, observation: Observation) -> convert.Begun:
    return convert.Begun(episode, observation, 0, 1, "fake", {}, None, {})


def run(teller: Teller, folder: Path) -> int:
    """Run an episode that is told and recorded; return its decisions."""
    policy = make_policy("ignav", FakeWorldModel(), proposer="fake", reviser="fake")
    recorder = teller.episode(beginning, JsonlRecorder(folder))
    ended = run_episode(FakeEnvironment(), "ignav", "val_001", policy, recorder=recorder)
    assert ended.code == 1, ended.message
    return ended.decisions


def test_no_turn_is_made_while_nobody_listens_and_the_record_is_complete(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("a message was made for nobody")

    monkeypatch.setattr(convert, "turn_to_msg", refuse)
    monkeypatch.setattr(convert, "imagined_to_msg", refuse)
    decisions = run(Teller(node), tmp_path)
    assert len(read_episode(record_path(tmp_path, "val_001")).decisions) == decisions > 1


def test_whoever_listens_is_told_every_turn(node: Node, domain: int, tmp_path: Path) -> None:
    teller = Teller(node)
    with Probe(domain) as probe:
        told: dict[str, Sequence[tuple[float, Any]]] = {
            "episode": probe.record(EpisodeBegun, "/planner/episode", qos.LATCHED),
            "turn": probe.record(Turn, "/planner/turn", qos.TURNS),
            "imagined": probe.record(Imagined, "/planner/imagined", qos.ROLLOUTS),
            "result": probe.record(EpisodeResult, "/planner/result", qos.LATCHED),
        }
        heard = [p for p in node.publishers if p.topic_name.removeprefix("/planner/") in told]
        assert len(heard) == 4
        probe.until(
            lambda: all(p.get_subscription_count() == 1 for p in heard), 30.0, "the listener"
        )
        decisions = run(teller, tmp_path)
        probe.until(lambda: len(told["turn"]) == decisions, 30.0, "every turn")
        probe.until(lambda: bool(told["result"]), 30.0, "the result")
        turns = [message for _, message in told["turn"]]
        wanted = sum(len(turn.decision.candidates) for turn in turns)
        probe.until(lambda: len(told["imagined"]) == wanted, 30.0, "all that was imagined")
    assert [turn.decision.index for turn in turns] == list(range(decisions))
    assert len(told["episode"]) == len(told["result"]) == 1
    kept = read_episode(record_path(tmp_path, "val_001"))
    ours = [convert.turn_from_msg(turn) for turn in turns]
    assert [t.executed for t in ours] == [d.executed for d in kept.decisions]
    assert [t.observation.base_pose for t in ours] == [d.base_pose for d in kept.decisions]
