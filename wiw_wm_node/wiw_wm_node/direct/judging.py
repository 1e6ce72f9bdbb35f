"""How good the direct model is on held-out scenes: near the truth, and following the motion."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from wiw_core.observation import Rgb
from wiw_core.statistics import Interval, mean_interval, share_interval
from wiw_wm_node.direct.samples import Array, DirectSamples, motion_of, step_of

AHEAD = (3, 5)
"""Actions ahead that are judged; image-goal navigation looks 5 ahead."""
STARTS = 6
"""Places judged per trajectory and number of actions."""
FUTURES = 6
"""Motions that the true one is ranked among."""
_SAME_M = 0.01


def judge(network: torch.nn.Module, held_out: DirectSamples, seed: int) -> dict[str, Interval]:
    """Return metrics by name, each the mean over scenes with its 95 % interval.

    ``psnr_db`` of a scene's predictions, all pixels at the inside size · ``rotate_psnr_db`` of the
    control, the present panorama · ``gain_db`` their difference · ``top1`` how often the
    prediction of the true motion is nearer to the truth (mean square) than those of
    ``FUTURES - 1`` motions of other plans just as long, where nothing was in the way: by chance 1
    in 6, as the heading, which is exact, is the same for all.
    """
    rng = np.random.default_rng([seed, 1])
    squares: dict[int, list[tuple[float, float]]] = defaultdict(list)
    firsts: dict[int, list[float]] = defaultdict(list)
    for walk in held_out.walks:
        for ahead in AHEAD:
            last = len(walk.actions) - ahead
            for start in rng.integers(0, last + 1, STARTS) if last >= 0 else ():
                step = step_of(walk, int(start), ahead)
                if not step.motion.any():
                    continue  # a pure turn is exact
                others = _other_motions(step.motion, ahead, rng)
                errors = _errors(network, step.now, step.after, [step.motion, *others])
                squares[walk.scene].append((errors[0], _error(step.now, step.after)))
                if not walk.collided[start : start + ahead].any():
                    firsts[walk.scene].append(float(errors[0] < errors[1:].min()))
    psnr = [[_psnr(e) for e in np.mean(pairs, axis=0)] for pairs in squares.values()]
    return {
        "psnr_db": mean_interval([scene[0] for scene in psnr]),
        "rotate_psnr_db": mean_interval([scene[1] for scene in psnr]),
        "gain_db": mean_interval([scene[0] - scene[1] for scene in psnr]),
        "top1": share_interval([float(np.mean(scene)) for scene in firsts.values()]),
    }


def _other_motions(true: Array, length: int, rng: np.random.Generator) -> list[Array]:
    """Return ``FUTURES - 1`` distinct motions of random plans of as many actions."""
    found = [true]
    while len(found) < FUTURES:
        names = rng.choice(("forward", "forward", "turn_left", "turn_right"), length)
        pose = motion_of(str(name) for name in names)
        motion = np.array([pose.x_m, pose.y_m])
        if all(np.abs(motion - other).max() > _SAME_M for other in found):
            found.append(motion)
    return found[1:]


def _errors(
    network: torch.nn.Module, now: Rgb, after: Rgb, motions: Sequence[Array]
) -> npt.NDArray[np.float64]:
    image = torch.from_numpy(now.transpose(2, 0, 1).copy()).float()[None] / 255.0
    with torch.no_grad():
        frames = network(
            image.expand(len(motions), -1, -1, -1),
            torch.from_numpy(np.stack(motions).astype(np.float32)),
        )
    pictures = frames.clamp(0.0, 1.0).permute(0, 2, 3, 1).numpy() * 255.0
    return np.array([_error(picture, after) for picture in pictures])


def _error(picture: npt.NDArray[np.generic], truth: Rgb) -> float:
    return float(np.mean(np.square(picture.astype(np.float64) - truth)))


def _psnr(mean_square: float) -> float:
    return 10.0 * math.log10(255.0**2 / max(mean_square, 1e-3))
