"""Seeded surface textures; every generator returns (256, 256, 3) float32 RGB in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Rng = np.random.Generator
SIZE = 256
"""Texels per side."""

_FLOOR_WOODS = ((0.62, 0.44, 0.27), (0.45, 0.30, 0.18), (0.74, 0.60, 0.42), (0.66, 0.52, 0.40))
_WOODS = ((0.55, 0.36, 0.20), (0.72, 0.55, 0.36), (0.35, 0.22, 0.14), (0.82, 0.72, 0.58))
_PAINTS = (
    (0.93, 0.90, 0.84),
    (0.80, 0.86, 0.88),
    (0.86, 0.88, 0.78),
    (0.93, 0.84, 0.78),
    (0.82, 0.80, 0.88),
    (0.62, 0.72, 0.70),
    (0.78, 0.62, 0.52),
)
_BRICKS = ((0.62, 0.30, 0.23), (0.75, 0.70, 0.64), (0.50, 0.38, 0.33))


def noise(rng: Rng, size: int = SIZE, octaves: int = 5, persistence: float = 0.55) -> Image:
    """Return tileable value noise in [0, 1], (size, size) float32."""
    total = np.zeros((size, size), np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        cells = 2 ** (octave + 2)
        lattice = np.pad(rng.random((cells, cells), dtype=np.float32), ((0, 1), (0, 1)), "wrap")
        step = size // cells
        fine = cv2.resize(lattice, (size + step, size + step), interpolation=cv2.INTER_LINEAR)
        total += weight * fine[:size, :size]
        weights += weight
        weight *= persistence
    return np.asarray(np.clip(total / weights, 0.0, 1.0), np.float32)


def _pick(rng: Rng, colours: Sequence[Sequence[float]]) -> Image:
    return np.asarray(colours[int(rng.integers(len(colours)))], np.float32)


def _tint(colour: npt.ArrayLike, brightness: npt.NDArray[Any], amount: float) -> Image:
    """Return ``colour`` modulated by +-``amount`` where brightness runs from 0 to 1."""
    factor = 1.0 + amount * 2.0 * (brightness[..., None] - 0.5)
    return np.clip(np.asarray(colour, np.float32) * factor, 0.0, 1.0).astype(np.float32)


def planks(rng: Rng) -> Image:
    """Return wooden floor boards."""
    base = _pick(rng, _FLOOR_WOODS)
    rows = int(rng.choice([4, 8]))
    height = SIZE // rows
    boards = []
    for _ in range(rows):
        grain = cv2.blur(cv2.resize(noise(rng, 64, 4)[:16], (SIZE, height)), (31, 1))
        board = _tint(base * rng.uniform(0.8, 1.15), grain, 0.5)
        joint = int(rng.integers(SIZE - 2))
        board[:1] *= 0.45
        board[:, joint : joint + 2] *= 0.5
        boards.append(board)
    return np.concatenate(boards)


def tiles(rng: Rng) -> Image:
    """Return square tiles with grout, plain or chequered."""
    first = rng.uniform(0.72, 0.88, 3)
    second = first * rng.uniform(0.6, 0.9) if rng.random() < 0.5 else first
    count = int(rng.choice([2, 4]))
    side = SIZE // count
    shade = noise(rng, SIZE, 4)
    row, column = np.indices((SIZE, SIZE))
    odd = ((row // side + column // side) % 2 == 1)[..., None]
    image = np.where(odd, _tint(second, shade, 0.12), _tint(first, shade, 0.12))
    image[(row % side < 2) | (column % side < 2)] = 0.42
    return image.astype(np.float32)


def carpet(rng: Rng) -> Image:
    """Return a short-pile carpet."""
    image = _tint(rng.uniform(0.25, 0.7, 3), noise(rng, SIZE, 6, 0.9), 0.5)
    grit = rng.normal(0.0, 0.035, (SIZE, SIZE, 1))
    return np.clip(image + grit, 0.0, 1.0).astype(np.float32)


def concrete(rng: Rng) -> Image:
    """Return grey concrete or stone."""
    return _tint(np.full(3, rng.uniform(0.5, 0.7)), noise(rng, SIZE, 6, 0.7), 0.35)


def plaster(rng: Rng) -> Image:
    """Return a painted wall."""
    return _tint(_pick(rng, _PAINTS), noise(rng, SIZE, 5, 0.8), 0.07)


def brick(rng: Rng) -> Image:
    """Return a brick wall in running bond."""
    base, height, width = _pick(rng, _BRICKS), 16, 64
    row, column = np.indices((SIZE, SIZE))
    course = row // height
    shifted = (column + (course % 2) * width // 2) % SIZE
    tone = rng.uniform(0.8, 1.15, (SIZE // height, SIZE // width))[course, shifted // width]
    image = _tint(base, noise(rng, SIZE, 6), 0.25) * tone[..., None]
    image[(row % height == 0) | (shifted % width < 2)] = 0.75
    return np.asarray(np.clip(image, 0.0, 1.0), np.float32)


def stripes(rng: Rng) -> Image:
    """Return striped wallpaper."""
    light = rng.uniform(0.6, 0.95, 3)
    dark = np.clip(light * rng.uniform(0.7, 0.92) + rng.normal(0.0, 0.06, 3), 0.0, 1.0)
    width = SIZE // int(rng.choice([8, 16]))
    odd = (np.arange(SIZE) // width % 2 == 1)[None, :, None]
    return np.asarray(np.broadcast_to(np.where(odd, light, dark), (SIZE, SIZE, 3)), np.float32)


def damask(rng: Rng) -> Image:
    """Return patterned wallpaper with mirror symmetry."""
    quarter = noise(rng, SIZE // 4, 4, 0.6)
    motif = np.block([[quarter, quarter[:, ::-1]], [quarter[::-1], quarter[::-1, ::-1]]])
    mask = (np.tile(motif, (2, 2)) > 0.5).astype(np.float32)
    return _tint(rng.uniform(0.55, 0.9, 3), cv2.GaussianBlur(mask, (3, 3), 0), 0.14)


def fabric(rng: Rng) -> Image:
    """Return woven cloth, plain or checked."""
    row, column = np.indices((SIZE, SIZE))
    weave = 0.5 + 0.25 * np.sin(column * np.pi / 4) + 0.25 * np.sin(row * np.pi / 4)
    image = _tint(rng.uniform(0.2, 0.75, 3), weave.astype(np.float32), 0.18)
    if rng.random() < 0.5:
        band = (column // 32 % 4 == 0) | (row // 32 % 4 == 0)
        image[band] = 0.5 * image[band] + 0.5 * rng.uniform(0.3, 0.9, 3)
    return image.astype(np.float32)


def wood(rng: Rng) -> Image:
    """Return furniture wood with visible grain."""
    warp = cv2.resize(noise(rng, 64, 4), (SIZE, SIZE))
    row = np.indices((SIZE, SIZE))[0]
    grain = 0.5 + 0.5 * np.sin(row * rng.uniform(0.15, 0.4) + warp * rng.uniform(5.0, 12.0))
    return _tint(_pick(rng, _WOODS) * rng.uniform(0.85, 1.1), grain.astype(np.float32), 0.16)


def picture(rng: Rng) -> Image:
    """Return a framed picture: a landscape, geometric shapes, or clouds of colour."""
    kind = int(rng.integers(3))
    if kind == 0:
        image = _landscape(rng)
    elif kind == 1:
        image = np.ones((SIZE, SIZE, 3), np.float32) * rng.uniform(0.6, 1.0, 3).astype(np.float32)
        for _ in range(9):
            colour = rng.uniform(0.0, 1.0, 3).tolist()
            x0, y0, x1, y1 = (int(v) for v in rng.integers(0, SIZE, 4))
            if rng.random() < 0.5:
                cv2.rectangle(image, (x0, y0), (x1, y1), colour, -1)
            else:
                cv2.circle(image, (x0, y0), int(rng.integers(15, 60)), colour, -1)
    else:
        image = np.stack([noise(rng, SIZE, 4) for _ in range(3)], -1)
        image = np.ascontiguousarray(np.clip((image - 0.3) * 2.2, 0.0, 1.0))
    frame = rng.uniform(0.05, 0.4, 3).tolist()
    cv2.rectangle(image, (0, 0), (SIZE - 1, SIZE - 1), frame, 14)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def _landscape(rng: Rng) -> Image:
    height = np.linspace(0.0, 1.0, SIZE, dtype=np.float32)[:, None, None]
    sky = (1 - height) * np.array([0.35, 0.6, 0.95]) + height * np.array([0.95, 0.85, 0.7])
    image = np.tile(sky.astype(np.float32), (1, SIZE, 1))
    row = np.arange(SIZE)[:, None]
    for layer in range(3):
        wave = np.sin(np.linspace(0.0, rng.uniform(4, 12), SIZE) + rng.uniform(0, 6))
        horizon = (0.45 + 0.15 * layer + 0.1 * wave) * SIZE
        image[row >= horizon] = (
            np.array([0.2, 0.45, 0.25]) * (1.2 - 0.3 * layer) * rng.uniform(0.7, 1.2, 3)
        )
    return image


def window(rng: Rng) -> Image:
    """Return a window: sky, clouds, a skyline and a white frame."""
    height = np.linspace(0.0, 1.0, SIZE, dtype=np.float32)[:, None, None]
    sky = (1 - height) * np.array([0.55, 0.75, 1.0]) + height * np.array([0.9, 0.95, 1.0])
    cloud = np.clip(noise(rng) * 2.0 - 0.9, 0.0, 1.0)[..., None]
    image = np.array(sky * (1 - cloud) + cloud, np.float32, order="C")
    for _ in range(6):
        x, width, tall = (
            int(rng.integers(SIZE)),
            int(rng.integers(20, 60)),
            int(rng.integers(20, 110)),
        )
        grey = rng.uniform(0.4, 0.75)
        cv2.rectangle(
            image, (x, SIZE - tall), (x + width, SIZE), [grey, grey * 0.95, grey * 0.9], -1
        )
    white = [0.95, 0.95, 0.93]
    for edge in (0, SIZE // 2 - 5, SIZE - 10):
        cv2.rectangle(image, (edge, 0), (edge + 10, SIZE), white, -1)
        cv2.rectangle(image, (0, edge), (SIZE, edge + 10), white, -1)
    return image


def plain(colour: Sequence[float]) -> Image:
    """Return one colour, (8, 8, 3)."""
    return np.ones((8, 8, 3), np.float32) * np.asarray(colour, np.float32)
