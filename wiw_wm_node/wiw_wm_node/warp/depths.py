"""Where the depth of a view comes from: the robot's sensor, or an estimate from its colours."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Depth, Projection, View

DepthOf = Callable[[View], View]
"""Returns the view with the depth to use, which may be none."""

DEPTHS = ("sensor", "estimated")
"""What the parameter ``depth`` may be."""
_KEPT = 64


def make_depth(name: str, weights: str = "") -> DepthOf:
    """Return a source of depth; ``weights`` are the estimator's.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the name is unknown, or weights are given to the sensor;
        ``MODEL_UNAVAILABLE`` or ``RECORD_CORRUPT`` if the weights are missing or not the card's.
    """
    if name not in DEPTHS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "source of depth", name, DEPTHS)
    if name == "estimated":
        return Estimated(weights)
    if weights:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The depth of a sensor needs no weights, but '{weights}' are named.",
            "Leave depth_weights empty, or choose depth=estimated.",
        )
    return lambda view: view


class Estimated:
    """Depth estimated from the colours of a panorama; what a sensor may say is not used."""

    def __init__(self, weights: str = "") -> None:
        from wiw_wm_node.depth.estimator import Estimator

        self._estimator = Estimator(weights)
        self._known: OrderedDict[bytes, Depth] = OrderedDict()

    def __call__(self, view: View) -> View:
        """Return the view with its estimated depth; each picture is estimated once.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED`` if it is no panorama: the estimator knows no other camera.
        """
        if view.projection is not Projection.EQUIRECTANGULAR:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                f"Depth is estimated in panoramas only, and the view '{view.name}' is none.",
                "Give the robot a panoramic camera or a depth camera.",
            )
        picture = repr(view.rgb.shape).encode() + view.rgb.tobytes()
        key = hashlib.blake2b(picture, digest_size=16).digest()
        if key not in self._known:
            self._known[key] = self._estimator.depth(view.rgb)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return replace(view, depth=self._known[key])
