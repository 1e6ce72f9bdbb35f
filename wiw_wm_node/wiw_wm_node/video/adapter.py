"""What a pipeline must say to be run by the engine: one subclass of :class:`Family`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import hub
from wiw_wm_node.video.settings import Settings

if TYPE_CHECKING:
    import torch
    from PIL import Image

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

OPTIONS = {  # option of a family: the parameters that it stands for
    "guidance": ("guidance",),
    "negative": ("negative",),
    "lora": ("lora",),
    "quantise": ("quantise",),
    "compile": ("compile",),
    "step_cache": ("step_cache",),
    "tiling": ("tiling",),
}


@dataclass(frozen=True)
class Batch:
    """M candidates that are generated in one call of a pipeline.

    Attributes
    ----------
    images : list of PIL images
        M given frames, exactly ``settings.width`` x ``settings.height``.
    prompts : list of str
        M texts; empty ones without text control.
    controls : list of arrays
        M times (frames, 14) int64 cumulative ids or (frames, 10) float64 poses of the tool; empty
        without such a control.
    turns : list of tuple
        M times, per native frame: 1 if it comes of a left turn, -1 of a right turn, else 0.
    generators : list of torch.Generator
        M fresh generators of the CPU.
    last : int
        The last native frame that anybody looks at; later ones need not be decoded.
    on_step : callable
        For ``callback_on_step_end``: raises ``CANCELLED`` or ``DEADLINE_EXCEEDED``.
    check : callable
        The same without arguments, for pipelines without a callback; see :func:`watched`.
    """

    images: list[Image.Image]
    prompts: list[str]
    controls: list[Numbers]
    turns: list[tuple[int, ...]]
    generators: list[torch.Generator]
    settings: Settings
    last: int
    on_step: Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]
    check: Callable[[], None]

    def __len__(self) -> int:
        return len(self.images)


class Family:
    """One kind of pipeline: its numbers, how it is loaded, and one call of it.

    Attributes
    ----------
    name : str
        The registered name.
    pipeline : str
        The class of ``diffusers``.
    defaults : Settings
        Its row of the paper; a subclass of :class:`Settings` if it has parameters of its own.
    controls : tuple of str
        As ``ModelInfo.controls``: ``text``, ``lowlevel`` or ``tool_poses``; empty if the actions do
        not reach it.
    licence : str
        Of the weights.
    memory_gib : float
        GPU memory that the defaults are expected to need.
    denoisers : tuple of str
        Components that are quantised, compiled and step-cached.
    options : frozenset of str
        Of :data:`OPTIONS`, what it honours; a value for another one is refused.
    batched : bool
        False if the pipeline takes one candidate at a time; the engine then loops.
    frame_step, size_step : int
        Frames are 1 + n * ``frame_step``, height and width multiples of ``size_step``.
    remembered : tuple of str
        Encoders, as ``component.method``, that :class:`wiw_wm_node.video.memo.Memo` remembers.
    aligned : bool
        True if a frame per action is generated, and no other number of frames makes sense.
    tiny : str
        The tiny pipeline that ``weights=tiny`` loads; empty: that of its own name.
    """

    name: ClassVar[str]
    pipeline: ClassVar[str]
    defaults: ClassVar[Settings]
    controls: ClassVar[tuple[str, ...]] = ("text",)
    licence: ClassVar[str]
    memory_gib: ClassVar[float] = 0.0
    denoisers: ClassVar[tuple[str, ...]] = ("transformer",)
    options: ClassVar[frozenset[str]] = frozenset(OPTIONS)
    batched: ClassVar[bool] = True
    frame_step: ClassVar[int] = 1
    size_step: ClassVar[int] = 16
    remembered: ClassVar[tuple[str, ...]] = ("vae.encode", "text_encoder.forward")
    aligned: ClassVar[bool] = False
    tiny: ClassVar[str] = ""

    def load(self, folder: Path, dtype: torch.dtype, settings: Settings) -> Any:
        """Return the pipeline saved in ``folder``."""
        import diffusers

        cls = getattr(diffusers, self.pipeline)
        return cls.from_pretrained(str(folder), dtype=dtype, local_files_only=True)

    def add_lora(self, pipe: Any, paths: Sequence[str]) -> None:
        """Merge LoRA weights into the pipeline; one path unless the family says otherwise."""
        if len(paths) != 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"'{self.name}' takes one LoRA, not {len(paths)}."
            )
        pipe.load_lora_weights(paths[0])
        pipe.fuse_lora()
        pipe.unload_lora_weights()

    def prepare(self, pipe: Any, settings: Settings) -> None:
        """Change the loaded pipeline before it is moved, quantised or compiled."""

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1, F > ``batch.last``.

        The pipeline is called once with lists of M, and with ``batch.on_step`` as its callback.
        """
        raise NotImplementedError

    def controls_of(self, settings: Settings) -> tuple[str, ...]:
        """Return what drives the model with these settings."""
        return self.controls

    def check(self, settings: Settings) -> None:
        """Raise ``BAD_PARAMETER`` for settings that this family cannot honour."""
        for option in sorted(set(OPTIONS) - self.options):
            for name in OPTIONS[option]:
                if getattr(settings, name) != getattr(self.defaults, name):
                    raise WiwError(
                        ErrorCode.BAD_PARAMETER,
                        f"'{self.name}' has no option '{name}'.",
                        f"Leave it at {getattr(self.defaults, name)!r}.",
                    )
        if (settings.frames - 1) % self.frame_step:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self.name}' generates 1 + n * {self.frame_step} frames, not {settings.frames}.",
            )
        if self.aligned and settings.frames != settings.actions + 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self.name}' generates one frame per action beside the given one:"
                f" {settings.actions} actions need {settings.actions + 1} frames,"
                f" not {settings.frames}.",
            )
        for name in ("height", "width"):
            if getattr(settings, name) % self.size_step:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"The {name} of '{self.name}' must be a multiple of {self.size_step},"
                    f" not {getattr(settings, name)}.",
                )

    def extra_files(self, settings: Settings) -> Sequence[Path]:
        """Return weights beside the pipeline's own; they are part of the model's revision."""
        return []

    def sheet(self) -> ModelSheet:
        """Return what is known of the model at its defaults, before it is loaded."""
        at = self.defaults
        return ModelSheet(
            controls=self.controls_of(at),
            height=at.height,
            width=at.width,
            frames=at.frames,
            memory_gib=self.memory_gib,
            licence=self.licence,
            source=at.weights,
            missing=self.missing,
        )

    def missing(self) -> str:
        """Return why the model cannot be loaded as it comes; empty if it can be tried."""
        return hub.missing(self.defaults.weights, self.defaults.hub_revision)


@contextmanager
def watched(module: Any, batch: Batch) -> Iterator[None]:
    """Ask ``batch.check`` before every call of ``module``: for pipelines without a callback."""
    handle = module.register_forward_pre_hook(lambda *_: batch.check())
    try:
        yield
    finally:
        handle.remove()
