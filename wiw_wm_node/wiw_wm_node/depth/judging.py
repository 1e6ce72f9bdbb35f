"""How good estimated depth is on held-out scenes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch

from wiw_core.statistics import Interval, mean_interval, share_interval
from wiw_wm_node.depth.samples import DepthSamples, Look
from wiw_wm_node.networks import solid_angle

PER_SCENE = 12
"""Panoramas judged per scene."""

Floats = npt.NDArray[np.float64]


def judge(network: torch.nn.Module, held_out: DepthSamples, seed: int) -> dict[str, Interval]:
    """Return metrics by name, each the mean over scenes with its 95 % interval.

    Pixels count by their solid angle, where depth is known (Eigen et al. 2014, arXiv 1406.2283):
    ``abs_rel`` mean of |estimate - truth| / truth · ``delta`` share with the greater of the two
    less than 1.25 times the other · ``rows_abs_rel``, ``rows_delta`` the same of a control that
    knows only how high each row looks: it answers the median of the row over these very scenes.
    """
    rng = np.random.default_rng([seed, 2])
    by_scene: dict[int, list[Look]] = defaultdict(list)
    for look in held_out.looks:
        by_scene[look.scene].append(look)
    rows = _row_medians(held_out)
    found: dict[str, list[Floats]] = {"": [], "rows_": []}
    for some in by_scene.values():
        chosen = rng.permutation(len(some))[:PER_SCENE]
        errors: dict[str, list[Floats]] = {"": [], "rows_": []}
        for index in chosen:
            truth = some[index].depth.astype(np.float64)
            errors[""].append(_errors(_estimate(network, some[index]), truth))
            errors["rows_"].append(_errors(np.broadcast_to(rows[:, None], truth.shape), truth))
        for name, values in errors.items():
            found[name].append(np.mean(values, axis=0))
    return {
        prefix + metric: interval([float(scene[k]) for scene in scenes])
        for prefix, scenes in found.items()
        for k, (metric, interval) in enumerate(
            (("abs_rel", mean_interval), ("delta", share_interval))
        )
    }


def _estimate(network: torch.nn.Module, look: Look) -> Floats:
    image = torch.from_numpy(look.rgb.transpose(2, 0, 1).copy()).float()[None] / 255.0
    with torch.no_grad():
        logs = network(image)[0].double().cpu().numpy()
    return np.asarray(np.exp(logs))


def _errors(estimate: Floats, truth: Floats) -> Floats:
    """Return abs-rel and delta of one panorama, (2,)."""
    known = truth > 0.0
    weight = solid_angle(*truth.shape).numpy()[known]
    a, b = estimate[known], truth[known]
    near = np.maximum(a / b, b / a) < 1.25
    return np.array(
        [np.average(np.abs(a - b) / b, weights=weight), np.average(near, weights=weight)]
    )


def _row_medians(samples: DepthSamples) -> Floats:
    """Return (H,) metres: the median of what is known in each row."""
    some = np.stack([look.depth for look in samples.looks[:: max(1, len(samples) // 100)]])
    flat = np.swapaxes(some, 0, 1).reshape(some.shape[1], -1).astype(np.float32)
    medians = [np.median(row[row > 0.0]) if (row > 0.0).any() else 1.0 for row in flat]
    return np.array(medians, dtype=np.float64)
