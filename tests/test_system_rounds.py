"""A proposer that asks for more rounds does so over ROS as in one process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graph import Graph

from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_planner_node.policy import make_policy

pytestmark = pytest.mark.system


def weighed(decision: Decision) -> str:
    """Return all of a decision but seconds and pictures; as text, for NaN differs from itself."""
    candidates = tuple(replace(c, rollout=None) for c in decision.candidates)
    return repr(replace(decision, candidates=candidates, seconds={}))


def test_every_round_of_a_search_is_the_same_over_ros(graph: Graph) -> None:
    """The fake model's values come from the picture alone, so every plan of a decision ties."""
    options: dict[str, Any] = {"proposer": "cem", "reviser": "place"}
    policy = make_policy(
        "ignav",
        FakeWorldModel(),
        **options,
        proposer_parameters={"rounds": 3},
        reviser_parameters={"score_by": "value"},
    )
    expected: list[Decision] = []
    run_episode(FakeEnvironment(), "ignav", "val_001", policy, on_decision=expected.append)
    assert [c.round for c in expected[0].candidates] == [0] * 3 + [1] * 3 + [2] * 3
    with graph.changed(
        "planner_node",
        **options,
        proposer_parameters=["rounds=3"],
        reviser_parameters=["score_by=value"],
        rollout_deadline_s=30.0,
    ):
        result, decisions = graph.run("ignav", "val_001")
    assert result.code == ErrorCode.OK, result.message
    assert [weighed(d) for d in decisions] == [weighed(d) for d in expected]
