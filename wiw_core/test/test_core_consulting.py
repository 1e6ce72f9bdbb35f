"""How often the world model may be asked: a seeded share, marked in the decision."""

from __future__ import annotations

import pytest

from wiw_core import Policy, decide, decision_context
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.tasks.ignav import ImageGoalNavigation

DECISIONS = 40


def taken(share: float, seed: int = 0, model: bool = True) -> list[tuple[bool, bool, int]]:
    """Return of each decision: whether it imagined, whether it is marked, how many plans."""
    imagine = FakeWorldModel() if model else None
    policy = Policy(
        FakeProposer(), FakeReviser(), ImageGoalNavigation().limits, imagine, consult_share=share
    )
    env = FakeEnvironment()
    episode, observation, _ = env.reset("ignav", "val_001")
    found = []
    for index in range(DECISIONS):
        context = decision_context(policy, episode, (observation,), env.actions, index, seed, None)
        decision = decide(policy, context, seed=seed)
        found.append((decision.frames_imagined > 0, decision.degraded, len(decision.candidates)))
    return found


def test_all_decisions_ask_the_model_unless_told_otherwise_and_none_is_marked():
    assert {(asked, marked) for asked, marked, _ in taken(1.0)} == {(True, False)}


def test_a_decision_that_may_not_ask_takes_the_first_plan_and_is_marked():
    assert set(taken(0.0)) == {(False, True, 1)}
    for asked, marked, _ in taken(0.5):
        assert asked != marked


def test_a_policy_without_a_model_is_not_marked_at_any_share():
    assert set(taken(0.0, model=False)) == {(False, False, 1)}


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_share_is_kept_and_a_greater_one_asks_wherever_a_smaller_one_does(share):
    asked = [a for a, _, _ in taken(share)]
    assert abs(sum(asked) / DECISIONS - share) < 0.2
    more = [a for a, _, _ in taken(share + 0.2)]
    assert all(b for a, b in zip(asked, more) if a)


def test_the_same_seed_asks_at_the_same_decisions_and_another_seed_at_others():
    assert taken(0.5, seed=1) == taken(0.5, seed=1)
    assert taken(0.5, seed=1) != taken(0.5, seed=2)
