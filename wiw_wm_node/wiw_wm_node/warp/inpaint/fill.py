"""The trained way of filling holes."""

from __future__ import annotations

import cv2
import numpy as np

from wiw_wm_node.warp.inpaint.features import features
from wiw_wm_node.warp.warped import Frame, Warped

NAME = "warp"


class InpaintFill:
    """Fills holes by the trained network; real pixels stay exactly as they are.

    A frame's confidence is the share of its pixels that are expected to be right: to differ from
    the truth by no more than :data:`.trust.TOLERANCE`.

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
        from wiw_wm_node.networks import trained
        from wiw_wm_node.warp.inpaint.network import OPTIONS, Inpainter

        self._network, self.revision = trained(Inpainter, OPTIONS, NAME, weights)

    def __call__(self, warped: Warped) -> Frame:
        """Return the frame; the same picture gives the same bits."""
        import torch

        inputs, _ = features(warped)
        with torch.inference_mode():
            wraps = torch.full((1, 1, 1, 1), warped.lens.wraps)
            colours, logit = self._network(torch.from_numpy(inputs)[None], wraps)
            trust = torch.sigmoid(logit)[0].numpy()
            small = ((colours[0] + 0.5).clamp(0.0, 1.0) * 255.0).permute(1, 2, 0).numpy()
        height, width = warped.seen.shape
        filled = cv2.resize(np.ascontiguousarray(np.rint(small).astype(np.uint8)), (width, height))
        rgb = np.where(warped.seen[..., None], warped.rgb, filled).astype(np.uint8, copy=False)
        return Frame(rgb, warped.lens.mean(trust))
