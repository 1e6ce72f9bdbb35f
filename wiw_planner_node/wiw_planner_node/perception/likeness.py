"""Distances of one picture to another, by name: what imagined frames are compared by."""

from __future__ import annotations

from typing import Any, Protocol

from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.observation import Rgb
from wiw_learn.lpips import Lpips
from wiw_planner_node.perception.place import picture_distance, picture_signature

METRICS = ("colour", "lpips")


class PictureMetric(Protocol):
    """A distance of pictures of one size."""

    side: int
    """Pixels of the longer side that pictures should have."""

    def features(self, rgb: Rgb) -> Any:
        """Return what is to be remembered of a picture (H, W, 3) uint8."""
        ...

    def distance(self, a: Any, b: Any) -> float:
        """Return the distance of two pictures by their features, 0 of a picture to itself."""
        ...


class ColourMetric:
    """The squared Hellinger distance, 0 to 1, of joint colours in three bands; see ``place``."""

    side = 128

    def features(self, rgb: Rgb) -> Any:
        """Return the signature (S,) float32."""
        return picture_signature(rgb)

    def distance(self, a: Any, b: Any) -> float:
        """Return the distance, 0 to 1."""
        return picture_distance(a, b)


class LpipsMetric:
    """LPIPS at the size the paper's frames are compared at; see :class:`wiw_learn.lpips.Lpips`."""

    side = 256

    def __init__(self, backbone: str, heads: str) -> None:
        self._lpips = Lpips(backbone, heads)

    def features(self, rgb: Rgb) -> Any:
        """Return the features of all layers."""
        return self._lpips.features(rgb[None])

    def distance(self, a: Any, b: Any) -> float:
        """Return the distance, at least 0."""
        return float(self._lpips.distance(a, b)[0])


def make_metric(name: str, backbone: str = "", heads: str = "") -> PictureMetric:
    """Return a metric of :data:`METRICS`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another name; as :class:`wiw_learn.lpips.Lpips`.
    """
    if name == "colour":
        return ColourMetric()
    if name == "lpips":
        return LpipsMetric(backbone, heads)
    raise unknown_name(ErrorCode.BAD_PARAMETER, "metric", name, METRICS)
