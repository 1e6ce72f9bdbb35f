"""How good the arm's network is on held-out scenes."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import torch

from wiw_core.statistics import Interval, mean_interval, share_interval
from wiw_wm_node.arm.look import Floats
from wiw_wm_node.arm.maps import inputs_of
from wiw_wm_node.arm.network import Painted, composed
from wiw_wm_node.arm.path import path_of
from wiw_wm_node.arm.samples import ArmSamples, Walk, sample_of

TOLERANCE = 0.1
"""A pixel is right if no colour is further off than this; colours are 0 to 1."""
RIVALS = 4
"""Plans of other trajectories that each true plan is ranked with."""
_CHANGED, _BINS, _FEWEST_SCENES = 0.08, 10, 2
_SHARES = ("top1",)


def imagined(network: torch.nn.Module, sample: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return the frame (3, H, W) and every pixel's probability of being right (H, W)."""
    batch = {
        name: torch.from_numpy(value)[None] for name, value in sample.items() if name != "after"
    }
    with torch.no_grad():
        painted: Painted = network(**batch)
        frame = composed(
            painted, batch["maps"][:, :3], batch["pictures"], batch["covers"], decided=True
        )
        return frame[0].numpy(), torch.sigmoid(painted.trust)[0, 0].numpy()


def judge(network: torch.nn.Module, held_out: ArmSamples, seed: int) -> dict[str, Interval]:
    """Return metrics over whole plans, each the mean over scenes with its 95 % interval.

    ``psnr_db`` of the last frame · ``copy_psnr_db`` of the control that repeats the present ·
    ``changed_psnr_db`` and ``copy_changed_psnr_db`` where the picture really changes ·
    ``things_error`` mean absolute error, 0 to 1, where a strong colour is or was and the picture
    changes, and ``copy_things_error`` · ``top1`` how often the imagined end of the true plan is
    nearer to the truth, where anything changes, than those of RIVALS plans of other trajectories
    of the task would be · ``ece`` expected calibration error of the pixels' probability of
    being right.
    """
    rng = np.random.default_rng([seed, 1])
    rows: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for walk in held_out.walks:
        others = [w for w in held_out.walks if w.task == walk.task and w is not walk and w.plans]
        for first, last in walk.plans:
            sample = sample_of(walk, first, last)
            frame, trust = imagined(network, sample)
            for name, value in _measures(sample, frame, trust).items():
                rows[name][walk.scene].append(value)
            if len(others) >= RIVALS:
                chosen = rng.choice(len(others), RIVALS, replace=False)
                rivals = [_with_plan_of(network, walk, first, others[k], rng) for k in chosen]
                rows["top1"][walk.scene].append(_first_of(sample, frame, rivals))
    return {
        name: (share_interval if name in _SHARES else mean_interval)(
            [float(np.mean(values)) for values in scenes.values()]
        )
        for name, scenes in rows.items()
        if len(scenes) >= _FEWEST_SCENES
    }


def _measures(sample: dict[str, Floats], frame: Floats, trust: Floats) -> dict[str, float]:
    after, now = sample["after"], sample["maps"][:3]
    changed = np.abs(after - now).max(axis=0) > _CHANGED
    strong = np.maximum(np.ptp(after, axis=0), np.ptp(now, axis=0)) > 0.35
    things = changed & strong
    right = np.abs(frame - after).max(axis=0) < TOLERANCE
    values = {
        "psnr_db": _psnr(frame - after),
        "copy_psnr_db": _psnr(now - after),
        "ece": _calibration_error(trust, right),
    }
    if changed.any():
        values["changed_psnr_db"] = _psnr((frame - after)[:, changed])
        values["copy_changed_psnr_db"] = _psnr((now - after)[:, changed])
    if things.any():
        values["things_error"] = float(np.abs(frame - after)[:, things].mean())
        values["copy_things_error"] = float(np.abs(now - after)[:, things].mean())
    return values


def _with_plan_of(
    network: torch.nn.Module, walk: Walk, first: int, other: Walk, rng: np.random.Generator
) -> Floats:
    """Return the imagined end if the hand did here what it did in another trajectory."""
    start, end = other.plans[int(rng.integers(len(other.plans)))]
    path = path_of(walk.hands[first], other.steps[start:end])
    return imagined(network, dict(vars(inputs_of(walk.look(first), path))))[0]


def _first_of(sample: dict[str, Floats], frame: Floats, rivals: list[Floats]) -> float:
    """Return 1 if the frame of the true plan is the nearest to the truth, else 0."""
    after = sample["after"]
    errors = [float(np.square(image - after).mean()) for image in (frame, *rivals)]
    return float(errors[0] < min(errors[1:]))


def _calibration_error(probability: Floats, right: np.ndarray) -> float:
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    gap = 0.0
    for index in range(_BINS):
        inside = bins == index
        if inside.any():
            gap += float(inside.mean()) * abs(
                float(probability[inside].mean()) - float(right[inside].mean())
            )
    return gap


def _psnr(difference: np.ndarray) -> float:
    return -10.0 * math.log10(max(float(np.square(difference).mean()), 1e-6))
