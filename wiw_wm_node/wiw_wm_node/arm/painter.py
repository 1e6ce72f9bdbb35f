"""The trained network of the arm's model, ready to be asked."""

from __future__ import annotations

import numpy as np
import torch

from wiw_core.observation import Rgb
from wiw_wm_node.arm.layers import layers
from wiw_wm_node.arm.look import Look
from wiw_wm_node.arm.maps import SIZE, inputs_of
from wiw_wm_node.arm.network import OPTIONS, ArmNetwork, composed
from wiw_wm_node.arm.path import Path
from wiw_wm_node.networks import trained

NAME = "arm"


class Painter:
    """Loads the weights and imagines where paths end, one at a time.

    One at a time, because the same sum in a larger batch may round otherwise: a plan's frames must
    not depend on what else is asked.

    Parameters
    ----------
    weights : str
        As :func:`wiw_learn.weights.choose` takes it.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without weights; ``RECORD_CORRUPT`` if they are not the card's.
    """

    def __init__(self, weights: str = "") -> None:
        self._network, self.revision = trained(ArmNetwork, OPTIONS, NAME, weights)

    def imagine(self, look: Look, path: Path) -> tuple[Rgb, float]:
        """Return the frame (H, W, 3) at the path's end, and how many of its pixels are right.

        The network looks at SIZE x SIZE pixels; what stands still or has moved is shown in the
        look's own resolution.

        Returns
        -------
        frame : (H, W, 3) uint8
        confidence : float
            Share of pixels of which no colour is expected to be off by more than a tenth.
        """
        given = inputs_of(look.at((SIZE, SIZE)), path)
        pictures, covers = layers(look, path)
        with torch.inference_mode():
            painted = self._network(
                *(
                    torch.from_numpy(value)[None]
                    for value in (given.maps, given.pictures, given.covers, given.facts)
                )
            )
            frame = composed(
                painted,
                _unit(look.rgb[None]),
                _unit(pictures)[None],
                torch.from_numpy(covers.astype(np.float32))[None],
                decided=True,
            )
            trust = float(torch.sigmoid(painted.trust).mean())
        picture = (frame[0].clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        return np.ascontiguousarray(picture.permute(1, 2, 0).numpy()), trust


def _unit(rgb: Rgb) -> torch.Tensor:
    """Return (N, 3, H, W) float32, 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float() / 255.0
