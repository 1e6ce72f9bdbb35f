"""What is sent to the service for one clip, and what it is expected to cost."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Rgb
from wiw_wm_node.runway.shelf import key_of

RATIOS = ("1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672")
"""Shapes that gen4_turbo makes, width to height."""
DURATIONS_S = (2, 10)
MAX_IMAGE = 5_000_000
"""Characters of the picture as a data URI: "up to 5 MB"."""
MAX_PROMPT = 1000
"""UTF-16 code units of the text."""
SEEDS = 2**32


@dataclass(frozen=True)
class Terms:
    """What is the same in every request.

    Attributes
    ----------
    model : str
        The service's name of the model.
    duration_s : int
        Length of a clip in seconds.
    credits_per_second : float
        Expected price of a second.
    """

    model: str
    ratio: str
    duration_s: int
    credits_per_second: float

    def __post_init__(self) -> None:
        """Raise ``BAD_PARAMETER`` for what the service cannot do."""
        if self.ratio not in RATIOS:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "ratio", self.ratio, RATIOS)
        low, high = DURATIONS_S
        if isinstance(self.duration_s, bool) or self.duration_s not in range(low, high + 1):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"A clip lasts {low} to {high} whole seconds, not {self.duration_s!r}.",
            )
        if not 0.0 < self.credits_per_second < 1e4:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"A price of {self.credits_per_second} credits per second is not possible.",
            )

    @property
    def price(self) -> float:
        """Credits that a clip is expected to cost."""
        return self.duration_s * self.credits_per_second

    def width(self, height: int) -> int:
        """Return the width of frames of that height."""
        columns, rows = map(int, self.ratio.split(":"))
        return max(1, round(height * columns / rows))


@dataclass(frozen=True)
class ClipRequest:
    """One clip to be asked for; equal ones have equal ``key``."""

    image: bytes
    text: str
    seed: int
    key: str

    def arguments(self, terms: Terms) -> dict[str, Any]:
        """Return the arguments of ``image_to_video.create``."""
        return {
            "model": terms.model,
            "ratio": terms.ratio,
            "duration": terms.duration_s,
            "seed": self.seed,
            "prompt_text": self.text,
            "prompt_image": data_uri(self.image),
        }


def clip_request(frame: Rgb, text: str, seed: int, terms: Terms) -> ClipRequest:
    """Return the request for a clip that begins with ``frame``, (H, W, 3) uint8.

    Raises
    ------
    WiwError
        ``TOO_LARGE`` for a text or a picture beyond what the service takes.
    """
    units = len(text.encode("utf-16-le")) // 2
    if not 1 <= units <= MAX_PROMPT:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"The plan's text has {units} characters; Runway takes 1 to {MAX_PROMPT}.",
        )
    done, png = cv2.imencode(".png", np.ascontiguousarray(frame[:, :, ::-1]))
    image = png.tobytes()
    if not done or len(data_uri(image)) > MAX_IMAGE:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"The given picture is larger than the {MAX_IMAGE / 1e6:g} MB that Runway takes.",
            "Choose a smaller height.",
        )
    seed %= SEEDS
    key = key_of(terms.model, terms.ratio, terms.duration_s, seed, text, image)
    return ClipRequest(image, text, seed, key)


def data_uri(png: bytes) -> str:
    """Return a picture as text."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
