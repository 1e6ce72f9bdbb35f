"""What a video model is trained on: windows of recorded walks, with their actions and a caption.

Every frame k of a clip is what was seen after action k, frame 0 before any: one frame per action,
as the models are asked for when they are used (arXiv 2510.18135, section 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from wiw_core.action_api.lowlevel import IDS
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_wm_node import views

CAPTION_BYTES = 1024
"""Room for a caption in a sample, as UTF-8 with zeros behind it."""
MIRRORED = 0.5
"""Share of the clips to train on that show left and right exchanged, as the authors do."""

_MIRROR = {IDS["turn_left"]: IDS["turn_right"], IDS["turn_right"]: IDS["turn_left"]}


@dataclass(frozen=True)
class Clip:
    """One window.

    Attributes
    ----------
    scene : int
    frames : (T, H, W, 3) uint8
    control : (T, T) int64 or (T, 10) float32
        Cumulative action ids of :func:`wiw_core.action_api.lowlevel.cumulative_ids`, or tool poses
        of :func:`wiw_core.action_api.arm.tool_poses`.
    turns : (T,) int64
        1 where the frame's action turns left, -1 right, else 0.
    caption : str
    """

    scene: int
    frames: Rgb
    control: npt.NDArray[Any]
    turns: npt.NDArray[np.int64]
    caption: str


class Clips(Protocol):
    """Where clips come from: cheap to index, pictures are read when asked for."""

    mirror: bool
    """Whether :func:`mirrored` is true of its clips."""

    def __len__(self) -> int:
        """Return how many clips there are."""
        ...

    def __getitem__(self, index: int) -> Clip:
        """Return one clip, at the size that the model is trained at."""
        ...


def turns_of(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return (T,) 1 for each id of ``turn_left``, -1 for ``turn_right``, else 0."""
    left, right = (ids == IDS[name] for name in ("turn_left", "turn_right"))
    return np.asarray(left.astype(np.int64) - right, np.int64)


def mirrored(control: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return a matrix of action ids with left and right exchanged."""
    other = control.copy()
    for number, opposite in _MIRROR.items():
        other[control == number] = opposite
    return other


class ClipSamples:
    """Clips as a training draws them; see :class:`wiw_learn.recipes.Samples`.

    Parameters
    ----------
    clips : Clips
    augmented : bool
        Mirror half of them, if they may be. Captions must be said anew then: see ``caption_of``.
    """

    ranges: Mapping[str, tuple[float, float]] = {"frames": (0, 255), "turns": (-1, 1)}

    def __init__(self, clips: Clips, *, augmented: bool) -> None:
        self.clips, self._mirrors = clips, augmented and clips.mirror

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return ``frames`` (T, 3, H, W) uint8, ``control``, ``turns``, and ``caption`` bytes."""
        clip = self.clips[index]
        if self._mirrors and rng.random() < MIRRORED:
            clip = mirror(clip)
        return arrays(clip)


def mirror(clip: Clip) -> Clip:
    """Return a clip of a navigating robot with left and right exchanged, words included."""
    control = mirrored(clip.control)
    return replace(
        clip,
        frames=clip.frames[:, :, ::-1],
        control=control,
        turns=-clip.turns,
        caption=caption_of(control[-1]),
    )


def caption_of(ids: npt.NDArray[np.int64]) -> str:
    """Return the prompt that a model is given for a row of action ids, that of frame 0 left out."""
    from wiw_core.action_api.lowlevel import plan_from_ids
    from wiw_core.action_api.text import prompt

    return prompt(plan_from_ids(ids, len(ids) - 1))


def arrays(clip: Clip) -> dict[str, Any]:
    """Return the arrays of a clip, that can be stacked.

    Raises
    ------
    WiwError
        ``TOO_LARGE`` for a caption of more than ``CAPTION_BYTES``.
    """
    text = clip.caption.encode()
    if len(text) > CAPTION_BYTES:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"A caption of {len(text)} bytes is longer than {CAPTION_BYTES}.",
        )
    caption = np.zeros(CAPTION_BYTES, np.uint8)
    caption[: len(text)] = np.frombuffer(text, np.uint8)
    return {
        "frames": np.ascontiguousarray(clip.frames.transpose(0, 3, 1, 2)),
        "control": clip.control,
        "turns": clip.turns,
        "caption": caption,
    }


def captions(rows: npt.NDArray[np.uint8]) -> list[str]:
    """Return the texts of a (B, CAPTION_BYTES) batch."""
    return [bytes(row).rstrip(b"\0").decode() for row in rows]


def sized(frames: Sequence[Rgb] | Rgb, size: tuple[int, int]) -> Rgb:
    """Return (T, H, W, 3) frames at ``size`` (height, width)."""
    return np.stack([views.resized(frame, size) for frame in frames])
