"""The options of a post-training: what a config's ``options`` may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_wm_node.video.adapter import Family
from wiw_wm_node.video.settings import Settings


@dataclass(frozen=True)
class Options:
    """Options of a post-training.

    Attributes
    ----------
    model : str
        Registered name of the world model whose weights are trained.
    weights, hub_revision, download
        As the model takes them; without ``weights``, those that it comes with.
    dtype : str
        Of what stays as it is. Float32 for a whole model; ``bfloat16`` saves half with a LoRA.
    view : str
        ``panorama`` or ``front``; a dataset of the arm has ``front``.
    height, width, frames, fps
        What is generated: one frame per action beside the given one. 0 frames per second: the
        model's own.
    checkpointing : bool
        Compute the blocks' inner results again when gradients are taken: much less memory, about a
        third more time (Chen et al., arXiv 1604.06174).
    haar : mapping of str to float
        Weights of the Haar bands of the error: ``{motion: 2.0}``; see
        :mod:`wiw_wm_node.video.training.haar`.
    teacher : str
        Whose token relations are distilled; see
        :func:`wiw_wm_node.video.training.teachers.make_teacher`. Empty: none are.
    teacher_share : float
        What they count beside the error.
    teacher_block : float
        Which block is compared: 0 the first, 1 the last.
    margin, anchors
        See :class:`wiw_wm_node.video.training.relations.Relations`.
    judged : int
        Held-out clips that are judged.
    """

    model: str
    weights: str = ""
    hub_revision: str = ""
    download: bool = False
    dtype: str = "float32"
    view: str = "panorama"
    height: int = 576
    width: int = 1024
    frames: int = 14
    fps: float = 0.0
    checkpointing: bool = True
    haar: Mapping[str, float] = field(default_factory=dict)
    teacher: str = ""
    teacher_share: float = 0.5
    teacher_block: float = 0.5
    margin: float = 0.1
    anchors: int = 128
    judged: int = 16

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for a value that does not fit."""
        from wiw_wm_node.video.training.haar import band_weights

        if not isinstance(self.haar, Mapping):
            raise WiwError(ErrorCode.BAD_PARAMETER, "The option haar holds no weights by name.")
        band_weights(self.haar)
        for name, low, high in (
            ("teacher_share", 0.0, 1e6),
            ("teacher_block", 0.0, 1.0),
            ("margin", 0.0, 2.0),
            ("anchors", 0, 10**6),
            ("judged", 2, 10**6),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not (
                isinstance(value, (int, float)) and low <= value <= high
            ):
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"The option {name} is {value!r}, not between {low:g} and {high:g}.",
                )

    def settings(self, family: Family) -> Settings:
        """Return the model's own parameters, on the CPU; ``BAD_PARAMETER`` if they do not fit."""
        own = family.defaults
        settings = replace(
            own,
            weights=self.weights or own.weights,
            hub_revision=self.hub_revision if self.weights else own.hub_revision,
            download=self.download,
            device="cpu",
            dtype=self.dtype,
            view=self.view,
            height=self.height,
            width=self.width,
            frames=self.frames,
            actions=self.frames - 1,
            fps=float(self.fps or own.fps),
        )
        family.check(settings)
        return settings


def checked(kind: type[Any], given: Mapping[str, Any]) -> Any:
    """Return options of a kind; raises ``BAD_PARAMETER`` for a name that it lacks."""
    known = [entry.name for entry in fields(kind)]
    for name in given:
        if name not in known:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "option", name, known)
    return kind(**given)
