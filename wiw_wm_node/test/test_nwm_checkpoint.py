"""Published weights are loaded by a map of names, whole or not at all, and never run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.nwm import checkpoint, source
from wiw_wm_node.nwm.network import MODULATION, CDiT
from wiw_wm_node.nwm.tiny import tiny_network


def blank() -> CDiT:
    return CDiT(side=8, width=48, depth=2, heads=2)


def published(network: CDiT, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return a synthetic checkpoint: the network's tensors under the names of the shipped map."""
    names = json.loads(checkpoint.KEYS.read_text())["names"]
    theirs = {ours: name for name, ours in names.items()}
    state = {}
    for name, tensor in network.state_dict().items():
        module, _, leaf = name.rpartition(".")
        number = name.split(".")[1] if name.startswith("blocks.") else ""
        general = module.replace(f"blocks.{number}.", "blocks.#.") if number else module
        full = f"{theirs[general]}.{leaf}".replace("#", number) if module else theirs[name]
        state[prefix + full] = tensor.clone()
    return state


def filled(state: dict, keys: checkpoint.KeyMap | None = None) -> CDiT:
    network = blank()
    checkpoint.fill(network, state, keys or checkpoint.read_map(), "test.pth")
    return network


def same(one: CDiT, other: CDiT) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_checkpoint_under_the_maps_names_fills_the_whole_network(tmp_path: Path) -> None:
    network = tiny_network()
    wrapped = {"ema": published(network, "_orig_mod."), "opt": {"step": 7}, "train_steps": 7}
    torch.save(wrapped, tmp_path / "nwm.pth.tar")
    file = source.checkpoint_in(tmp_path)
    assert same(filled(dict(checkpoint.read_state(file))), network)


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    network = tiny_network()
    save_file(published(network), tmp_path / "nwm.safetensors")
    assert same(filled(dict(checkpoint.read_state(tmp_path / "nwm.safetensors"))), network)


def test_the_shipped_map_names_every_part_of_the_full_network() -> None:
    with torch.device("meta"):
        network = CDiT()
    keys = checkpoint.read_map()
    named = {keys.ours(name) for name in published(network)}
    assert named == set(network.state_dict())


def test_modulation_is_put_into_our_order(tmp_path: Path) -> None:
    network = tiny_network()
    data = json.loads(checkpoint.KEYS.read_text())
    data["modulation"] = list(reversed(MODULATION))
    (tmp_path / "keys.json").write_text(json.dumps(data))
    state = published(network)
    for name in [n for n in state if n.startswith("blocks.") and "adaLN" in n]:
        state[name] = torch.cat(list(reversed(state[name].chunk(len(MODULATION)))))
    assert same(filled(state, checkpoint.read_map(str(tmp_path / "keys.json"))), network)


def test_positions_may_have_a_leading_one() -> None:
    network = tiny_network()
    state = published(network)
    state["pos_embed"] = state["pos_embed"][None]
    assert same(filled(state), network)


def test_what_does_not_match_is_listed_on_both_sides_with_shapes() -> None:
    state = published(tiny_network())
    state["blocks.0.cross.query.weight"] = state.pop("blocks.0.cross_attn.qkv.weight")
    state["final_layer.linear.bias"] = torch.zeros(5)
    with pytest.raises(WiwError) as caught:
        filled(state)
    said = str(caught.value)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT
    assert "blocks.0.cross.query.weight (144, 48)" in said
    assert "blocks.0.cross_attention.inputs.weight (144, 48)" in said
    assert "final_layer.linear.bias (5,) -> last.bias" in said
    assert "key_map" in said


def test_a_checkpoint_that_does_not_fit_leaves_the_network_as_it_was() -> None:
    network, before = blank(), blank()
    before.load_state_dict(network.state_dict())
    state = published(tiny_network())
    del state["x_embedder.proj.bias"]
    with pytest.raises(WiwError):
        checkpoint.fill(network, state, checkpoint.read_map(), "test.pth")
    assert same(network, before)


@pytest.mark.parametrize("twin", ["module.pos_embed", "pos_embed.weight"])
def test_a_tensor_that_is_there_twice_is_refused(twin: str) -> None:
    state = published(tiny_network())
    state[twin] = state["pos_embed"]
    with pytest.raises(WiwError) as caught:
        filled(state)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


class Program:
    """What a hostile checkpoint holds: unpickling it runs a command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


def test_a_checkpoint_that_holds_a_program_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"model": Program(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(WiwError) as caught:
        checkpoint.read_state(tmp_path / "bad.pth")
    assert caught.value.code is ErrorCode.RECORD_CORRUPT
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"bad{suffix}").write_bytes(b"neither a zip nor a header")
    with pytest.raises(WiwError) as caught:
        checkpoint.read_state(tmp_path / f"bad{suffix}")
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_a_folder_without_or_with_several_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as caught:
        source.checkpoint_in(tmp_path)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    for name in ("a.pth", "b.pth.tar"):
        (tmp_path / name).touch()
    with pytest.raises(WiwError, match=r"a\.pth, b\.pth\.tar"):
        source.checkpoint_in(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"names": {}}'])
def test_a_key_map_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(WiwError) as caught:
        checkpoint.read_map(str(tmp_path / "keys.json"))
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_a_key_map_must_order_every_part_of_the_modulation(tmp_path: Path) -> None:
    data = json.loads(checkpoint.KEYS.read_text())
    data["modulation"].pop()
    (tmp_path / "keys.json").write_text(json.dumps(data))
    with pytest.raises(WiwError, match="mlp_gate"):
        checkpoint.read_map(str(tmp_path / "keys.json"))
