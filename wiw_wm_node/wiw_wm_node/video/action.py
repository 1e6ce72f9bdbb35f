"""How SVD-dagger is told the actions: an embedding per frame, added beside the timestep's.

The stock UNet is not changed: hooks add to what its blocks are given, so that an embedding whose
last layer is zero leaves the model exactly as it was. Form: arXiv 2510.18135, section 2.2 and the
released code (features, widths, noise).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.errors import ErrorCode, WiwError

FREQUENCIES = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)
"""Each number x of a control becomes cos(f x) and sin(f x) for each of these f, in this order."""
FOLDER = "action_embedding"
"""The folder beside a pipeline's own that holds the embedding."""
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


class ActionEmbedding(nn.Module):
    """An embedding of the control of every frame.

    Parameters
    ----------
    width : int
        Numbers per frame: 14 cumulative action ids, or 10 of a tool's pose.
    hidden : int
        Width of the first layer; 256 in the paper.
    channels : int
        Width of the UNet's timestep embedding; 1280 in SVD.
    """

    def __init__(self, width: int, hidden: int = 256, channels: int = 1280) -> None:
        super().__init__()
        self.config = {"width": width, "hidden": hidden, "channels": channels}
        self.lift = nn.Linear(width * 2 * len(FREQUENCIES), hidden)
        self.linear_1 = nn.Linear(hidden, channels)
        self.linear_2 = nn.Linear(channels, channels)

    def forward(self, control: torch.Tensor) -> torch.Tensor:
        """Return (B, F, channels) of (B, F, width) numbers."""
        angles = control.to(self.lift.weight.dtype)[..., None] * control.new_tensor(
            FREQUENCIES, dtype=self.lift.weight.dtype
        )
        features = torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(-3)
        result: torch.Tensor = self.linear_2(F.silu(self.linear_1(self.lift(features))))
        return result

    def zero_(self) -> ActionEmbedding:
        """Make the embedding 0 whatever the actions: where training starts from."""
        nn.init.zeros_(self.linear_2.weight)
        nn.init.zeros_(self.linear_2.bias)
        return self

    def save(self, pipeline: str | Path) -> None:
        """Write the weights beside a saved pipeline's own folders."""
        folder = Path(pipeline) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CONFIG).write_text(json.dumps(self.config) + "\n")
        tensors = {
            name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()
        }
        save_file(tensors, folder / _WEIGHTS)

    @classmethod
    def load(cls, pipeline: str | Path) -> ActionEmbedding | None:
        """Return the embedding saved beside a pipeline, in float32; None if there is none.

        Raises
        ------
        WiwError
            ``RECORD_CORRUPT`` if the weights are not what the configuration says.
        """
        folder = Path(pipeline) / FOLDER
        if not folder.is_dir():
            return None
        try:
            made = cls(**json.loads((folder / _CONFIG).read_text()))
            made.load_state_dict({k: v.float() for k, v in load_file(folder / _WEIGHTS).items()})
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The action embedding in '{folder}' cannot be read: {error}.",
                "Train it again, or copy it again.",
            ) from error
        return made.eval()


def width_of(control: str, frames: int) -> int:
    """Return how many numbers per frame a control has; ``BAD_PARAMETER`` for an unknown one."""
    widths = {"lowlevel": frames, "tool_poses": 10}
    if control not in widths:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"The control '{control}' is none of {', '.join(widths)}."
        )
    return widths[control]


@contextmanager
def conditioned(unet: Any, embedding: ActionEmbedding, control: torch.Tensor) -> Iterator[None]:
    """Add the embedding of M candidates' controls to what every block of the UNet is given.

    Parameters
    ----------
    unet : UNetSpatioTemporalConditionModel
        Called with M clips, or 2 M for classifier-free guidance: first all of the unconditional
        rows, then all of the others.
    control : (M, F, width)
        On the embedding's device. Gradients reach the embedding.

    Notes
    -----
    The embeddings of frame rate and motion bucket stay: they are constants here, and the noise
    level's is kept in the paper too.
    """
    added = embedding(control)
    candidates, frames, channels = added.shape

    def add(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        temb = kwargs["temb"]
        halves, rest = divmod(temb.shape[0], candidates * frames)
        if rest:
            raise ValueError(f"{temb.shape[0]} rows are no multiple of {candidates} x {frames}")
        rows = added.repeat(halves, 1, 1).reshape(-1, channels)  # row b of each half is candidate b
        return args, {**kwargs, "temb": temb + rows.to(temb.device, temb.dtype)}

    blocks = (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
    handles = [block.register_forward_pre_hook(add, with_kwargs=True) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def rolled_noise(noise: torch.Tensor, turns: Sequence[int]) -> torch.Tensor:
    """Return the noise of a clip of panoramas in which a turn keeps the noise and moves it.

    Parameters
    ----------
    noise : (F, C, h, w)
    turns : sequence of int
        For each frame 1 if it comes of a left turn, -1 of a right turn, else 0. A left turn moves
        the panorama to the right by w / 16.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if w is no multiple of 16.
    """
    width = noise.shape[-1]
    if width % TURNS_PER_CIRCLE:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Noise {width} latents wide cannot be turned by 22.5 degrees exactly.",
            "Choose a width of which each turn is a whole number of latents: a multiple of 128.",
        )
    frames = list(noise)
    for index, turn in enumerate(turns):
        if turn and index:
            shift = turn * (width // TURNS_PER_CIRCLE)
            frames[index] = torch.roll(frames[index - 1], shift, dims=-1)
    return torch.stack(frames)
