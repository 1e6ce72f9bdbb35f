"""What warping gives before anything is filled, and the frame that filling makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_core.observation import Rgb
from wiw_wm_node.warp.lens import Floats, Lens, Mask


@dataclass(frozen=True)
class Warped:
    """A picture with holes.

    Attributes
    ----------
    lens : Lens
        Of the camera that takes it.
    rgb : (H, W, 3) uint8
        Real colours, 0 in the holes.
    seen : (H, W) bool
        Where they are real; somewhere at least.
    depth : (H, W) float32
        Metres; a guess in the holes.
    """

    lens: Lens
    rgb: Rgb
    seen: Mask
    depth: Floats


@dataclass(frozen=True)
class Frame:
    """An imagined frame.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    confidence : float
        0 to 1; what it measures depends on how the holes were filled.
    """

    rgb: Rgb
    confidence: float
