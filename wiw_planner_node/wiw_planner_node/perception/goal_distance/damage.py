"""What an imperfect world model does to a panorama, done to training pictures on purpose."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb

Floats = npt.NDArray[np.float32]


def moved(rgb: Rgb, depth: npt.NDArray[np.floating], step: Pose2) -> Rgb:
    """Return a panorama (H, W, 3) as a depth-warp would show it after a step; holes are smeared.

    Parameters
    ----------
    depth : (H, W)
        Metres along the ray, 0 where unknown.
    step : Pose2
        Where the robot goes, in its own frame.
    """
    height, width = depth.shape
    points = panorama.unproject(np.asarray(depth, np.float64))
    c, s = math.cos(step.yaw_rad), math.sin(step.yaw_rad)
    x, y = points[..., 0] - step.x_m, points[..., 1] - step.y_m
    seen = np.stack([c * x + s * y, c * y - s * x, points[..., 2]], axis=-1)
    pixels, distance = panorama.project(seen, height, width)
    valid = (depth > 0.0) & np.isfinite(pixels).all(axis=-1) & (distance > 0.05)
    column = np.round(pixels[valid][:, 0]).astype(np.int64) % width
    row = np.clip(np.round(pixels[valid][:, 1]).astype(np.int64), 0, height - 1)
    # Painted from far to near, so that what is near covers what is behind it.
    order = np.argsort(-distance[valid], kind="stable")
    flat = (row * width + column)[order]
    out = np.zeros((height * width, 3), np.float32)
    known = np.zeros(height * width, np.float32)
    out[flat], known[flat] = rgb[valid][order], 1.0
    return _smear(out.reshape(height, width, 3), known.reshape(height, width))


def worn(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """Return the panorama (H, W, 3) blurred, with some patches smeared over, and with noise."""
    picture = rgb.astype(np.float32)
    height, width = rgb.shape[:2]
    known = np.ones((height, width), np.float32)
    for _ in range(int(rng.integers(0, 4))):
        h, w = int(rng.integers(4, height // 2)), int(rng.integers(3, width // 8))
        top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        known[top : top + h, left : left + w] = 0.0
    if not known.all():
        picture = _smear(picture, known).astype(np.float32)
    sigma = float(rng.uniform(0.0, 1.2))
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.float32)
    picture += rng.normal(0.0, rng.uniform(0.0, 6.0), picture.shape).astype(np.float32)
    return np.asarray(np.clip(np.round(picture), 0.0, 255.0), np.uint8)


def _smear(picture: Floats, known: Floats) -> Rgb:
    """Return the picture with unknown pixels taken from wider and wider averages of known ones."""
    picture, known = picture * known[..., None], known.copy()
    out, done = picture.copy(), known > 0.0
    size = 3
    while not done.all():
        weight = cv2.blur(known, (size, size))
        mean = cv2.blur(picture, (size, size)) / np.maximum(weight, 1e-6)[..., None]
        now = ~done & (weight > 1e-4)
        out[now], done = mean[now], done | now
        if size > 2 * max(known.shape):
            break
        size = 2 * size + 1
    return np.asarray(np.clip(np.round(out), 0.0, 255.0), np.uint8)


def recoloured(pictures: list[Rgb], rng: np.random.Generator) -> list[Rgb]:
    """Return pictures of one apartment with the same change of all their colours."""
    order = rng.permutation(3) if rng.random() < 0.7 else np.arange(3)
    gain = rng.uniform(0.8, 1.2, 3)
    mix = np.eye(3)[order] * gain[:, None]
    mix += rng.uniform(-0.12, 0.12, (3, 3)) * float(rng.random() < 0.7)
    shift = rng.uniform(-12.0, 12.0, 3)
    return [
        np.asarray(np.clip(picture @ mix.T.astype(np.float32) + shift, 0, 255), np.uint8)
        for picture in pictures
    ]
