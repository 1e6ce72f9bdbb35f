"""Noise becomes the frame that the network knows, whatever the sampler."""

from __future__ import annotations

import pytest
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.nwm.sampling import BETAS, Sampler
from wiw_wm_node.nwm.settings import SCHEDULERS, TRAINED_STEPS, check

KEPT = torch.cumprod(1.0 - torch.linspace(*BETAS, TRAINED_STEPS), dim=0)


def knows(frame: torch.Tensor, variance: bool):
    """Return a perfect network: it tells the noise that lies on ``frame``."""

    def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        share = KEPT[time.long()][:, None, None, None]
        noise = (noisy - share.sqrt() * frame) / (1.0 - share).sqrt()
        return torch.cat([noise, torch.zeros_like(noise)], dim=1) if variance else noise

    return denoise


def noise(batch: int = 2, seed: int = 1) -> torch.Tensor:
    one = torch.randn((1, 4, 6, 6), generator=torch.Generator().manual_seed(seed))
    return one.repeat(batch, 1, 1, 1)


def never() -> None:
    """Nobody cancels."""


@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_perfect_network_gives_the_frame_that_it_knows(name: str, variance: bool) -> None:
    frame = torch.linspace(-3.0, 3.0, 4 * 36).reshape(1, 4, 6, 6)
    sampler = Sampler(name, 25, variance)
    made = sampler.sample(knows(frame, variance), noise(), 0, never)
    assert torch.allclose(made, frame.expand_as(made), atol=0.02)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_frames_of_a_batch_get_the_same_noise_and_repeat(name: str) -> None:
    sampler = Sampler(name, 5, variance=False)
    first = sampler.sample(lambda x, t: 0.5 * x, noise(), 9, never)
    assert torch.equal(first[0], first[1])
    assert torch.equal(first, sampler.sample(lambda x, t: 0.5 * x, noise(), 9, never))


def test_the_paper_s_sampler_adds_noise_of_its_seed() -> None:
    sampler = Sampler("ddpm", 5, variance=False)
    one, other = (sampler.sample(lambda x, t: 0.5 * x, noise(), s, never) for s in (1, 2))
    assert not torch.allclose(one, other)


def test_it_is_asked_before_every_step_whether_to_go_on() -> None:
    asked: list[int] = []

    def enough() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise WiwError(ErrorCode.CANCELLED, "enough")

    ran: list[int] = []
    sampler = Sampler("ddim", 10, variance=False)

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        ran.append(1)
        return x

    with pytest.raises(WiwError):
        sampler.sample(denoise, noise(), 0, enough)
    assert len(ran) == 2
    assert sampler.sample(denoise, noise(), 0, never).shape == (2, 4, 6, 6)
    assert len(ran) == 12


@pytest.mark.parametrize(
    ("name", "steps", "looks"),
    [("dim", 10, 4), ("ddim", 0, 4), ("ddim", 1001, 4), ("ddim", 10, 0), ("ddim", 10, 5)],
)
def test_what_is_not_possible_is_refused(name: str, steps: int, looks: int) -> None:
    with pytest.raises(WiwError) as caught:
        check(name, steps, looks)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
