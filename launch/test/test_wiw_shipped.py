"""Every model of our own ships weights: whole, small, of train scenes, of the committed config."""

from __future__ import annotations

import pytest

from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS
from wiw_learn import weights
from wiw_learn.dataset import held_out
from wiw_learn.training.card import metrics_of
from wiw_learn.training.config import load_config, shipped_names

pytestmark = pytest.mark.parametrize("name", shipped_names())
MOST_BYTES = 8_000_000


def test_the_weights_that_ship_are_there_whole_and_a_few_megabytes(name):
    tensors, card = weights.shipped(load_config(name).package, name)
    assert card["name"] == name and card["licence"] == "Apache-2.0"
    assert 0 < sum(tensor.nbytes for tensor in tensors.values()) < MOST_BYTES


def test_the_card_is_that_of_the_committed_config_and_says_how_good_it_is(name):
    config = load_config(name)
    card = weights.shipped(config.package, name)[1]
    assert card["config"] == config.to_json(), f"make it anew: wiw train {name} --fresh --ship"
    assert card["step"] == config.steps
    metrics = metrics_of(card)
    assert metrics and all(value.low <= value.estimate <= value.high for value in metrics.values())


def test_only_train_scenes_were_trained_on_and_none_that_judged(name):
    data = weights.shipped(load_config(name).package, name)[1]["data"]
    learnt, judged = set(data["train_scenes"]), set(data["held_out_scenes"])
    assert learnt and judged and not learnt & judged
    assert all(scene in TRAIN_SEEDS for scene in learnt | judged)
    assert not any(held_out(scene) for scene in learnt)
