"""What a large model needs of a training: batches in parts, and a form of its own."""

from __future__ import annotations

import json

import pytest
import tiny_training as tiny
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn import weights
from wiw_learn.fakes import FakeRecipe
from wiw_learn.training.config import LATER, config_names, load_config, shipped_names
from wiw_learn.training.ema import Ema
from wiw_learn.training.session import Options, identity, train
from wiw_learn.training.verdicts import finished

QUICK = Options(check=False)
PLAIN = {"options": {"plain": True}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_data(tmp_path_factory.mktemp("numbers"))


def trained(data, folder, **changes):
    config = tiny.config(**changes)
    train(config, data, folder, QUICK)
    return weights.load(folder, config.name)


def test_a_batch_taken_in_parts_teaches_what_the_whole_batch_teaches(data, tmp_path, monkeypatch):
    sizes, losses = set(), FakeRecipe.losses

    def counted(self, network, batch):
        sizes.add(len(batch["x"]))
        return losses(self, network, batch)

    monkeypatch.setattr(FakeRecipe, "losses", counted)
    whole, _ = trained(data, tmp_path / "whole", **PLAIN)
    assert sizes == {8}
    sizes.clear()
    parts, card = trained(data, tmp_path / "parts", accumulate=4, **PLAIN)
    assert card["config"]["accumulate"] == 4
    assert all(torch.allclose(parts[name], value, atol=2e-3) for name, value in whole.items())
    assert sizes == {2}


def test_a_batch_that_cannot_be_taken_in_so_many_parts_is_refused(data, tmp_path):
    with pytest.raises(WiwError, match="in 3 parts") as caught:
        trained(data, tmp_path, accumulate=3)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_settings_that_came_later_leave_old_trainings_as_they_were(data):
    plain = tiny.config()
    assert not LATER.keys() & plain.to_json().keys()
    assert identity(tiny.config(accumulate=2), data) != identity(plain, data)
    assert identity(tiny.config(judge_on="accelerator"), data) == identity(plain, data)
    with pytest.raises(WiwError, match="judge_on"):
        tiny.config(judge_on="moon")


def test_what_is_judged_beside_the_gpu_or_on_it_without_one_is_the_same(data, tmp_path):
    _, here = trained(data, tmp_path / "cpu")
    _, there = trained(data, tmp_path / "accelerator", judge_on="accelerator")
    if torch.cuda.is_available():
        pytest.skip("a GPU rounds differently")
    assert here["metrics"] == there["metrics"]


def test_without_a_running_mean_no_second_copy_is_kept_and_resuming_is_exact(data, tmp_path):
    config = tiny.config(ema=0.0)
    network = FakeRecipe().network()
    own = {value.data_ptr() for value in network.state_dict().values()}
    assert {value.data_ptr() for value in Ema(network, 0.0).tensors.values()} == own
    assert not {value.data_ptr() for value in Ema(network, 0.5).tensors.values()} & own
    train(config, data, tmp_path / "whole", QUICK)
    asked = iter(range(1000))
    with pytest.raises(WiwError):
        train(config, data, tmp_path / "parts", QUICK, stop=lambda: next(asked) >= 7)
    train(config, data, tmp_path / "parts", QUICK)
    whole, parts = (tmp_path / part / "tiny.safetensors" for part in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


def test_a_recipe_may_write_its_network_in_a_form_of_its_own(data, tmp_path, monkeypatch):
    def export(self, network, folder):
        made = {name: value.tolist() for name, value in network.state_dict().items()}
        (folder / "mine.json").write_text(json.dumps([network.training, made]))

    monkeypatch.setattr(FakeRecipe, "export", export, raising=False)
    tensors, _ = trained(data, tmp_path)
    training, made = json.loads((tmp_path / "mine.json").read_text())
    assert training is False
    assert all(torch.equal(torch.tensor(made[name]), v.float()) for name, v in tensors.items())


def test_a_finished_network_has_the_weights_as_they_ship(data, tmp_path):
    config = tiny.config()
    train(config, data, tmp_path, QUICK)
    tensors, _ = weights.load(tmp_path, config.name)
    network = finished(config, FakeRecipe(**config.options), tensors)
    assert not network.training
    assert all(torch.equal(network.state_dict()[n], v.float()) for n, v in tensors.items())


def test_only_configs_with_a_package_ship_their_weights():
    shipped = set(shipped_names())
    assert {"warp", "arm"} <= shipped < set(config_names())
    assert all(bool(load_config(name).package) == (name in shipped) for name in config_names())
