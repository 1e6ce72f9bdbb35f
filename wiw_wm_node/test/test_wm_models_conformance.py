"""The controls and the warp model keep the contract of every world model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wm_rooms import front_view, observe, panorama_view

from wiw_core.conformance import check_world_model, example_context, example_request
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import Pose2
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.rollouts import RolloutRequest
from wiw_core.tasks.ignav import ImageGoalNavigation

NAMES = ("copy", "rotate", "warp")
SIZE = {"height": 36, "width": 64}


def example() -> RolloutRequest:
    return example_request(example_context(FakeEnvironment(), ImageGoalNavigation()))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_keeps_the_contract_in_the_fake_room(name: str) -> None:
    check_world_model(Registry(WORLD_MODELS).create(name, **SIZE), example)


@pytest.mark.parametrize("name", NAMES)
def test_the_model_keeps_the_contract_among_pillars_with_a_history(name: str) -> None:
    path = [Pose2(-1.5 + 0.2 * k, 0.1, 0.2) for k in range(4)]
    seen = tuple(
        observe(p, panorama_view(p), front_view(p), start=path[0], step=k)
        for k, p in enumerate(path)
    )
    check_world_model(
        Registry(WORLD_MODELS).create(name, **SIZE), lambda: replace(example(), observations=seen)
    )
