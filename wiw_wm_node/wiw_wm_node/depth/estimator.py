"""Depth of a panorama from its colours alone, for robots without a depth camera."""

from __future__ import annotations

import cv2
import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Depth, Rgb

NAME = "depth"


class Estimator:
    """The trained estimator; the panorama is level, from a camera 1 m above the floor.

    Parameters
    ----------
    weights : str
        Empty for the weights that ship; else a path: see :func:`wiw_learn.weights.choose`.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without weights; ``RECORD_CORRUPT`` if they are not the card's.
    """

    def __init__(self, weights: str = "") -> None:
        from wiw_wm_node.depth.network import OPTIONS, DepthNetwork
        from wiw_wm_node.networks import trained

        self._network, self.revision = trained(DepthNetwork, OPTIONS, NAME, weights)

    def depth(self, rgb: Rgb) -> Depth:
        """Return the (H, W) float32 metres along the rays of an (H, W, 3) uint8 panorama.

        Every pixel has a value: unlike a sensor, it does not know what it does not know. The same
        picture gives the same bits.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` unless the picture is (H, W, 3) uint8 and not empty.
        """
        import torch

        from wiw_wm_node import views
        from wiw_wm_node.depth.network import FARTHEST_M, NEAREST_M

        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"A picture of shape {rgb.shape}, {rgb.dtype}, is not (H, W, 3) uint8.",
            )
        height, width = rgb.shape[:2]
        small = views.resized(rgb, self._network.size).transpose(2, 0, 1)
        with torch.inference_mode():
            image = torch.from_numpy(np.ascontiguousarray(small)).float()[None] / 255.0
            logs = self._network(image)[0].clamp(np.log(NEAREST_M), np.log(FARTHEST_M))
        return np.exp(_resized(logs.numpy(), (height, width)))


def _resized(logs: Depth, size: tuple[int, int]) -> Depth:
    """Return (h, w) logarithms at ``size``; the nearest counts: between two there is no surface."""
    return np.asarray(cv2.resize(logs, size[::-1], interpolation=cv2.INTER_NEAREST))
