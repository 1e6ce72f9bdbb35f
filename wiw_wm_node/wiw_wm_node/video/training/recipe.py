"""Recipes that post-train the video models: LoRA for the transformers, all of SVD-dagger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset
from wiw_wm_node.video.training.clips import ClipSamples
from wiw_wm_node.video.training.options import Options, checked
from wiw_wm_node.video.training.walks import clips_of

if TYPE_CHECKING:
    import torch

    from wiw_learn.recipes import Batch
    from wiw_wm_node.video.adapter import Family
    from wiw_wm_node.video.settings import Settings
    from wiw_wm_node.video.training.families.base import FamilyTraining
    from wiw_wm_node.video.training.network import PostTrained


PIPELINE = "pipeline"
"""Folder of a whole model's training that holds the pipeline for ``weights=``."""


class PostTraining:
    """What the recipes share; a subclass says which models, and how their family is trained.

    Parameters
    ----------
    **options
        Fields of the class that ``kind`` names.

    Attributes
    ----------
    models : tuple of str
        Registered names of the world models that it can train.
    """

    models: ClassVar[tuple[str, ...]]
    kind: ClassVar[type[Options]] = Options
    limits = (
        "Post-trained on rendered apartments or a rendered table. It has the weaknesses of the"
        " video model that it began as: it may invent what it has not seen, and ignore an action."
    )
    lora: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        self.options = checked(self.kind, {"model": self.models[0], **options})
        if self.options.model not in self.models:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"This recipe does not train '{self.options.model}'.",
                f"It trains {', '.join(self.models)}.",
            )
        self._family: Family = Registry(WORLD_MODELS).get(self.options.model).load().family  # type: ignore[attr-defined]
        self._settings = self.options.settings(self._family)

    def network(self) -> PostTrained:
        """Return the pipeline's denoiser with what is trained of it.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE`` if weights or packages are missing.
        """
        from wiw_wm_node.video.loading import load
        from wiw_wm_node.video.training.network import PostTrained

        # The pipeline is large: it is loaded for each network, and never kept beside it.
        training = self.training(load(self._family, self._settings).pipe, self._settings)
        denoiser = getattr(training.pipe, training.part)
        if self.options.checkpointing:
            denoiser.enable_gradient_checkpointing()
        return PostTrained(training, self._extra())

    def training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return the family's training, with what is trained asking for gradients."""
        raise NotImplementedError

    def samples(self, data: Dataset, *, held_out: bool) -> ClipSamples:
        """Return clips of the scenes to train on, mirrored half of the time, or of the held-out."""
        at = self._settings
        return ClipSamples(
            clips_of(data, at.frames, at.size, at.view, judged=held_out), augmented=not held_out
        )

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the means of what the network says of the batch."""
        return {name: value.mean() for name, value in network(batch).items()}

    def judge(self, network: PostTrained, held_out: ClipSamples, seed: int) -> dict[str, Interval]:
        """Return the metrics of :func:`wiw_wm_node.video.training.judging.judge`."""
        from wiw_wm_node.video.training.judging import judge

        return judge(network, held_out, seed, self.options.judged, lora=self.lora)

    def _extra(self) -> Any:
        from wiw_wm_node.video.training.haar import band_weights
        from wiw_wm_node.video.training.network import Extra
        from wiw_wm_node.video.training.relations import Relations
        from wiw_wm_node.video.training.teachers import make_teacher

        at = self.options
        return Extra(
            band_weights(at.haar),
            make_teacher(at.teacher, at.view),
            Relations(at.margin, at.anchors),
            at.teacher_share,
            at.teacher_block,
        )


@dataclass(frozen=True)
class LoraOptions(Options):
    """Options of a LoRA training.

    Attributes
    ----------
    rank : int
    expert : str
        Of Wan2.2 A14B: ``high`` or ``low``; each is a training and a file of its own.
    """

    rank: int = 16
    expert: str = ""


class _LoraTraining(PostTraining):
    kind = LoraOptions
    lora = True

    def training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return the family's training, its transformer with a new LoRA."""
        from wiw_wm_node.video.training.lora import add_lora

        training = self.family_training(pipe, settings)
        add_lora(getattr(pipe, training.part), self.options.rank)
        return training

    def family_training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return the family's training."""
        raise NotImplementedError


