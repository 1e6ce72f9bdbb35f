"""Memory and speed options on the real tiny pipeline: each does something, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from video_fakes import FakeFamily, asking

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import speed, tiny
from wiw_wm_node.video.loading import Loaded
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.svd import Svd, SvdModel

SVD = {"weights": "tiny", "steps": 1, "height": 32, "width": 32, "device": "cpu"}
F = "forward"


class _Denoiser(torch.nn.Module):
    """A fake denoiser that notes what is switched on."""

    def __init__(self, **abilities: Callable[..., None]) -> None:
        super().__init__()
        for name, ability in abilities.items():
            object.__setattr__(self, name, ability)


class _Pipe:
    def __init__(self, denoiser: torch.nn.Module) -> None:
        self.components = {"transformer": denoiser}
        self.transformer = denoiser
        self.to = lambda device: None


def ready(denoiser: torch.nn.Module, **changes: Any) -> None:
    settings = Settings(weights="a/b", device="cpu", **changes)
    loaded = Loaded(_Pipe(denoiser), torch.device("cpu"), torch.float32, "1")
    speed.make_ready(loaded, FakeFamily(), settings)


def refused(call: Callable[[], Any], sentence: str, code: ErrorCode) -> None:
    with pytest.raises(WiwError, match=sentence) as caught:
        call()
    assert caught.value.code is code


@pytest.mark.parametrize("changes", [{"dtype": "bfloat16"}, {"quantise": "fp8"}])
def test_fewer_bits_still_give_pictures(changes: dict[str, Any]) -> None:
    model = SvdModel(**SVD, **changes)
    rollout = next(iter(model.rollout(asking([F]))))
    assert rollout.code is ErrorCode.OK, rollout.message
    assert rollout.frames.shape == (1, 32, 32, 3) and rollout.frames.std() > 1.0


def test_fp8_really_stores_the_denoiser_in_one_byte_per_number() -> None:
    model = SvdModel(**SVD, quantise="fp8")
    model.load()
    assert model.engine is not None
    weights = [p for p in model.engine.pipe.unet.parameters() if p.dtype == torch.float8_e4m3fn]
    assert sum(p.numel() for p in weights) > 0.8 * sum(
        p.numel() for p in model.engine.pipe.unet.parameters()
    )


def test_int8_without_its_package_says_so() -> None:
    if find_spec("torchao") is not None:
        pytest.skip("torchao is installed")
    refused(
        lambda: SvdModel(**SVD, quantise="int8").load(),
        "needs the package 'torchao'",
        ErrorCode.MODEL_UNAVAILABLE,
    )


@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_offloading_without_a_gpu_is_refused_not_ignored(offload: str) -> None:
    refused(
        lambda: SvdModel(**SVD, offload=offload).load(),
        f"offload={offload} moves weights off a GPU",
        ErrorCode.BAD_PARAMETER,
    )


def test_the_step_cache_is_switched_on_with_its_threshold() -> None:
    given: list[Any] = []
    ready(_Denoiser(enable_cache=given.append), step_cache="first_block", step_cache_threshold=0.2)
    assert [config.threshold for config in given] == [0.2]


def test_compiling_is_asked_of_the_repeated_blocks() -> None:
    calls: list[Any] = []
    denoiser = _Denoiser(compile_repeated_blocks=lambda **given: calls.append(given))
    object.__setattr__(denoiser, "_repeated_blocks", ["Block"])
    ready(denoiser, compile=True)
    assert calls == [{"fullgraph": True}]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"step_cache": "first_block"}, "cannot skip steps"), ({"compile": True}, "be compiled")],
)
def test_a_denoiser_that_cannot_is_refused(changes: dict[str, Any], sentence: str) -> None:
    refused(lambda: ready(_Denoiser(), **changes), sentence, ErrorCode.BAD_PARAMETER)


def test_batches_are_filled_up_to_few_sizes_and_never_past_the_limit() -> None:
    assert [speed.bucket(count, 8) for count in (1, 2, 3, 5, 8)] == [1, 2, 4, 8, 8]
    assert speed.bucket(3, 3) == 3


def test_loading_for_training_leaves_the_pipeline_as_it_was_saved() -> None:
    from wiw_wm_node.video.loading import load

    settings = Svd.defaults.__class__(**{**SVD, "quantise": "fp8"})
    pipe = load(Svd(), settings).pipe
    saved = tiny.build("svd").unet.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in pipe.unet.state_dict().items())
