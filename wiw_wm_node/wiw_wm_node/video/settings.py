"""The parameters of a video model, checked before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.errors import ErrorCode, WiwError, unknown_name

TINY = "tiny"
"""The ``weights`` of a tiny random pipeline: it proves the plumbing, and imagines nothing."""
CHOICES = {
    "dtype": ("auto", "float32", "bfloat16", "float16"),
    "view": ("front", "panorama"),
    "noise": ("shared", "own"),
    "offload": ("none", "model", "sequential"),
    "quantise": ("none", "fp8", "int8"),
    "step_cache": ("none", "first_block"),
}
_LIMITS = {  # lowest and highest of each number
    "steps": (1, 1000),
    "guidance": (0.0, 50.0),
    "frames": (2, 257),
    "actions": (1, 256),
    "height": (16, 4096),
    "width": (16, 4096),
    "fps": (1.0, 120.0),
    "fov_deg": (10.0, 150.0),
    "batch": (1, 64),
    "step_cache_threshold": (0.0, 1.0),
    "memo_mib": (0, 65536),
}


@dataclass(frozen=True)
class Settings:
    """What every video model may be told; a family's defaults are its row of the paper.

    Attributes
    ----------
    weights : str
        A public repository's name, a folder that a pipeline was saved in, or ``tiny``.
    download : bool
        Fetch a repository that is not in the local cache. Without it nothing is ever fetched.
    hub_revision : str
        Branch, tag or commit of the repository; empty: its main branch.
    lora : str
        Folder or file of LoRA weights added to the model; where a family has two experts, two
        between a comma: for high noise, for low noise.
    device : str
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``. Several GPUs are several
        ``wm_node``s, between which the planner deals its candidates (``rollout_servers``).
    dtype : str
        ``auto``: bfloat16 on a GPU, float32 on a CPU.
    steps : int
        Denoising steps. Cost grows with steps, frames and guidance; distilled weights need 4 to 8.
    guidance : float
        Scale of classifier-free guidance; up to 1 there is none, at half the cost.
    negative : str
        What the picture shall not show, in words, where there is guidance.
    frames : int
        Frames that the model generates, the given one among them.
    actions : int
        Actions that the clip spans. Frames are resampled to one per action; a shorter plan goes on
        with ``forward``, as in the paper (13). Fewer actions with fewer frames cost less, but are
        not what post-trained weights have seen.
    height, width : int
        Size in pixels that is generated and returned.
    fps : float
        Frames per second that the model is told, where it is told.
    view : str
        ``panorama``: panoramas in and out, what post-trained weights take. ``front``: a level
        perspective crop of the panorama, straight ahead; a robot without a panorama gives its first
        view, cut to the shape of the frames.
    fov_deg : float
        Horizontal field of view of that crop; the paper has 90, and 105 for question answering.
    compress : bool
        Add equal actions in a row up in the prompt; the released form repeats them.
    batch : int
        Most candidates generated in one call. Halved whenever memory runs out, and said in the
        rollout's message. 1 makes every candidate bit-exactly independent of the others; more makes
        it equal up to rounding.
    noise : str
        ``shared``: every candidate starts from the same noise, so plans are compared with the same
        luck. ``own``: from noise that depends on its actions. Never on its place among the others.
    offload : str
        ``model`` keeps only the part at work on the GPU, ``sequential`` only the layer at work:
        less memory, and every request moves the weights again (seconds for 14 B; far slower still).
    quantise : str
        Storage of the denoiser's weights: ``fp8`` halves it by casting layer by layer, ``int8``
        needs the package torchao. Both change the pictures a little; how much is not measured here.
    compile : bool
        Compile the denoiser's repeated blocks. The first call of each batch size takes a minute or
        more, so batches are filled up to 1, 2, 4 or 8.
    step_cache : str
        ``first_block`` skips the other blocks of a step when the first one's output has changed
        less than ``step_cache_threshold``. It trades fidelity for speed and is of no use with few
        steps; the loss is not measured here.
    tiling : bool
        Decode the video in tiles: less memory, faint seams.
    memo_mib : int
        Memory for encoded images and texts kept between requests, in MiB; 0 keeps none.
    """

    weights: str = ""
    download: bool = False
    hub_revision: str = ""
    lora: str = ""
    device: str = "auto"
    dtype: str = "auto"
    steps: int = 30
    guidance: float = 1.0
    negative: str = ""
    frames: int = 14
    actions: int = 13
    height: int = 480
    width: int = 480
    fps: float = 7.0
    view: str = "front"
    fov_deg: float = 90.0
    compress: bool = True
    batch: int = 8
    noise: str = "shared"
    offload: str = "none"
    quantise: str = "none"
    compile: bool = False
    step_cache: str = "none"
    step_cache_threshold: float = 0.1
    tiling: bool = False
    memo_mib: int = 512

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for a value of another type, or out of its range."""
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), type(field.default))
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise _bad(f"'{name}' is {value}, outside [{low}, {high}].")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown_name(ErrorCode.BAD_PARAMETER, f"'{name}'", getattr(self, name), known)
        if not self.weights:
            raise _bad("No weights are named.")
        if self.panoramic and self.width % TURNS_PER_CIRCLE:
            raise _bad(
                f"Panoramas {self.width} pixels wide cannot be turned by 22.5 degrees exactly:"
                f" the width must be a multiple of {TURNS_PER_CIRCLE}."
            )

    @property
    def panoramic(self) -> bool:
        """Whether panoramas are generated, not perspective views."""
        return self.view == "panorama"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width


def _check_type(name: str, value: object, kind: type) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = whole if kind is int else isinstance(value, kind)
    if kind is float:
        fits = fits or whole
    if not fits:
        raise _bad(f"'{name}' is {value!r}; it must be of type {kind.__name__}.")


def _bad(sentence: str) -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, sentence)
