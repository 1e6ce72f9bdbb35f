"""How good a trained inpainter is: its holes beside the smooth fill's, and its trust's calibration.

Scenes are what varies: every interval is over them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wiw_core.statistics import CONFIDENCE, Interval, mean_interval
from wiw_wm_node.warp.inpaint.samples import WarpSamples
from wiw_wm_node.warp.inpaint.trust import right

SAMPLES = 480
"""Samples judged, at most."""
BINS = 10
_RESAMPLES = 2000

Floats = npt.NDArray[np.float64]


def judged(network: nn.Module, samples: WarpSamples, seed: int) -> dict[str, Interval]:
    """Return the metrics of a network on held-out samples.

    ``hole_psnr_db`` and ``frame_psnr_db``, each beside ``.._push_pull_db`` of the smooth fill and
    the difference ``.._gain_db``; ``ece_pixel`` and ``ece_frame``, the expected calibration error
    of the trust in a pixel and of a frame's confidence; ``right_at_0.00`` to ``right_at_0.90``, the
    share of pixels that are right among those trusted from that much to a tenth more: the
    reliability diagram.
    """
    chosen = np.random.default_rng([seed, 1]).permutation(len(samples))[:SAMPLES]
    scenes: dict[int, list[Floats]] = defaultdict(list)
    for index in chosen:
        row = _row(network, samples, int(index), seed)
        scenes[samples.scene(int(index))].append(row)
    summed = np.stack([np.sum(rows, axis=0) for rows in scenes.values()])
    return _quality(summed) | _calibration(summed, seed)


# A row holds sums over one sample's pixels: pixels, squared errors of the frame (filled by the
# network, smoothly), the same of holes, one frame, the distance of its confidence from the
# truth; then per bin of trust how many pixels, how many of them right and their summed trust.
_FRAME, _HOLE, _CONFIDENCE, _BINS = slice(0, 3), slice(3, 6), slice(6, 8), 8


def _row(network: nn.Module, samples: WarpSamples, index: int, seed: int) -> Floats:
    batch = {
        name: torch.from_numpy(np.asarray(value))[None]
        for name, value in samples.sample(index, np.random.default_rng([seed, 2, index])).items()
    }
    colours, logit = network(batch["features"], batch["wraps"])
    smooth, truth, known = batch["features"][:, :3], batch["truth"], batch["known"][:, None]
    frame = torch.where(known, smooth, colours.clamp(-0.5, 0.5))
    good = right(frame, truth)[0].numpy()
    trust = torch.sigmoid(logit)[0].double().numpy()
    errors = [((image - truth) ** 2).mean(dim=1)[0].double().numpy() for image in (frame, smooth)]
    hole = ~known[0, 0].numpy()
    latitude = np.sin((np.arange(len(good)) + 0.5) / len(good) * np.pi)[:, None]
    share = float(np.average(trust - good, weights=np.broadcast_to(latitude, good.shape)))
    bins = np.minimum((trust * BINS).astype(np.intp), BINS - 1).ravel()
    per_bin = [np.bincount(bins, w, BINS) for w in (None, good.ravel(), trust.ravel())]
    return np.concatenate(
        [
            [good.size, errors[0].sum(), errors[1].sum()],
            [hole.sum(), errors[0][hole].sum(), errors[1][hole].sum()],
            [1.0, share],
            *(counts.astype(np.float64) for counts in per_bin),
        ]
    )


def _quality(summed: Floats) -> dict[str, Interval]:
    out = {}
    for name, part in (("hole", _HOLE), ("frame", _FRAME)):
        pixels, trained, smooth = summed[:, part].T
        ours, theirs = (_psnr(e[pixels > 0] / pixels[pixels > 0]) for e in (trained, smooth))
        out[f"{name}_psnr_db"] = mean_interval(list(ours))
        out[f"{name}_psnr_push_pull_db"] = mean_interval(list(theirs))
        out[f"{name}_gain_db"] = mean_interval(list(ours - theirs))
    return out


def _psnr(mean_square: Floats) -> Floats:
    return np.asarray(-10.0 * np.log10(np.maximum(mean_square, 1e-12)))


def _calibration(summed: Floats, seed: int) -> dict[str, Interval]:
    """Return calibration errors with percentile bootstrap intervals over scenes (Efron 1979)."""
    rng = np.random.default_rng([seed, 3])
    drawn = rng.integers(0, len(summed), (_RESAMPLES, len(summed)))
    everything = np.concatenate([summed.sum(axis=0)[None], summed[drawn].sum(axis=1)])
    count, good, trust = (
        everything[:, _BINS + k * BINS : _BINS + (k + 1) * BINS] for k in range(3)
    )
    values = {"ece_pixel": np.abs(good - trust).sum(axis=1) / count.sum(axis=1)}
    frames, off = everything[:, _CONFIDENCE].T
    values["confidence_bias"] = off / frames
    values["right_share"] = good.sum(axis=1) / count.sum(axis=1)
    for k in np.flatnonzero((count > 0).all(axis=0)):
        values[f"right_at_{k / BINS:.2f}"] = good[:, k] / count[:, k]
    tail = 100.0 * (1.0 - CONFIDENCE) / 2.0
    return {
        name: Interval(float(v[0]), *(float(b) for b in np.percentile(v[1:], [tail, 100 - tail])))
        for name, v in values.items()
    }
