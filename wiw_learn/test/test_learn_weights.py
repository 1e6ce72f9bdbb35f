"""Weights: what is loaded is what the card says, or nothing is."""

from __future__ import annotations

import json

import pytest
import tiny_training as tiny
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn import weights
from wiw_learn.training import session

TENSORS = {
    "line.weight": torch.tensor([[1.0, 1e-3], [65504.0, -0.1]]),
    "seen": torch.tensor(7, dtype=torch.int64),
}


@pytest.fixture
def saved(tmp_path):
    weights.save(tmp_path, "tiny", TENSORS, {"name": "tiny", "odd": float("nan")})
    return tmp_path


def test_weights_come_back_in_half_precision_with_their_card(saved):
    tensors, card = weights.load(saved, "tiny")
    assert torch.equal(tensors["line.weight"], TENSORS["line.weight"].half())
    assert torch.equal(tensors["seen"], TENSORS["seen"])
    assert card["name"] == "tiny" and card["odd"] is None


@pytest.mark.parametrize("gone", ["tiny.safetensors", "tiny.json"])
def test_deleted_weights_name_the_command_that_makes_them(saved, gone):
    (saved / gone).unlink()
    with pytest.raises(WiwError, match="wiw train tiny") as refused:
        weights.load(saved, "tiny")
    assert refused.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_one_changed_byte_is_refused(saved):
    path = saved / "tiny.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WiwError, match="not the ones that their card names") as refused:
        weights.load(saved, "tiny")
    assert refused.value.code is ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize("card", ["", "[]", "{}", "null"])
def test_a_card_that_cannot_be_read_is_refused(saved, card):
    (saved / "tiny.json").write_text(card)
    with pytest.raises(WiwError) as refused:
        weights.load(saved, "tiny")
    assert refused.value.code is ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 7e4])
def test_values_that_half_precision_cannot_hold_are_never_shipped(tmp_path, value):
    with pytest.raises(WiwError, match=r"'line\.weight'") as refused:
        weights.save(tmp_path, "tiny", {"line.weight": torch.tensor([value])}, {})
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    assert list(tmp_path.iterdir()) == []


def test_a_model_s_parameter_names_a_folder_or_a_file_or_what_ships(saved, monkeypatch):
    (saved / "tiny.safetensors").rename(saved / "other.safetensors")
    (saved / "tiny.json").rename(saved / "other.json")
    for where in (saved / "other", saved / "other.safetensors"):
        _, card = weights.choose("wiw_learn", "tiny", str(where))
        assert card["name"] == "tiny"
    _, card = weights.choose("wiw_learn", "other", str(saved))
    assert card["name"] == "tiny"
    with pytest.raises(WiwError, match="wiw train tiny") as refused:
        weights.choose("wiw_learn", "tiny", "")
    assert refused.value.code is ErrorCode.MODEL_UNAVAILABLE
    monkeypatch.setattr(weights, "shelf", lambda package: saved)
    assert weights.choose("wiw_learn", "other", "")[1]["name"] == "tiny"


def test_a_path_that_holds_none_is_named_with_the_config_that_makes_them(saved):
    with pytest.raises(WiwError, match=r"'absent' are not in .* wiw train tiny"):
        weights.choose("wiw_learn", "tiny", str(saved / "absent"))


def test_shipping_copies_what_is_intact_and_refuses_the_rest(tmp_path, monkeypatch):
    data, run, shelf = (tmp_path / name for name in ("data", "run", "shelf"))
    config = tiny.config(steps=2)
    session.train(config, tiny.write_data(data), run, session.Options(check=False))
    monkeypatch.setattr(weights, "shelf", lambda package: shelf)
    assert weights.ship(run, "tiny", "wiw_learn") == shelf
    assert sorted(path.name for path in shelf.iterdir()) == [
        "tiny.json",
        "tiny.md",
        "tiny.safetensors",
    ]
    assert weights.shipped("wiw_learn", "tiny")[1] == json.loads((run / "tiny.json").read_text())
    (run / "tiny.safetensors").write_bytes(b"others")
    with pytest.raises(WiwError):
        weights.ship(run, "tiny", "wiw_learn")
    with pytest.raises(WiwError, match="not in"):
        weights.ship(run, "absent", "wiw_learn")
    weights.shipped("wiw_learn", "tiny")  # still what was shipped first