class WanLoraRecipe(_LoraTraining):
    """Post-trains Wan 2.1 or 2.2 on what the robot saw: a LoRA, flow matching."""

    models = ("wan21", "wan22_5b", "wan22_a14b")

    def family_training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return Wan's training."""
        from wiw_wm_node.video.training.families.wan import WanTraining

        return WanTraining(pipe, settings, self.options.expert)


class LtxLoraRecipe(_LoraTraining):
    """Post-trains LTX-Video on what the robot saw: a LoRA, flow matching."""

    models = ("ltx",)

    def family_training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return LTX' training."""
        from wiw_wm_node.video.training.families.ltx import LtxTraining

        return LtxTraining(pipe, settings)


class CosmosLoraRecipe(_LoraTraining):
    """Post-trains Cosmos-Predict2.5 on what the robot saw: a LoRA, flow matching."""

    models = ("cosmos25",)

    def family_training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return Cosmos' training."""
        from wiw_wm_node.video.training.families.cosmos import CosmosTraining

        return CosmosTraining(pipe, settings)


@dataclass(frozen=True)
class SvdActionOptions(Options):
    """Options of a training of SVD-dagger.

    Attributes
    ----------
    control : str
        ``lowlevel`` for a dataset of navigation, ``tool_poses`` for one of the arm.
    hidden : int
        Width of the action embedding's first layer.
    dropout : float
        Share of clips without the image embedding, without the given latents, without both.
    """

    control: str = "lowlevel"
    hidden: int = 256
    dropout: float = 0.1


class SvdActionRecipe(PostTraining):
    """Post-trains SVD-dagger on what the robot saw: all of its U-Net and the action embedding.

    It begins from stock Stable Video Diffusion, whose pictures the actions do not change at first,
    or from a pipeline that this recipe made, and goes on from there.
    """

    models = ("svd",)
    kind = SvdActionOptions

    def samples(self, data: Dataset, *, held_out: bool) -> ClipSamples:
        """Return clips; raises ``BAD_PARAMETER`` also for a dataset of another control."""
        wanted = {"navigation": "lowlevel", "arm": "tool_poses"}.get(data.manifest.kind)
        if wanted is not None and self.options.control != wanted:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"A dataset of {data.manifest.kind} has no control '{self.options.control}'.",
                f"Set options.control={wanted}.",
            )
        return super().samples(data, held_out=held_out)

    def training(self, pipe: Any, settings: Settings) -> FamilyTraining:
        """Return SVD-dagger's training, all of it asking for gradients."""
        from wiw_wm_node.video import action, hub
        from wiw_wm_node.video.training.families.svd import SvdTraining

        at = self.options
        channels = pipe.unet.time_embedding.linear_2.out_features
        width = action.width_of(at.control, at.frames)
        folder, _ = hub.located(settings, self._family.name)
        embedding = action.ActionEmbedding.load(folder)
        if embedding is None:
            embedding = action.ActionEmbedding(width, at.hidden, channels).zero_()
        elif embedding.config["width"] != width:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The pipeline in '{folder}' is told {embedding.config['width']} numbers a frame,"
                f" not {width}.",
                "Set control and frames to what it was trained with.",
            )
        return SvdTraining(pipe, settings, embedding, at.dropout)

    def export(self, network: PostTrained, folder: Path) -> None:
        """Write the whole pipeline, which ``svd_action`` takes as its ``weights``."""
        from wiw_wm_node.video.training.families.svd import EMBEDDING

        target = folder / PIPELINE
        network.family.pipe.save_pretrained(target)
        embedding: Any = network.extras[EMBEDDING]
        embedding.save(target)
