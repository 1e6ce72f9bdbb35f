"""Object detections: what a detector, segmentation and depth would tell of the present panorama."""

from __future__ import annotations

import re

import numpy as np

from wiw_core.geometry import Pose2
from wiw_core.observation import SceneObject
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.questions.facts import shape
from wiw_env_bridge.mujoco.renderer import Renderer

PIXELS = 64
"""Pixels of a 576 x 1024 panorama, seven by nine or so, from which an object is detected; of one of
another size, the same share."""
RANGE_M = 5.0
"""Metres on the floor within which an object is detected."""
_SHARE = PIXELS / (576 * 1024)


def detect(renderer: Renderer, layout: Layout, pose: Pose2) -> tuple[SceneObject, ...]:
    """Return the objects that the panorama at ``pose`` (``T_map_base``) shows, nearest first.

    Names are plain nouns; the place is the middle of the whole object in ``base_link``, as a memory
    of many views would have it. Stands in for the open-vocabulary detector, the segmentation and
    the object memory of arXiv 2510.18135, appendix B.3.
    """
    camera = renderer.panorama
    seen = renderer.panorama_census(layout.seed, pose, camera.height, camera.width)
    needed = _SHARE * camera.height * camera.width
    found = []
    for name, pixels in seen.items():
        if pixels < needed:
            continue
        x, y, z = (float(v) for v in renderer.centre(layout.seed, name))
        place = pose.inverse() * Pose2(x, y)
        distance_m = float(np.hypot(place.x_m, place.y_m))
        if distance_m <= RANGE_M:
            found.append((distance_m, SceneObject(_noun(layout, name), place.x_m, place.y_m, z)))
    return tuple(thing for _, thing in sorted(found, key=lambda f: (f[0], f[1].name)))


def _noun(layout: Layout, body: str) -> str:
    target = layout.target(body)
    return shape(target) if target is not None else re.sub(r"\d+$", "", body)
