"""Where things stand on the table, and the MJCF elements they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.mujoco.mjcf import numbers
from wiw_env_bridge.tabletop.colours import Rgb

WHITE: Rgb = (1.0, 1.0, 1.0)
DARK: Rgb = (0.16, 0.16, 0.18)
WOOD: Rgb = (0.45, 0.33, 0.22)
_TRIES = 2_000


def scatter(
    rng: np.random.Generator,
    count: int,
    low: tuple[float, float],
    high: tuple[float, float],
    gap_m: float,
) -> list[tuple[float, float]]:
    """Return ``count`` places (x, y) in metres, at least ``gap_m`` apart, to a tenth of a mm.

    Raises
    ------
    RuntimeError
        If they do not fit.
    """
    for _ in range(_TRIES):
        places = np.round(rng.uniform(low, high, (count, 2)), 4)
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        if (apart[np.triu_indices(count, 1)] >= gap_m).all():
            return [(float(x), float(y)) for x, y in places]
    raise RuntimeError(f"{count} places {gap_m} m apart do not fit between {low} and {high}.")


def body(
    name: str, position: Sequence[float], inside: str, yaw_rad: float = 0.0, extra: str = ""
) -> str:
    """Return a body; its frame is in the middle of what it shows."""
    turn = numbers((np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)))
    place = f'pos="{numbers(position)}" quat="{turn}"'
    return f'<body name="{name}" {place} {extra}>{inside}</body>'


def box(
    position: Sequence[float],
    half: Sequence[float],
    colour: Rgb,
    *,
    solid: bool = True,
    mass_kg: float = 0.02,
    extra: str = "",
) -> str:
    """Return a box of half extents ``half``; one that is not ``solid`` touches nothing."""
    return _geom("box", position, half, colour, solid, mass_kg, extra)


def cylinder(
    position: Sequence[float],
    radius_m: float,
    half_m: float,
    colour: Rgb,
    *,
    solid: bool = True,
    mass_kg: float = 0.02,
    extra: str = "",
) -> str:
    """Return an upright cylinder."""
    return _geom("cylinder", position, (radius_m, half_m), colour, solid, mass_kg, extra)


def middle(data: mujoco.MjData, name: str) -> Array:
    """Return the middle of a body in metres, (3,)."""
    return np.array(data.body(name).xpos, np.float64)


def tilt_cos(data: mujoco.MjData, name: str) -> float:
    """Return the cosine of the angle between a body's z axis and up."""
    return float(data.body(name).xmat[8])


def flat_m(a: Sequence[float] | Array, b: Sequence[float] | Array) -> float:
    """Return the horizontal distance of two points in metres."""
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def share_done(left_m: float, whole_m: float) -> float:
    """Return 1 minus the share of the way that is left, in [0, 1]."""
    return float(np.clip(1.0 - left_m / whole_m, 0.0, 1.0))


def _geom(
    kind: str,
    position: Sequence[float],
    size: Sequence[float],
    colour: Rgb,
    solid: bool,
    mass_kg: float,
    extra: str,
) -> str:
    touch = "" if solid else ' contype="0" conaffinity="0"'
    return (
        f'<geom type="{kind}" pos="{numbers(position)}" size="{numbers(size)}"'
        f' rgba="{numbers(colour)} 1" mass="{mass_kg}"{touch} {extra}/>'
    )
