"""The arm's solids as URDF visuals, so that RViz and others can show it without any mesh."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence

import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop import panda

_RENAMED = {"panda_left_finger": "panda_leftfinger", "panda_right_finger": "panda_rightfinger"}


def visuals() -> dict[str, str]:
    """Return the ``<visual>`` elements of each link that has a shape, from the arm's MJCF."""
    root = ElementTree.fromstring(panda.arm_mjcf())
    return {
        _RENAMED.get(body.attrib["name"], body.attrib["name"]): "".join(
            visual for geom in body.findall("geom") for visual in _of(geom.attrib)
        )
        for body in root.iter("body")
    }


def _of(geom: dict[str, str]) -> Iterator[str]:
    """Yield what a geom looks like; a capsule is a cylinder and two spheres."""
    size, colour = _numbers(geom["size"]), geom["rgba"]
    place, upright = _numbers(geom.get("pos", "0 0 0")), (0.0, 0.0, 0.0)
    kind = geom["type"]
    if kind == "box":
        yield _visual(place, upright, f'<box size="{_text(2.0 * size)}"/>', colour)
    elif kind == "sphere":
        yield _visual(place, upright, f'<sphere radius="{size[0]:g}"/>', colour)
    elif kind == "cylinder":
        yield _visual(place, upright, _cylinder(size[0], 2.0 * size[1]), colour)
    else:
        ends = _numbers(geom["fromto"]).reshape(2, 3)
        along = ends[1] - ends[0]
        length = float(np.linalg.norm(along))
        # Roll, pitch and yaw that bring z to where it points.
        turn = 0.0, math.acos(along[2] / length), math.atan2(along[1], along[0])
        yield _visual(ends.mean(axis=0), turn, _cylinder(size[0], length), colour)
        for end in ends:
            yield _visual(end, upright, f'<sphere radius="{size[0]:g}"/>', colour)


def _cylinder(radius: float, length: float) -> str:
    return f'<cylinder radius="{radius:g}" length="{length:g}"/>'


def _visual(place: Array, turn: Sequence[float], shape: str, colour: str) -> str:
    return (
        f'<visual><origin xyz="{_text(place)}" rpy="{_text(turn)}"/><geometry>{shape}</geometry>'
        f'<material name="{colour.replace(" ", "_")}"><color rgba="{colour}"/></material></visual>'
    )


def _numbers(text: str) -> Array:
    return np.array([float(part) for part in text.split()])


def _text(values: Sequence[float] | Array) -> str:
    return " ".join(f"{float(value):.6g}" for value in values)
