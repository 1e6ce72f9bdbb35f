"""Forward splatting: how near the closest surface is in each pixel of a camera.

Everything here is in *nearness*, one over the depth in metres: 0 where there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wiw_wm_node.warp.fill import push_pull
from wiw_wm_node.warp.lens import Floats, Lens, Mask
from wiw_wm_node.warp.mesh import Indices, Mesh, corners

NEAR_M = 0.05
"""What is closer than this to the camera is not drawn."""
CRACK = 1.5
"""Quads with a side longer than this many pixels are drawn solid; smaller gaps are interpolated."""
LARGEST_QUAD = 64
"""Quads with a longer side, as around the poles, are drawn as their corners only."""
GAP = 5
"""Gaps less wide than this many pixels lie in a surface, wider ones between surfaces."""
SEE_THROUGH = 1.1
"""A pixel this many times deeper than what surrounds it is seen through a crack in a surface."""
_OPPOSITE = ((0, 1), (1, 0), (1, 1), (1, -1))


def splat(mesh: Mesh, lens: Lens) -> Floats:
    """Return the (H, W) nearness that a camera sees of a mesh given in its ``base_link``."""
    x, y, depth = lens.project(mesh.points)
    front = depth > NEAR_M
    y = np.where(front, y, np.float32(np.nan))  # NaN is in no picture, nor is a quad that has it
    nearness = np.asarray(1.0 / np.where(front, depth, 1.0), dtype=np.float32)
    out = np.zeros((lens.height, lens.width), dtype=np.float32)
    _draw(out, x, y, nearness, lens)
    places = np.stack([x, y, nearness])
    _draw_apart(out, _grid_apart(places, mesh, lens), lens)
    _draw_apart(out, _patches_apart(places, mesh.quads, lens), lens)
    return out


def _draw(out: Floats, x: Floats, y: Floats, nearness: Floats, lens: Lens) -> None:
    """Draw points; the nearest wins."""
    seen = lens.inside(x, y)
    row = np.clip(np.rint(y[seen]).astype(np.intp), 0, lens.height - 1)
    column = np.rint(x[seen]).astype(np.intp) % lens.width
    np.maximum.at(out.reshape(-1), row * lens.width + column, nearness[seen])


@dataclass(frozen=True)
class _Apart:
    """Quads that have come apart: x, y and nearness of their corners, and two sides in pixels."""

    corners: Floats  # (3, 4, M)
    across: Floats
    down: Floats


def _grid_apart(places: Floats, mesh: Mesh, lens: Lens) -> _Apart:
    """Return the quads of the mesh's picture that have come apart."""
    height = mesh.joined.shape[0] + 1
    width = mesh.joined.shape[1] + (0 if lens.wraps else 1)
    x, y, _ = grid = places[:, : height * width].reshape(3, height, width)
    across = _side(*corners(x, lens.wraps)[:2], *corners(y, lens.wraps)[:2], lens)
    down = _side(x[:-1], x[1:], y[:-1], y[1:], lens)[:, : mesh.joined.shape[1]]
    chosen = _come_apart(across, down) & mesh.joined
    inside = np.stack([[c[chosen] for c in corners(image, lens.wraps)] for image in grid])
    return _Apart(inside, across[chosen], down[chosen])


def _patches_apart(places: Floats, quads: Indices, lens: Lens) -> _Apart:
    """Return the quads of the mesh's patches that have come apart."""
    x, y, _ = inside = places[:, quads]
    across, down = (_side(x[0], x[k], y[0], y[k], lens) for k in (1, 2))
    chosen = _come_apart(across, down)
    return _Apart(inside[:, :, chosen], across[chosen], down[chosen])


def _come_apart(across: Floats, down: Floats) -> Mask:
    longest = np.maximum(across, down)
    return np.asarray((longest > CRACK) & (longest <= LARGEST_QUAD))


