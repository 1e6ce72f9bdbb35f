"""A denoiser in training: the frozen rest of its pipeline around it, its state what is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wiw_wm_node.video.training import haar
from wiw_wm_node.video.training.clips import captions
from wiw_wm_node.video.training.families.base import Encoded, FamilyTraining, Lesson
from wiw_wm_node.video.training.relations import Relations
from wiw_wm_node.video.training.teachers import Teacher

DENOISERS = ("transformer", "transformer_2", "unet")
"""Of a pipeline's components; of two experts, the one that is not trained is not moved to a GPU."""
_ADAPTER = ".default"
"""What peft puts into the names of the LoRA weights of its adapter."""


@dataclass(frozen=True)
class Extra:
    """What is minimised beside the plain squared error.

    Attributes
    ----------
    bands : tuple of float
        Weight of each Haar band of the error; all 1 is the plain squared error.
    teacher : Teacher, optional
        Whose token relations are distilled.
    relations : Relations
    share : float
        What the relations count beside the error.
    block : float
        Which of the denoiser's blocks is compared: 0 the first, 1 the last.
    """

    bands: tuple[float, ...] = (1.0,) * len(haar.BANDS)
    teacher: Teacher | None = None
    relations: Relations = Relations()
    share: float = 0.0
    block: float = 0.5


class PostTrained(nn.Module):
    """One family's denoiser.

    Its ``state_dict`` holds only what is trained, by the pipeline's names: of a LoRA
    ``transformer.<layer>.lora_A.weight``, as its loader wants them; of a whole model
    ``unet.<layer>`` and ``action_embedding.<layer>``. The rest stays in evaluation mode.

    Parameters
    ----------
    family : FamilyTraining
        Its pipeline's denoiser already has those parameters that are to be trained, and no others,
        asking for gradients.
    extra : Extra
    """

    def __init__(self, family: FamilyTraining, extra: Extra) -> None:
        super().__init__()
        self.family, self.extra = family, extra
        self.denoiser = getattr(family.pipe, family.part)
        self.extras = nn.ModuleDict(family.extras())
        rest = {
            name: part
            for name, part in family.pipe.components.items()
            if isinstance(part, nn.Module) and name not in DENOISERS
        }
        self.frozen = nn.ModuleDict(rest).requires_grad_(False)
        self.teacher = extra.teacher
        # A LoRA of either expert is loaded under the first one's name.
        prefix = family.part.removesuffix("_2")
        named = [(f"{prefix}.{name}", p) for name, p in self.denoiser.named_parameters()]
        named += list(self.extras.named_parameters())
        self._learnt = {
            name.replace(f"{_ADAPTER}.", "."): p for name, p in named if p.requires_grad
        }
        self.train(False)

    def train(self, mode: bool = True) -> PostTrained:
        """Set the mode of the denoiser; the rest of the pipeline stays in evaluation."""
        super().train(mode)
        self.frozen.train(False)
        if self.teacher is not None:
            self.teacher.train(False)
        return self

    def state_dict(  # type: ignore[override]
        self, *_: Any, **__: Any
    ) -> dict[str, torch.Tensor]:
        """Return what is trained, by the pipeline's names."""
        return {name: p.detach() for name, p in self._learnt.items()}

    def load_state_dict(  # type: ignore[override]
        self, state: Mapping[str, torch.Tensor], *_: Any, **__: Any
    ) -> None:
        """Take what :meth:`state_dict` gave; ``RuntimeError`` if it is of another network."""
        odd = state.keys() ^ self._learnt.keys()
        if odd:
            raise RuntimeError(f"{len(odd)} names are missing or not known, as {min(odd)}")
        with torch.no_grad():
            for name, value in state.items():
                if value.shape != self._learnt[name].shape:
                    raise RuntimeError(f"{name} has shape {tuple(value.shape)}")
                self._learnt[name].copy_(value)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return (B,) losses by name: ``loss`` is minimised, ``error`` is its plain part."""
        lesson = lesson_of(batch)
        with torch.no_grad(), torch.autocast(lesson.frames.device.type, enabled=False):
            encoded = self.family.encode(lesson)
            noised = self.family.noise(encoded, lesson)
        with self._watched(encoded) as tokens:
            said = self.family.forward(self.denoiser, encoded, noised)
        residual = (said - self.family.target(encoded, noised)) * encoded.asked
        asked = encoded.asked.expand_as(encoded.clean[:1]).sum()
        weight = self.family.weight(noised) / asked
        losses = {"error": weight * residual.square().flatten(1).sum(dim=1)}
        losses["loss"] = losses["error"]
        if set(self.extra.bands) != {1.0}:
            losses["loss"] = weight * haar.weighted_squares(residual, self.extra.bands)
        if self.teacher is not None and tokens:
            with torch.no_grad():
                features = self.teacher((lesson.frames + 1.0) / 2.0)
            losses["relations"] = self.extra.relations(tokens[0], features)
            losses["loss"] = losses["loss"] + self.extra.share * losses["relations"]
        return losses

    @contextmanager
    def _watched(self, encoded: Encoded) -> Iterator[list[torch.Tensor]]:
        """Give a list that gets the tokens of the block to compare, while a teacher trains."""
        found: list[torch.Tensor] = []
        if self.teacher is None or not self.training:
            yield found
            return
        blocks = self.family.blocks(self.denoiser)
        chosen = blocks[round(self.extra.block * (len(blocks) - 1))]
        handle = chosen.register_forward_hook(
            lambda _, __, output: found.append(self.family.tokens(output, encoded))
        )
        try:
            yield found
        finally:
            handle.remove()


def lesson_of(batch: Mapping[str, torch.Tensor]) -> Lesson:
    """Return a batch of :class:`wiw_wm_node.video.training.clips.ClipSamples` as a lesson."""
    frames = batch["frames"].float() / 127.5 - 1.0
    texts = captions(batch["caption"].cpu().numpy())
    return Lesson(frames, batch["control"], batch["turns"], texts)
