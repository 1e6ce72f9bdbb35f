"""Sensor specifications."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np


class SensorType(enum.Enum):
    """What a sensor gives."""

    NONE = 0
    COLOR = 1
    DEPTH = 2
    SEMANTIC = 4


class SensorSubType(enum.Enum):
    """How it projects."""

    NONE = 0
    PINHOLE = 1
    ORTHOGRAPHIC = 2
    EQUIRECTANGULAR = 4


class Deg:
    """An angle of Magnum's: it prints its degrees, and only an explicit float() reads them."""

    def __init__(self, degrees: float) -> None:
        self._degrees = float(degrees)

    def __float__(self) -> float:
        return self._degrees

    def __repr__(self) -> str:
        return f"Deg({self._degrees:g})"


class CameraSensorSpec:
    """A pinhole camera; ``hfov`` takes a number of degrees and gives a Deg, as Habitat's does."""

    def __init__(self) -> None:
        self.uuid = ""
        self.sensor_type = SensorType.COLOR
        self.sensor_subtype = SensorSubType.PINHOLE
        self.resolution: Any = np.array([128, 128])
        self.position: Any = np.array([0.0, 1.5, 0.0], np.float32)
        self.orientation: Any = np.zeros(3, np.float32)
        self.near, self.far = 0.01, 1000.0
        self._hfov = Deg(90.0)

    @property
    def hfov(self) -> Deg:
        """Horizontal field of view."""
        return self._hfov

    @hfov.setter
    def hfov(self, degrees: Any) -> None:
        if not isinstance(degrees, (float, int, Deg)):
            raise TypeError(f"hfov takes a number of degrees, not {type(degrees).__name__}")
        self._hfov = Deg(float(degrees))
