"""The robot's cameras in Habitat: a level front view, and six faces that make a panorama."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import cubemap, pinhole
from wiw_core.cameras.remap import Resampler
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import T_BASE_OPTICAL, Array
from wiw_core.observation import Box, Depth, Projection, Rgb, View

CAMERA_HEIGHT_M = 1.0
"""Height of every camera above the floor (arXiv 2510.18135, appendix B; the released solver)."""
FOV_DEG = 90.0
"""Horizontal field of view of the front view (the released solver)."""
VIEWS = ("front", "panorama")
FACES: tuple[tuple[str, float, float], ...] = (
    ("face_front", 0.0, 0.0),
    ("face_left", 0.0, math.pi / 2),
    ("face_back", 0.0, math.pi),
    ("face_right", 0.0, -math.pi / 2),
    ("face_up", math.pi / 2, 0.0),
    ("face_down", -math.pi / 2, 0.0),
)
"""Name, pitch and yaw in radians of each face, in the order of :data:`cubemap.ROTATIONS`."""
_BORDER = 2
_COLOUR, _DEPTH, _SEMANTIC = "colour", "depth", "semantic"

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """What one camera saw: (H, W, 3) colours, (H, W) metres, (H, W) object numbers or none."""

    rgb: Rgb
    depth: Depth
    labels: Labels | None


@dataclass(frozen=True)
class Rig:
    """Which cameras there are, and how large.

    Attributes
    ----------
    views : tuple of str
        Of :data:`VIEWS`.
    panorama_hw : (int, int)
    front_size, face_size : int
        Height and width in pixels of the front view, and of each face of the panorama.
    semantic : bool
        Also number the object that each pixel shows.
    """

    views: tuple[str, ...] = VIEWS
    panorama_hw: tuple[int, int] = (576, 1024)
    front_size: int = 512
    face_size: int = 512
    semantic: bool = False

    def __post_init__(self) -> None:
        """Refuse cameras that cannot be."""
        for view in self.views:
            if view not in VIEWS:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "view", view, VIEWS)
        height, width = self.panorama_hw
        sides = (height, width, self.front_size, self.face_size)
        if min(sides) < 16 or max(sides) > 4096 or width % 16:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Habitat cannot have images of {sides} pixels.",
                "A side has 16 to 4096, and a panorama's width is a multiple of 16.",
            )

    def specifications(self, habitat_sim: Any) -> list[Any]:
        """Return the sensors to build into the agent."""
        kinds = habitat_sim.SensorType
        types = {_COLOUR: kinds.COLOR, _DEPTH: kinds.DEPTH}
        if self.semantic:
            types[_SEMANTIC] = kinds.SEMANTIC
        cameras: list[tuple[str, float, float, int, float]] = []
        if "front" in self.views:
            cameras.append(("front", 0.0, 0.0, self.front_size, FOV_DEG))
        if "panorama" in self.views:
            inner = self.face_size / (self.face_size - 2 * _BORDER)
            fov = math.degrees(2.0 * math.atan(inner))
            cameras += [(name, pitch, yaw, self.face_size, fov) for name, pitch, yaw in FACES]
        specs = []
        for name, pitch, yaw, size, fov in cameras:
            for kind, sensor_type in types.items():
                spec = habitat_sim.CameraSensorSpec()
                spec.uuid = _uuid(kind, name)
                spec.sensor_type = sensor_type
                spec.resolution = [size, size]
                spec.position = [0.0, CAMERA_HEIGHT_M, 0.0]
                spec.orientation = [pitch, yaw, 0.0]
                spec.hfov = fov
                specs.append(spec)
        return specs


def _uuid(kind: str, camera: str) -> str:
    return f"{kind}_{camera}"


class Eyes:
    """Turns what the sensors of a rig gave into what its cameras saw."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._panoramas: dict[tuple[int, int], tuple[Resampler, Array]] = {}

    def front(self, raw: Mapping[str, Any]) -> Look:
        """Return the front view."""
        labels = _labels(raw, ("front",)) if self.rig.semantic else None
        return Look(_colours(raw, ("front",)), _depths(raw, ("front",)), labels)

    def panorama(self, raw: Mapping[str, Any]) -> Look:
        """Return the panorama; its depth is along the rays."""
        names = [name for name, _, _ in FACES]
        resampler, lengths = self._panorama(*self.rig.panorama_hw)
        labels = resampler.nearest(_labels(raw, names)) if self.rig.semantic else None
        depth = resampler.depth(_depths(raw, names)) * lengths.astype(np.float32)
        return Look(resampler.colours(_colours(raw, names)), depth, labels)

    def frame(self, raw: Mapping[str, Any], height: int, width: int) -> Rgb:
        """Return the colours of a panorama of another size, (height, width, 3)."""
        names = [name for name, _, _ in FACES]
        return self._panorama(height, width)[0].colours(_colours(raw, names))

    def view(self, name: str, look: Look, box: Box | None) -> View:
        """Return what a policy is given of a look."""
        pose = T_BASE_OPTICAL.copy()
        pose[2, 3] = CAMERA_HEIGHT_M
        if name == "panorama":
            kind, k = Projection.EQUIRECTANGULAR, np.zeros((3, 3))
        else:
            size = self.rig.front_size
            kind, k = Projection.PERSPECTIVE, pinhole.intrinsics(size, size, math.radians(FOV_DEG))
        return View(name, look.rgb, kind, look.depth, k, pose, box)

    def _panorama(self, height: int, width: int) -> tuple[Resampler, Array]:
        if (height, width) not in self._panoramas:
            face = self.rig.face_size
            maps = cubemap.panorama_map(height, width, face, _BORDER)
            made = Resampler(*maps, (6 * face, face)), cubemap.ray_lengths(height, width)
            self._panoramas[height, width] = made
        return self._panoramas[height, width]


def _stacked(raw: Mapping[str, Any], kind: str, cameras: Any) -> Any:
    return np.concatenate([np.asarray(raw[_uuid(kind, camera)]) for camera in cameras])


def _colours(raw: Mapping[str, Any], cameras: Any) -> Rgb:
    """Habitat gives RGBA; transparency means nothing to a policy."""
    return np.ascontiguousarray(_stacked(raw, _COLOUR, cameras)[..., :3], dtype=np.uint8)


def _depths(raw: Mapping[str, Any], cameras: Any) -> Depth:
    """Return metres along the axis, 0 where unknown: holes of a scan, or what is not finite."""
    depth = _stacked(raw, _DEPTH, cameras).astype(np.float32)
    return np.where(np.isfinite(depth) & (depth > 0.0), depth, np.float32(0.0))


def _labels(raw: Mapping[str, Any], cameras: Any) -> Labels:
    return np.asarray(_stacked(raw, _SEMANTIC, cameras).astype(np.int64))
