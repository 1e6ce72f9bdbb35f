"""Resampling with one matrix is bilinear sampling, and keeps surfaces apart."""

from __future__ import annotations

import numpy as np
import pytest

from wiw_core.cameras import cubemap, panorama
from wiw_core.cameras.boxes import ENLARGE, target_box
from wiw_core.cameras.remap import Resampler, across_edges
from wiw_core.cameras.sampling import bilinear, nearest


def test_colours_and_labels_are_those_of_plain_sampling() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    x = rng.uniform(-2.0, 32.0, (7, 9)).astype(np.float32)
    y = rng.uniform(-2.0, 22.0, (7, 9)).astype(np.float32)
    resampler = Resampler(x, y, (20, 30))
    difference = resampler.colours(image).astype(int) - bilinear(image, x, y)
    assert np.abs(difference).max() <= 1  # single precision rounds otherwise at a half
    assert (difference != 0).mean() < 0.02
    assert np.array_equal(resampler.nearest(image[..., 0]), nearest(image[..., 0], x, y))


def test_a_whole_pixel_reads_itself_also_at_the_edge() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1).repeat(3, axis=2)
    x, y = np.meshgrid(np.arange(4, dtype=np.float32), np.arange(3, dtype=np.float32))
    assert np.array_equal(Resampler(x, y, (3, 4)).colours(image), image)


def test_depth_of_a_plane_is_exact_and_unknown_stays_unknown() -> None:
    height, width, face = 48, 96, 40
    resampler = Resampler(*cubemap.panorama_map(height, width, face, 2), (6 * face, face))
    lengths = cubemap.ray_lengths(height, width)
    strip = np.full((6 * face, face), 2.0, np.float32)  # inside a cube of four metres
    ranges = resampler.depth(strip) * lengths
    cube = 2.0 / np.abs(panorama.rays(height, width)).max(axis=-1)
    assert np.allclose(ranges, cube, rtol=1e-5)
    strip[:face] = 0.0  # the front face is a hole
    again = resampler.depth(strip)
    assert (again[height // 2, width // 2 - 4 : width // 2 + 4] == 0.0).all()
    assert np.isfinite(again).all()


def test_no_surface_is_invented_between_two() -> None:
    depth = np.array([[1.0, 1.0, 4.0, 4.0]], np.float32)
    x = np.array([[0.4, 1.4, 1.6, 2.5]], np.float32)
    read = Resampler(x, np.zeros_like(x), (1, 4)).depth(depth)
    assert read.tolist() == [[1.0, 1.0, 4.0, 4.0]]
    near, smooth = np.float32([1.0, 1.0]), np.float32([1.04, 1.06])
    assert across_edges(smooth, near).tolist() == pytest.approx([1.04, 1.0])


def test_a_box_is_that_of_the_largest_part_enlarged() -> None:
    mask = np.zeros((40, 80), bool)
    mask[10:20, 30:50] = True
    mask[2:4, 2:4] = True
    x0, y0, x1, y1 = target_box(mask, wraps=False)  # type: ignore[misc]
    assert (x1 - x0, y1 - y0) == pytest.approx((20 * ENLARGE, 10 * ENLARGE), abs=2)
    assert x0 < 30 < 50 < x1 and y0 < 10 < 20 < y1
