"""Cosmos-Predict2 and Cosmos-Predict2.5 Video2World, of NVIDIA."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.calls import arguments, memory_gib, trimming
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import TINY, Settings

if TYPE_CHECKING:
    import torch

_GUARDRAIL = "cosmos_guardrail"
_FRAMES_PER_LATENT = 4


class _Cosmos(Family):
    """What the two have in common: the guardrail that the licence asks for."""

    licence = "NVIDIA Open Model License (asks for the guardrail)"
    options = Family.options - {"step_cache"}
    frame_step = _FRAMES_PER_LATENT

    def load(self, folder: Path, dtype: torch.dtype, settings: Settings) -> Any:
        """Return the pipeline with NVIDIA's guardrail; a tiny one gets a fake.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE`` without the guardrail's package or weights.
        """
        import diffusers

        _without_torchvision()
        cls = getattr(diffusers, self.pipeline)
        guardrail = outspoken(_guardrail(tiny=settings.weights == TINY))
        return cls.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, safety_checker=guardrail
        )

    def missing(self) -> str:
        """Return why the model cannot be loaded as it comes; empty if it can be tried."""
        return super().missing() or (
            ""
            if find_spec(_GUARDRAIL)
            else f"The package '{_GUARDRAIL}' is not installed: pip install {_GUARDRAIL}."
        )


def _guardrail(tiny: bool) -> Any:
    if tiny:
        from wiw_wm_node.video.tiny.cosmos import FakeGuardrail

        return FakeGuardrail()
    try:
        from cosmos_guardrail import CosmosSafetyChecker

        return CosmosSafetyChecker()
    except (ImportError, OSError) as error:  # OSError: its own weights are not there
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"Cosmos' licence asks for its guardrail, which cannot be loaded: {error}.",
            f"pip install {_GUARDRAIL}, and accept the licence of nvidia/Cosmos-Guardrail1.",
        ) from error


def outspoken(guardrail: Any) -> Any:
    """Return the guardrail, which from now on says so when it refuses a prompt or a clip.

    Its checks raise ``INVALID_FRAMES``; stock code would fail with an error of some other kind. The
    object stays what it is, because the pipeline asks for its class.
    """
    text, video = guardrail.check_text_safety, guardrail.check_video_safety

    def check_text_safety(prompt: str) -> bool:
        if not text(prompt):
            raise _refused(f"the prompt '{prompt}'")
        return True

    def check_video_safety(frames: Any) -> Any:
        passed = video(frames)
        if passed is None:
            raise _refused("an imagined clip")
        return passed

    guardrail.check_text_safety = check_text_safety
    guardrail.check_video_safety = check_video_safety
    return guardrail


def _refused(what: str) -> WiwError:
    return WiwError(
        ErrorCode.INVALID_FRAMES,
        f"NVIDIA's guardrail, part of Cosmos' licence, refused {what}.",
        "Choose another model, or another goal.",
    )


def _without_torchvision() -> None:
    """Let Cosmos' transformer resize its padding mask where torchvision is not installed.

    It is the only thing that it takes from there, and the mask is all zeros.
    """
    from diffusers.models.transformers import transformer_cosmos
    from torch.nn.functional import interpolate

    if hasattr(transformer_cosmos, "transforms"):
        return

    def resize(mask: torch.Tensor, size: Sequence[int], interpolation: str) -> torch.Tensor:
        return interpolate(mask, tuple(size), mode=interpolation)

    transformer_cosmos.transforms = SimpleNamespace(
        functional=SimpleNamespace(resize=resize),
        InterpolationMode=SimpleNamespace(NEAREST="nearest"),
    )


class Cosmos2(_Cosmos):
    """``Cosmos2VideoToWorldPipeline``, given one frame."""

    name = "cosmos2"
    pipeline = "Cosmos2VideoToWorldPipeline"
    defaults = Settings(
        weights="nvidia/Cosmos-Predict2-2B-Video2World",
        steps=30,
        guidance=7.0,
        frames=33,
        fps=16.0,
    )
    memory_gib = memory_gib(1.96, 0.13, 4.87)  # transformer, VAE, T5-11B's encoder; no guardrail

    def add_lora(self, pipe: Any, paths: Sequence[str]) -> None:
        """Merge a LoRA, in the form of those of 2.5: this pipeline has no loader of its own."""
        from diffusers.loaders import CosmosLoraLoaderMixin as Loader

        if len(paths) != 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"'{self.name}' takes one LoRA, not {len(paths)}."
            )
        state, metadata = Loader.lora_state_dict(paths[0], return_lora_metadata=True)
        Loader.load_lora_into_transformer(state, pipe.transformer, metadata=metadata)
        pipe.transformer.fuse_lora()
        pipe.transformer.unload_lora()

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1; the guardrail has seen them in 8 bits."""
        given = arguments(batch) | {
            "fps": batch.settings.fps,
            "callback_on_step_end": trimming(batch, _FRAMES_PER_LATENT),
        }
        frames: torch.Tensor = pipe(**given).frames
        return frames


class Cosmos25(_Cosmos):
    """``Cosmos2_5_PredictBasePipeline``: one candidate per call.

    The frame is given as a video of one frame: the way that needs no torchvision.
    """

    name = "cosmos25"
    pipeline = "Cosmos2_5_PredictBasePipeline"
    defaults = Settings(
        weights="nvidia/Cosmos-Predict2.5-2B",
        hub_revision="diffusers/base/post-trained",
        steps=35,
        guidance=7.0,
        frames=93,
        height=576,
        width=576,
        fps=16.0,
    )
    memory_gib = memory_gib(2.06, 0.13, 8.29)  # transformer, VAE, Qwen2.5-VL 7B; no guardrail
    batched = False

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the clip, (1, F, 3, H, W), 0 to 1."""
        given = arguments(batch) | {
            "image": None,
            "video": batch.images,
            "num_latent_conditional_frames": 1,
        }
        frames: torch.Tensor = pipe(**given).frames
        return frames


class Cosmos2Model(VideoModel):
    """Cosmos-Predict2 2B: a clip from a view and the plan in words, behind NVIDIA's guardrail."""

    family = Cosmos2()


class Cosmos25Model(VideoModel):
    """Cosmos-Predict2.5 2B: a clip from a view and the plan in words, one at a time."""

    family = Cosmos25()
