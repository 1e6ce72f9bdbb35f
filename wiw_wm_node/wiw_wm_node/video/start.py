"""The given frame of a clip: the panorama turned exactly, or a perspective view cut from it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wiw_core.cameras.panorama import perspective_map, roll_yaw
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, Rgb, View
from wiw_core.plans import TURN_RAD
from wiw_wm_node import views
from wiw_wm_node.video.settings import Settings


class Start:
    """What the robot sees now, as a frame of a model with these settings.

    Raises
    ------
    WiwError
        ``PANORAMA_REQUIRED`` if panoramas are generated and there is none; ``BAD_IMAGE`` without
        any view.
    """

    def __init__(self, now: Observation, settings: Settings, model: str) -> None:
        self._settings = settings
        panorama = _first(now, Projection.EQUIRECTANGULAR)
        self.turns = panorama is not None
        """Whether the robot's turns can be shown without imagining anything."""
        if panorama is not None:
            rgb = panorama.rgb
            self._rgb = views.resized(rgb, settings.size) if settings.panoramic else rgb
        elif settings.panoramic:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                f"The model '{model}' imagines panoramas, and the observation has none.",
                "Give the robot a panoramic camera, or set view=front.",
            )
        else:
            view = _first(now, Projection.PERSPECTIVE)
            if view is None:
                raise WiwError(ErrorCode.BAD_IMAGE, "The observation has no view to imagine from.")
            self._rgb = views.resized(cut(view.rgb, settings.size), settings.size)

    def frame(self, heading: int = 0) -> Rgb:
        """Return the (H, W, 3) uint8 frame after ``heading`` turns to the left; exact pixels."""
        if not self.turns:
            assert not heading, "a single view cannot be turned"
            return self._rgb
        if self._settings.panoramic:
            return np.asarray(roll_yaw(self._rgb, heading * TURN_RAD), dtype=np.uint8)
        return perspective(
            self._rgb, self._settings.size, self._settings.fov_deg, heading * TURN_RAD
        )


def perspective(panorama: Rgb, size: tuple[int, int], fov_deg: float, yaw_rad: float = 0.0) -> Rgb:
    """Return what a level camera sees that is turned left by ``yaw_rad``, (*size, 3).

    ``fov_deg`` is its horizontal field of view.
    """
    shape = (int(panorama.shape[0]), int(panorama.shape[1]))
    maps = perspective_map(*size, math.radians(fov_deg), yaw_rad, shape)
    return np.asarray(
        cv2.remap(panorama, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), dtype=np.uint8
    )


def cut(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """Return the middle of the image in the shape of ``size``, so that pixels stay square."""
    height, width = rgb.shape[:2]
    rows = min(height, max(1, round(width * size[0] / size[1])))
    columns = min(width, max(1, round(height * size[1] / size[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(rgb[top : top + rows, left : left + columns])


def _first(now: Observation, projection: Projection) -> View | None:
    return next((v for v in now.views if v.projection is projection), None)
