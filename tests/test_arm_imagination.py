"""The arm's policy at the real table: what imagination is good for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from wiw_core.decisions import Decision, EpisodeResult
from wiw_core.loop import run_episode
from wiw_core.wrappers import Validated
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_env_bridge.tabletop.colours import COLOURS, HUE_GAP_DEG, hue_deg
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_planner_node.perception.tabletop.colours import coloured, hsv, hue_gap_deg, named_colour
from wiw_planner_node.policy import make_policy
from wiw_wm_node.copy import CopyModel
from wiw_wm_node.rotate import RotateModel

EPISODES = 4
TASKS = ("push_buttons", "slide_block_to_color_target")


@pytest.fixture(scope="module")
def table() -> Iterator[TabletopEnvironment]:
    env = TabletopEnvironment(image_size=256)
    yield env
    env.close()


def results(
    env: TabletopEnvironment, task: str, model: object = None, **parameters: object
) -> tuple[list[EpisodeResult], list[Decision]]:
    decisions: list[Decision] = []
    policy = make_policy(task, Validated(model) if model else None, proposer_parameters=parameters)
    done = [
        run_episode(env, task, name, policy, seed=0, on_decision=decisions.append)
        for name in env.episode_ids(task, limit=EPISODES)
    ]
    return done, decisions


@pytest.mark.parametrize("task", TASKS)
def test_imagination_finds_the_named_thing_where_a_guess_does_not(
    table: TabletopEnvironment, task: str
) -> None:
    guessed, _ = results(table, task)
    imagined, decisions = results(table, task, OracleWorldModel(table))
    assert all(result.success for result in imagined)
    assert sum(r.decisions for r in imagined) <= sum(r.decisions for r in guessed)
    assert not all(result.success and result.decisions == 1 for result in guessed)
    assert {len(decision.candidates) for decision in decisions} == {5}


@pytest.mark.parametrize("model", [CopyModel, RotateModel])
def test_a_model_that_imagines_nothing_changes_nothing(
    table: TabletopEnvironment, model: type
) -> None:
    _, guessed = results(table, "push_buttons")
    _, imagined = results(table, "push_buttons", model())
    assert [d.plan for d in imagined] == [d.plan for d in guessed]


def test_the_policy_knows_every_colour_that_a_goal_may_name() -> None:
    for name in COLOURS:
        known = named_colour(name)
        assert float(hue_gap_deg(known.hue_deg, hue_deg(name))) < HUE_GAP_DEG / 2, name
        pixel = np.array([[COLOURS[name]]]) * 255
        for light in (1.0, 0.6):
            assert coloured(hsv((light * pixel).astype(np.uint8)), known).all(), (name, light)


def test_it_needs_no_centroids_if_it_sees_depth() -> None:
    env = TabletopEnvironment(image_size=256, centroids=False)
    try:
        for task in TASKS:
            done, _ = results(env, task, OracleWorldModel(env), objects_from="depth")
            assert all(result.success for result in done)
        episode, first, _ = env.reset("push_buttons", env.episode_ids("push_buttons")[0])
        assert "object_centroids" not in episode.privileges and first.objects == ()
    finally:
        env.close()
