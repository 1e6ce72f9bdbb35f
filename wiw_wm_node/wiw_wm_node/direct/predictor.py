"""The trained network of the direct model, ready to be asked."""

from __future__ import annotations

import numpy as np
import torch

from wiw_core.observation import Rgb
from wiw_wm_node import views
from wiw_wm_node.direct.network import OPTIONS, DirectNetwork
from wiw_wm_node.networks import trained

NAME = "direct"


class Predictor:
    """Loads the weights and runs the network, one panorama at a time.

    One at a time, because the same sum in a larger batch may round otherwise: a plan's frames must
    not depend on what else is asked.

    Parameters
    ----------
    weights : str
        As :func:`wiw_learn.weights.choose` takes it.
    """

    def __init__(self, weights: str = "") -> None:
        self._network, self.revision = trained(DirectNetwork, OPTIONS, NAME, weights)

    def predict(self, now: Rgb, motion_m: tuple[float, float]) -> Rgb:
        """Return the (H, W, 3) panorama after a motion, with the heading of ``now``.

        Parameters
        ----------
        now : (H, W, 3) uint8
            A panorama of any size.
        motion_m : (float, float)
            Forward and left in metres, in ``base_link`` of now.
        """
        small = _tensor(views.resized(now, self._network.size))
        height, width = now.shape[:2]
        places = self._network.size[1]
        # The network's answer is enlarged by whole numbers, so that its two edges meet exactly.
        full = views.resized(now, (height, -(-width // places) * places))
        with torch.inference_mode():
            frame = self._network(small, torch.tensor([motion_m]), _tensor(full))[0]
        picture = (frame.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        return views.resized(
            np.ascontiguousarray(picture.permute(1, 2, 0).numpy()), (height, width)
        )


def _tensor(rgb: Rgb) -> torch.Tensor:
    """Return (1, 3, H, W) float32, 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float()[None] / 255.0
