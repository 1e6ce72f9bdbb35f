"""The losses of a post-training: Haar bands, token relations, flow matching, EDM."""

from __future__ import annotations

import math

import pytest
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.training import haar
from wiw_wm_node.video.training.objectives import Edm, FlowMatching
from wiw_wm_node.video.training.relations import Relations

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_haar_bands_of_a_clip_give_it_back_and_keep_its_energy():
    clip = noise(2, 3, 4, 6, 8)
    bands = haar.transform(clip)
    assert bands.shape == (8, 2, 3, 2, 3, 4)
    assert (haar.inverse(bands) - clip).abs().max() < 1e-5
    assert bands.square().sum().item() == pytest.approx(clip.square().sum().item(), rel=1e-5)


def test_a_still_picture_has_no_motion_and_a_flat_one_no_detail():
    still = noise(1, 1, 1, 8, 8).expand(1, 1, 4, 8, 8)
    energy = dict(zip(haar.BANDS, haar.transform(still).square().flatten(1).sum(dim=1).tolist()))
    assert all(energy[band] == pytest.approx(0.0, abs=1e-9) for band in haar.GROUPS["motion"])
    assert all(energy[band] > 1.0 for band in (*haar.GROUPS["scene"], *haar.GROUPS["detail"]))
    blinking = torch.tensor([1.0, -1.0]).repeat(2)[None, None, :, None, None].expand(1, 1, 4, 8, 8)
    bands = haar.transform(blinking).square().flatten(1).sum(dim=1)
    assert bands[haar.BANDS.index("HLL")].item() == pytest.approx(4 * 64.0)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6, 8), (2, 3, 3, 5, 7), (1, 4, 1, 1, 1)])
def test_bands_that_count_alike_count_as_the_plain_squared_error_does(shape):
    residual = noise(*shape)
    plain = residual.square().flatten(1).sum(dim=1)
    weighted = haar.weighted_squares(residual, haar.band_weights({}))
    assert torch.allclose(weighted, plain, rtol=1e-5)


def test_a_heavier_motion_band_counts_moving_errors_more_and_still_ones_the_same():
    weights = haar.band_weights({"motion": 3.0})
    still = noise(1, 1, 1, 4, 4).expand(1, 1, 2, 4, 4)
    moving = still * torch.tensor([1.0, -1.0])[None, None, :, None, None]
    assert haar.weighted_squares(still, weights).item() == pytest.approx(
        still.square().sum().item(), rel=1e-5
    )
    assert haar.weighted_squares(moving, weights).item() == pytest.approx(
        3.0 * moving.square().sum().item(), rel=1e-5
    )


def test_a_bands_own_weight_goes_before_its_groups():
    weights = dict(zip(haar.BANDS, haar.band_weights({"motion": 2.0, "HHH": 0.5})))
    assert weights["HHH"] == 0.5 and weights["HLL"] == 2.0 and weights["LLL"] == 1.0


@pytest.mark.parametrize(
    ("given", "words"),
    [({"moton": 1.0}, "motion"), ({"motion": -1.0}, "-1"), ({"motion": float("nan")}, "nan")],
)
def test_weights_of_no_band_or_no_weight_are_refused(given, words):
    with pytest.raises(WiwError, match=words) as caught:
        haar.band_weights(given)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_a_clip_that_cannot_be_halved_is_refused():
    with pytest.raises(WiwError) as caught:
        haar.transform(noise(1, 1, 3, 4, 4))
    assert caught.value.code is ErrorCode.BAD_PARAMETER


EVERY = Relations(margin=0.0, anchors=0)


def test_equal_relations_cost_nothing_whatever_their_scale_and_rotation():
    teacher = noise(2, 2, 3, 4, 6)
    rotation = torch.linalg.qr(noise(6, 6, seed=1))[0]
    assert EVERY(teacher, teacher).abs().max() < 1e-6
    assert EVERY(3.0 * teacher @ rotation, teacher).abs().max() < 1e-5
    assert EVERY(noise(2, 2, 3, 4, 9, seed=2), teacher).min() > 0.1


