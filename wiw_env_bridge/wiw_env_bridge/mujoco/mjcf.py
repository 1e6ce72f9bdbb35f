"""Builds one static MuJoCo scene: textures, meshes and solids, as MJCF text and assets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from wiw_env_bridge.mujoco.textures import Image

Colour = tuple[float, float, float]
Paint = str | Colour
"""The name of a material, or plain RGB in [0, 1]."""

EXTENT_M = 10.0
NEAR_M = 0.04
FAR_M = 60.0
"""Clipping planes of every camera."""

_HEAD = f"""<mujoco model="apartment">
<compiler angle="radian"/>
<statistic extent="{EXTENT_M}" center="0 0 1"/>
<visual>
<quality numslices="16" numstacks="10" numquads="1" shadowsize="0" offsamples="0"/>
<headlight ambient=".42 .42 .42" diffuse="0 0 0" specular="0 0 0"/>
<map znear="{NEAR_M / EXTENT_M}" zfar="{FAR_M / EXTENT_M}"/>
</visual>"""
# Coarse tessellation and no shadows each make a CPU render several times faster; a headlight would
# light every face of a panorama differently.

Quad = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Corners (4, 3) in metres, counter-clockwise from the visible side; their texture (4, 2)."""


def numbers(values: npt.ArrayLike) -> str:
    """Return numbers as MJCF text, to a tenth of a millimetre."""
    return " ".join(f"{v:.4f}" for v in np.asarray(values, np.float64).ravel())


class SceneBuilder:
    """Collects materials, surfaces, solids and lights for MuJoCo to compile."""

    def __init__(self) -> None:
        self.assets: dict[str, bytes] = {}
        self._asset_lines: list[str] = []
        self._world_lines: list[str] = []
        self._meshes = 0

    def material(
        self, image: Image, *, specular: float = 0.1, glow: float = 0.0, repeat: int = 1
    ) -> str:
        """Add a textured material; returns its name."""
        name = f"material{len(self.assets)}"
        pixels = (np.clip(image, 0.0, 1.0)[..., ::-1] * 255.0).astype(np.uint8)
        _, png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        self.assets[f"{name}.png"] = png.tobytes()
        self._asset_lines.append(
            f'<texture name="{name}" type="2d" file="{name}.png"/>'
            f'<material name="{name}" texture="{name}" texrepeat="{repeat} {repeat}"'
            f' specular="{specular}" shininess=".2" emission="{glow}"/>'
        )
        return name

    def surface(self, quads: Sequence[Quad], material: str) -> None:
        """Add flat textured quads, visible from one side, as one mesh."""
        name = f"mesh{self._meshes}"
        self._meshes += 1
        vertices = np.concatenate([corners for corners, _ in quads])
        texture = np.concatenate([uv for _, uv in quads])
        faces = np.concatenate(
            [np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(len(quads))]
        )
        self._asset_lines.append(
            f'<mesh name="{name}" inertia="shell" vertex="{numbers(vertices)}"'
            f' texcoord="{numbers(texture)}" face="{" ".join(map(str, faces.ravel()))}"/>'
        )
        self._world_lines.append(f'<geom type="mesh" mesh="{name}" material="{material}"/>')

    def solid(
        self,
        shape: str,
        position: Sequence[float],
        size: Sequence[float],
        paint: Paint,
        yaw_rad: float = 0.0,
    ) -> None:
        """Add a box, cylinder, sphere or ellipsoid by its full extents (x, y, z) in metres."""
        half = [s / 2 for s in size]
        radii = {"sphere": half[:1], "cylinder": [half[0], half[2]]}.get(shape, half)
        look = (
            f'material="{paint}"'
            if isinstance(paint, str)
            else f'rgba="{numbers(np.clip(paint, 0.0, 1.0))} 1"'
        )
        turn = f' euler="0 0 {yaw_rad:.5f}"' if yaw_rad else ""
        self._world_lines.append(
            f'<geom type="{shape}" pos="{numbers(position)}" size="{numbers(radii)}"{turn} {look}/>'
        )

    def begin_body(self, name: str) -> None:
        """Begin a named body, of which all solids until ``end_body`` are; same coordinates."""
        self._world_lines.append(f'<body name="{name}">')

    def end_body(self) -> None:
        """End the open body."""
        self._world_lines.append("</body>")

    def light(self, position: Sequence[float]) -> None:
        """Add a point light that casts no shadow."""
        self._world_lines.append(
            f'<light pos="{numbers(position)}" dir="0 0 -1" directional="false" cutoff="180"'
            ' diffuse=".42 .41 .38" specular=".1 .1 .1" attenuation=".75 .07 .07"'
            ' castshadow="false"/>'
        )

    def mjcf(self) -> str:
        """Return the model as MJCF text; its files are in ``assets``."""
        return "\n".join(
            [
                _HEAD,
                "<asset>",
                *self._asset_lines,
                "</asset>",
                '<default><geom contype="0" conaffinity="0"/></default>',
                "<worldbody>",
                *self._world_lines,
                "</worldbody>",
                "</mujoco>",
            ]
        )


class Piece:
    """Places solids in a local frame on the floor: +y is the front, the origin the middle."""

    def __init__(self, builder: SceneBuilder, x_m: float, y_m: float, yaw_rad: float) -> None:
        self._builder = builder
        self._x, self._y, self._yaw = x_m, y_m, yaw_rad

    def add(
        self,
        shape: str,
        at: tuple[float, float, float],
        size: tuple[float, float, float],
        paint: Paint,
    ) -> None:
        """Add a solid centred ``at`` local coordinates; metres."""
        c, s = math.cos(self._yaw), math.sin(self._yaw)
        x, y, z = at
        world = (self._x + c * x - s * y, self._y + s * x + c * y, z)
        self._builder.solid(shape, world, size, paint, self._yaw)

    def box(
        self, at: tuple[float, float, float], size: tuple[float, float, float], paint: Paint
    ) -> None:
        """Add a box."""
        self.add("box", at, size, paint)
