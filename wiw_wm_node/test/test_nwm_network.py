"""CDiT is the network that the paper describes."""

from __future__ import annotations

import pytest
import torch

from wiw_wm_node.nwm.network import CDiT, waves
from wiw_wm_node.nwm.tiny import tiny_network


@pytest.fixture(scope="module")
def network() -> CDiT:
    return tiny_network()


def inputs(network: CDiT, batch: int = 1) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(3)
    side, channels = network.side, network.channels
    return {
        "noisy": torch.randn((batch, channels, side, side), generator=chance),
        "time": torch.randint(0, 1000, (batch,), generator=chance),
        "context": torch.randn((batch, 4, channels, side, side), generator=chance),
        "action": torch.rand((batch, 3), generator=chance),
        "relative_time": torch.rand((batch,), generator=chance),
    }


def test_cdit_xl_has_the_billion_parameters_of_the_paper() -> None:
    with torch.device("meta"):
        network = CDiT()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(1.0e9, rel=0.02)


def test_waves_are_cosines_then_sines_of_falling_rates() -> None:
    (row,) = waves(torch.tensor([2.0]))
    assert row.shape == (256,)
    assert row[0] == pytest.approx(torch.cos(torch.tensor(2.0)))
    assert row[128] == pytest.approx(torch.sin(torch.tensor(2.0)))
    assert row[128 + 64] == pytest.approx(torch.sin(torch.tensor(2.0 / 100.0)), abs=1e-6)


def test_noise_and_variance_come_out_as_large_as_the_frame(network: CDiT) -> None:
    with torch.inference_mode():
        out = network(**inputs(network, batch=2))
    assert out.shape == (2, 8, network.side, network.side)


@pytest.mark.parametrize("name", ["noisy", "time", "context", "action", "relative_time"])
def test_every_input_matters(network: CDiT, name: str) -> None:
    given = inputs(network)
    with torch.inference_mode():
        before = network(**given)
        after = network(**{**given, name: given[name] + 1})
    assert (before - after).abs().max() > 1e-3


def test_every_context_frame_and_every_axis_of_the_action_matters(network: CDiT) -> None:
    given = inputs(network)
    with torch.inference_mode():
        before = network(**given)
        for frame in range(4):
            context = given["context"].clone()
            context[:, frame] += 1.0
            assert (network(**{**given, "context": context}) - before).abs().max() > 1e-3
        for axis in range(3):
            action = given["action"].clone()
            action[:, axis] += 1.0
            assert (network(**{**given, "action": action}) - before).abs().max() > 1e-3


def test_the_order_of_the_context_matters(network: CDiT) -> None:
    given = inputs(network)
    turned = {**given, "context": given["context"].flip(1)}
    with torch.inference_mode():
        assert (network(**given) - network(**turned)).abs().max() > 1e-3


def test_a_frame_does_not_depend_on_the_frames_beside_it(network: CDiT) -> None:
    given = inputs(network, batch=3)
    with torch.inference_mode():
        together = network(**given)
        alone = [network(**{k: v[i : i + 1] for k, v in given.items()}) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_closed_gates_keep_the_context_out() -> None:
    """With all of adaLN at zero, as training begins, a block changes nothing."""
    network = tiny_network()
    for block in network.blocks:
        torch.nn.init.zeros_(block.modulation.weight)
        torch.nn.init.zeros_(block.modulation.bias)
    given = inputs(network)
    moved = {**given, "context": given["context"] + 1.0}
    with torch.inference_mode():
        assert torch.equal(network(**given), network(**moved))


def test_tokens_are_put_back_where_they_came_from() -> None:
    network = CDiT(side=4, patch=2, channels=1, width=12, depth=0, heads=1, variance=False)
    frame = torch.arange(16.0).reshape(1, 1, 4, 4)
    tokens = torch.stack(
        [frame[0, 0, r : r + 2, c : c + 2].reshape(-1) for r in (0, 2) for c in (0, 2)]
    )
    assert torch.equal(network._frame(tokens[None]), frame)