def test_the_relations_are_the_formula_said_with_loops():
    student, teacher = noise(1, 2, 1, 2, 3), noise(1, 2, 1, 2, 5, seed=1)
    a, b = (torch.nn.functional.normalize(t.reshape(4, -1), dim=1) for t in (student, teacher))
    same, other = [], []
    for i in range(4):
        for j in range(4):
            cost = max(0.0, abs(float(a[i] @ a[j] - b[i] @ b[j])) - 0.1)
            (same if i // 2 == j // 2 else other).append(cost)
    expected = sum(same) / len(same) + sum(other) / len(other)
    assert Relations(0.1, 0)(student, teacher).item() == pytest.approx(expected, abs=1e-6)


def test_anchors_estimate_the_whole_and_small_differences_are_free():
    student, teacher = noise(1, 2, 4, 4, 8), noise(1, 2, 4, 4, 8, seed=1)
    torch.manual_seed(0)
    draws = [Relations(0.0, 8)(student, teacher).item() for _ in range(200)]
    assert sum(draws) / len(draws) == pytest.approx(EVERY(student, teacher).item(), rel=0.03)
    near = teacher + 1e-3 * noise(1, 2, 4, 4, 8, seed=2)
    assert Relations(0.1, 0)(near, teacher).item() == 0.0


def test_grids_of_two_sizes_are_compared_at_the_coarser_one():
    teacher = noise(1, 2, 2, 2, 5)
    fine = teacher.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert EVERY(fine, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_gradients_reach_the_student_and_never_the_teacher():
    student, teacher = noise(1, 2, 2, 2, 4).requires_grad_(), noise(1, 2, 2, 2, 4, seed=1)
    teacher.requires_grad_()
    EVERY(student, teacher).sum().backward()
    assert student.grad is not None and student.grad.abs().max() > 0 and teacher.grad is None


def test_the_velocity_leads_from_the_noise_to_the_clip():
    flow, clean, away = FlowMatching(), noise(3, 2, 2, 2, 2), noise(3, 2, 2, 2, 2, seed=1)
    level = torch.tensor([0.0, 0.4, 1.0])
    at = flow.mixed(clean, away, level)
    assert torch.equal(at[0], clean[0]) and torch.equal(at[2], away[2])
    back = at - level.view(-1, 1, 1, 1, 1) * flow.target(clean, away)
    assert torch.allclose(back, clean, atol=1e-6)


def test_noise_levels_are_logit_normal_shifted_and_cut_to_an_experts_range():
    torch.manual_seed(0)
    plain = FlowMatching().levels(20_000, CPU)
    logits = torch.logit(plain)
    assert logits.mean().abs() < 0.03 and logits.std().item() == pytest.approx(1.0, abs=0.03)
    shifted = FlowMatching(5.0).levels(20_000, CPU)
    assert torch.logit(shifted).mean().item() == pytest.approx(math.log(5.0), abs=0.03)
    low, high = (FlowMatching(5.0, *part).levels(20_000, CPU) for part in ((0, 0.9), (0.9, 1)))
    assert low.max() <= 0.9 <= high.min() and high.max() <= 1.0
    share = (shifted > 0.9).float().mean().item()
    assert low.mean().item() * (1 - share) + high.mean().item() * share == pytest.approx(
        shifted.mean().item(), abs=0.01
    )


def test_edm_levels_are_log_normal_as_those_of_svd():
    torch.manual_seed(0)
    logs = Edm().levels(20_000, CPU).log()
    assert logs.mean().item() == pytest.approx(0.7, abs=0.05)
    assert logs.std().item() == pytest.approx(1.6, abs=0.05)


def test_edm_speaks_as_the_sampler_of_svd_does():
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler(
        prediction_type="v_prediction",
        timestep_type="continuous",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
    )
    scheduler.set_timesteps(5)
    edm, at = Edm(), 2
    sigma = scheduler.sigmas[at : at + 1]
    noisy, said = sigma * noise(1, 4, 2, 2, 2), noise(1, 4, 2, 2, 2, seed=1)
    told = scheduler.scale_model_input(noisy, scheduler.timesteps[at])
    assert torch.allclose(edm.given(noisy, sigma), told, rtol=1e-5)
    assert edm.time(sigma).item() == pytest.approx(scheduler.timesteps[at].item(), rel=1e-5)
    clean = scheduler.step(said, scheduler.timesteps[at], noisy).pred_original_sample
    assert torch.allclose(edm.denoised(said, noisy, sigma), clean, rtol=1e-4, atol=1e-5)
    # The weight makes the error of the network's answer count alike at every level.
    clean = noise(1, 4, 2, 2, 2, seed=2)
    error = (edm.denoised(said, noisy, sigma) - clean).square().mean() * edm.weight(sigma)
    away = (noisy - clean) / sigma
    velocity = (away - clean * sigma) / (sigma.square() + 1.0).sqrt()
    assert error.item() == pytest.approx((said - velocity).square().mean().item(), rel=1e-3)
