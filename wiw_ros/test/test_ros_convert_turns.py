"""What a planner tells of an episode comes back as it was: a replay depends on every bit of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message

from wiw_core.decisions import Decision
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import Policy, run_episode
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_ros import convert

PARAMETERS = {
    "proposer": "fake",
    "candidates": 4,
    "consult_share": 0.1 + 0.2,
    "reviser_parameters": [],
    "rollout_servers": ["wm_node/rollout", "other/rollout"],
    "autostart": True,
}
STAMP = Time(sec=12, nanosec=345)


def sent(message: Any) -> Any:
    """Return a message as it arrives at the other end."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.fixture(scope="module")
def decided() -> tuple[convert.Turn, Any]:
    """The first turn of an episode of fakes, and what the episode began with."""
    policy = Policy(FakeProposer(), FakeReviser(), ImageGoalNavigation().limits, FakeWorldModel())
    env, told = FakeEnvironment(), []

    class Keep:
        def begin(self, *begun: Any) -> None:
            told.append(begun)

        def decision(self, *turn: Any) -> None:
            told.append(turn)

        def undecided(self, transcript: Any) -> None:
            pass

        def end(self, result: Any) -> None:
            pass

    run_episode(env, "ignav", "val_001", policy, recorder=Keep())
    return convert.Turn("val_001", *told[1]), told[0]


def test_the_beginning_of_an_episode_comes_back_with_every_parameter(decided: Any) -> None:
    _, (episode, observation) = decided
    info, actions = FakeWorldModel().info, FakeEnvironment().actions
    begun = convert.Begun(episode, observation, 5, 2**40, "fake", actions, info, PARAMETERS)
    back = convert.begun_from_msg(sent(convert.begun_to_msg(begun, STAMP)))
    assert repr(back.episode) == repr(episode) and repr(back.observation) == repr(observation)
    assert back.parameters == PARAMETERS and back.actions == actions and back.model == info
    assert (back.seed, back.generation, back.environment) == (5, 2**40, "fake")
    without = convert.Begun(episode, observation, 5, 1, "fake", actions, None, {})
    assert convert.begun_from_msg(sent(convert.begun_to_msg(without, STAMP))).model is None


def test_a_turn_comes_back_but_for_its_frames(decided: Any) -> None:
    turn, _ = decided
    back = convert.turn_from_msg(sent(convert.turn_to_msg(turn, STAMP)))
    assert back.executed == turn.executed and back.episode_id == "val_001"
    assert repr(back.observation) == repr(turn.observation)
    for ours, theirs in zip(turn.observation.views, back.observation.views):
        assert (ours.rgb == theirs.rgb).all()
    assert scores(back.decision) == scores(turn.decision)
    assert all(candidate.rollout is None for candidate in back.decision.candidates)


def test_what_was_imagined_comes_back_to_the_pixel(decided: Any) -> None:
    turn, _ = decided
    assert len(turn.decision.candidates) > 1
    for place, candidate in enumerate(turn.decision.candidates):
        message = convert.imagined_to_msg("val_001", turn.decision, place, candidate.rollout, STAMP)
        assert (message.chosen, message.candidates) == (
            turn.decision.chosen,
            len(turn.decision.candidates),
        )
        name, index, rollout = convert.imagined_from_msg(sent(message))
        assert (name, index, rollout.plan_index) == ("val_001", turn.decision.index, place)
        np.testing.assert_array_equal(rollout.frames, candidate.rollout.frames)
        assert rollout.frame_indices == candidate.rollout.frame_indices


def scores(decision: Decision) -> list[tuple[str, float]]:
    return [(repr(c.plan), c.score) for c in decision.candidates]