def _side(x0: Floats, x1: Floats, y0: Floats, y1: Floats, lens: Lens) -> Floats:
    """Return the length in pixels of sides between two places, along the longer axis."""
    dx = np.abs(x1 - x0)
    if lens.wraps:
        dx = np.minimum(dx, lens.width - dx)
    return np.asarray(np.maximum(dx, np.abs(y1 - y0)), dtype=np.float32)


def _draw_apart(out: Floats, apart: _Apart, lens: Lens) -> None:
    """Draw points inside the quads, as densely as each one needs."""
    places = apart.corners
    if lens.wraps:  # unroll, so that a quad across the edge is in one piece
        columns = places[0]
        columns -= lens.width * np.rint((columns - columns[0]) / lens.width)
    # Points per side, rounded up to powers of two: few groups, each drawn at once.
    steps = [np.ceil(np.log2(np.maximum(s / CRACK, 1.0))) for s in (apart.across, apart.down)]
    group = (16 * steps[0] + steps[1]).astype(np.uint8)
    order = np.argsort(group, kind="stable")
    places, starts = places[:, :, order], np.searchsorted(group[order], np.arange(257))
    for code in np.flatnonzero(np.diff(starts)).tolist():
        alike = places[:, :, starts[code] : starts[code + 1]]
        inner = _inside(alike, 2 ** (code // 16), 2 ** (code % 16))
        if lens.wraps:
            inner[0] = (inner[0] + 0.5) % lens.width - 0.5
        _draw(out, inner[0], inner[1], inner[2], lens)


def _inside(corners: Floats, across: int, down: int) -> Floats:
    """Return x, y and nearness, (3, N), of across x down points inside quads of (3, 4, M)."""
    u = ((np.arange(across) + 0.5) / across).astype(np.float32)[:, None, None]
    v = ((np.arange(down) + 0.5) / down).astype(np.float32)[:, None]
    a, b, c, d = (corners[:, None, None, k] for k in range(4))
    top, bottom = a + (b - a) * u, c + (d - c) * u
    return np.asarray(top + (bottom - top) * v, dtype=np.float32).reshape(3, -1)


def without_see_through(nearness: Floats, wraps: bool) -> Floats:
    """Return the nearness with 0 where a far surface shows between the points of a near one.

    A pixel is seen through if the pixels on two opposite sides of it, one or two away, are both
    much nearer. This mends what has no neighbours to be joined to, such as thin legs.
    """
    height, width = nearness.shape
    pad = 2
    edge = cv2.BORDER_WRAP if wraps else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(nearness, pad, pad, pad, pad, edge)
    around = np.asarray(padded, dtype=np.float32)

    def shifted(rows: int, columns: int) -> Floats:
        return around[pad + rows : pad + rows + height, pad + columns : pad + columns + width]

    cover = np.zeros_like(nearness)
    for step in (1, 2):
        for r, c in _OPPOSITE:
            pair = np.minimum(shifted(step * r, step * c), shifted(-step * r, -step * c))
            np.maximum(cover, pair, out=cover)
    return np.where(SEE_THROUGH * nearness < cover, np.float32(0.0), nearness)


def dense(nearness: Floats, wraps: bool) -> tuple[Floats, Mask]:
    """Return the (H, W) depth in metres with gaps interpolated, and where that can be trusted.

    Only narrow gaps are: across a wide one the guess sweeps through free space, and may meet by
    chance something that is seen elsewhere.
    """
    known = nearness > 0.0
    filled = push_pull(nearness[..., None], known.astype(np.float32), wraps)[..., 0]
    pad = GAP
    edge = cv2.BORDER_WRAP if wraps else cv2.BORDER_CONSTANT
    padded = cv2.copyMakeBorder(known.astype(np.uint8), pad, pad, pad, pad, edge)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP))
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[pad:-pad, pad:-pad]
    return (1.0 / np.maximum(filled, 1e-6)).astype(np.float32), closed > 0
