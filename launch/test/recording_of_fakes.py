"""Recordings without a graph: the planner's own messages, written as they would be received."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclpy.serialization import serialize_message

from wiw.recording.bag import Bag
from wiw.recording.definitions import installed
from wiw_core.contracts import WorldModel
from wiw_core.decisions import Decision, EpisodeResult, Exchange
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan
from wiw_planner_node.node import PARAMS
from wiw_planner_node.policy import make_policy
from wiw_ros import convert

PLANNER = "/planner_node"
FAKES = {"proposer": "fake", "reviser": "fake"}


class ToBag:
    """A recorder of the loop that writes what a planner node tells; a fake of that node."""

    def __init__(self, bag: Bag, model: WorldModel | None, parameters: dict[str, Any]) -> None:
        self.bag, self.model, self.parameters = bag, model, parameters
        self.connections: dict[str, Any] = {}
        self.now_ns = 10**18
        self.lose: Sequence[int] = ()
        self.planner = PLANNER

    def begin(self, episode: Episode, observation: Observation) -> None:
        self.id = episode.id
        info = self.model.info if self.model is not None else None
        parameters = {p.name: p.default for p in PARAMS} | self.parameters
        begun = convert.Begun(
            episode, observation, 3, 1, "fake", FakeEnvironment().actions, info, parameters
        )
        self.write("episode", convert.begun_to_msg(begun, self.stamp()))

    def decision(self, decision: Decision, executed: Plan, observation: Observation) -> None:
        for place, candidate in enumerate(decision.candidates):
            if candidate.rollout is not None:
                message = convert.imagined_to_msg(
                    self.id, decision, place, candidate.rollout, self.stamp()
                )
                self.write("imagined", message)
        if decision.index not in self.lose:
            turn = convert.Turn(self.id, decision, executed, observation)
            self.write("turn", convert.turn_to_msg(turn, self.stamp()))

    def undecided(self, transcript: Sequence[Exchange]) -> None:
        pass

    def end(self, result: EpisodeResult) -> None:
        self.write("result", convert.result_to_msg(result))

    def stamp(self) -> Any:
        self.now_ns += 10**7
        return convert.stamp_to_msg(self.now_ns / 1e9)

    def write(self, name: str, message: Any) -> None:
        topic = f"{self.planner}/{name}"
        kind = f"wiw_msgs/msg/{type(message).__name__}"
        if topic not in self.connections:
            self.connections[topic] = self.bag.add(topic, kind, installed(kind))
        self.bag.write(self.connections[topic], self.now_ns, serialize_message(message))


def recording(
    folder: Path,
    episodes: Sequence[tuple[str, str]] = (("ignav", "val_001"), ("ar", "val_000")),
    model: WorldModel | None = None,
    lose: Sequence[int] = (),
    leave_open: bool = False,
) -> list[list[Decision]]:
    """Run fakes in this process, record them, and return the decisions of each episode."""
    model = FakeWorldModel() if model is None else model
    recorder = ToBag(Bag(folder, 1.0), model, FAKES)
    recorder.lose = lose
    told = []
    for task, episode_id in episodes:
        policy, decisions = make_policy(task, model, **FAKES), []
        run_episode(
            FakeEnvironment(),
            task,
            episode_id,
            policy,
            seed=3,
            recorder=recorder,
            on_decision=decisions.append,
        )
        told.append(decisions)
    if not leave_open:
        recorder.bag.close()
    else:
        recorder.bag.flush()
        recorder.bag.abort()
    return told
