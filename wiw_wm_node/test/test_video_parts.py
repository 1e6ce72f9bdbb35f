"""Parts of the video engine on their own: timing, start frames, the memo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from video_fakes import seen
from wm_rooms import front_view, observe, panorama_view

from wiw_core.action_api.arm import tool_path
from wiw_core.arm import tool_pose
from wiw_core.geometry import Pose2, Pose3
from wiw_core.plans import TURN_RAD, Plan
from wiw_wm_node.video.course import course_of
from wiw_wm_node.video.memo import Memo
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.start import Start, cut
from wiw_wm_node.video.timing import arrivals, native_frame

FRONT = Settings(weights="a/b", height=48, width=48)


@pytest.mark.parametrize("frames", [14, 25, 33, 93])
def test_moments_are_spread_evenly_from_the_first_native_frame_to_the_last(frames: int) -> None:
    at = [native_frame(moment, 13, frames) for moment in range(14)]
    assert at == [int(x) for x in np.linspace(0, frames - 1, 14) + 1e-9]


@pytest.mark.parametrize("length", [1, 3, 5, 13])
def test_an_arms_action_ends_where_its_tool_path_does(length: int) -> None:
    places = [Pose3(0.1 + 0.03 * k, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0) for k in range(length)]
    plan = Plan(tuple(tool_pose(place, True) for place in places), "go")
    path = tool_path(plan, 14)
    for k, moment in enumerate(arrivals(length, 13)[1:]):
        assert path[moment][0].x_m == pytest.approx(places[k].x_m)
    course = course_of(plan, range(1, length + 1), seen(), FRONT, ("text",), True)
    assert list(course.moments.values()) == arrivals(length, 13)[1:]
    assert course.clip is not None and course.clip.heading == 0
    assert course.clip.prompt == "A robot arm at a table carries out this task: go"


def test_a_crop_after_a_turn_is_what_a_camera_there_would_see() -> None:
    here = Pose2(-1.0, 0.3, 0.1)
    turned = replace(here, yaw_rad=here.yaw_rad + 2 * TURN_RAD)
    now = observe(here, panorama_view(here, 288, 512))
    crop = Start(now, FRONT, "x").frame(2).astype(float)
    real = front_view(turned, 48, 48).rgb.astype(float)
    assert np.abs(crop - real).mean() < 6.0  # of 255: the panorama's pixels are coarser
    assert np.abs(crop - front_view(here, 48, 48).rgb).mean() > 20.0


def test_a_view_is_cut_not_squeezed() -> None:
    image = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
    assert cut(image, (48, 48)).shape == (40, 40, 3)
    assert np.array_equal(cut(image, (48, 48)), image[:, 10:50])
    assert cut(image, (10, 30)).shape == (20, 60, 3)
    assert cut(image, (40, 60)).shape == image.shape


def test_a_wider_crop_shows_more() -> None:
    now = observe(Pose2(), panorama_view(Pose2(), 144, 256))
    narrow = Start(now, FRONT, "x").frame()
    wide = Start(now, replace(FRONT, fov_deg=105.0), "x").frame()
    assert not np.array_equal(narrow, wide) and wide.shape == (48, 48, 3)


class Encoder:
    """A fake encoder that counts its rows."""

    def __init__(self) -> None:
        self.rows = 0

    def encode(self, image: torch.Tensor, scale: float = 1.0) -> AutoencoderKLOutput:
        self.rows += image.shape[0]
        doubled = torch.cat([image, image * scale], dim=1)
        return AutoencoderKLOutput(DiagonalGaussianDistribution(doubled))


@torch.no_grad()
def test_a_row_is_encoded_once_whatever_stands_beside_it() -> None:
    encoder, memo = Encoder(), Memo(2**20)
    memo.remember(encoder, "encode")
    images = torch.rand(3, 2, 4, 4)
    first = encoder.encode(torch.stack([images[0], images[1], images[0]])).latent_dist.mode()
    assert encoder.rows == 2 == memo.encoded and memo.hits == 1
    again = encoder.encode(images[[2, 0]]).latent_dist.mode()
    assert encoder.rows == 3
    assert torch.equal(first[0], again[1]) and torch.equal(first[0], first[2])
    encoder.encode(images[[0]], scale=2.0)
    assert encoder.rows == 4  # other arguments are another question


@torch.no_grad()
def test_what_a_pipeline_does_to_a_result_does_not_reach_the_memo() -> None:
    encoder, memo = Encoder(), Memo(2**20)
    memo.remember(encoder, "encode")
    image = torch.rand(1, 2, 4, 4)
    encoder.encode(image).latent_dist.parameters.zero_()
    assert encoder.encode(image).latent_dist.parameters.abs().sum() > 0


@torch.no_grad()
def test_the_memo_is_bounded_and_forgets_the_oldest() -> None:
    encoder, memo = Encoder(), Memo(limit_bytes=2 * 4 * 4 * 4 * 4)  # two rows
    memo.remember(encoder, "encode")
    images = torch.rand(3, 2, 4, 4)
    for k in (0, 1, 0, 2, 0, 1):
        encoder.encode(images[[k]])
    assert (encoder.rows, memo.hits) == (4, 2)  # 1 was the oldest when 2 came


def test_nothing_is_remembered_while_gradients_flow() -> None:
    encoder, memo = Encoder(), Memo(2**20)
    memo.remember(encoder, "encode")
    image = torch.rand(2, 2, 4, 4)
    encoder.encode(image), encoder.encode(image)
    assert encoder.rows == 4 and memo.encoded == 0
