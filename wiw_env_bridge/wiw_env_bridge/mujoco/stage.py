"""One compiled apartment: drawing it into an off-screen buffer, and reading that back.

Everything here runs in the one thread that owns the GL context; :mod:`renderer` sees to that.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Array
from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.mujoco.apartment import Layout, draw_apartment
from wiw_env_bridge.mujoco.mjcf import FAR_M, NEAR_M

_ALL = int(mujoco.mjtCatBit.mjCAT_ALL)
_OFFSCREEN = int(mujoco.mjtFramebuffer.mjFB_OFFSCREEN)
_SEGMENT, _ID_COLOUR = int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)


class Stage:
    """Draws one apartment.

    Nothing in an apartment moves but the camera, so the list of things to draw is made once.

    Parameters
    ----------
    layout : Layout
    buffer_hw : (int, int)
        Height and width in pixels of the largest image that will be read at once.
    """

    def __init__(self, layout: Layout, buffer_hw: tuple[int, int]) -> None:
        self.layout = layout
        scene = draw_apartment(layout)
        self._model = mujoco.MjModel.from_xml_string(scene.mjcf(), scene.assets)
        self._model.vis.global_.offheight, self._model.vis.global_.offwidth = buffer_hw
        data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, data)
        self._scene = mujoco.MjvScene(self._model, maxgeom=self._model.ngeom + 16)
        option, camera = mujoco.MjvOption(), mujoco.MjvCamera()
        mujoco.mjv_updateScene(self._model, data, option, None, camera, _ALL, self._scene)
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._body_of_colour = self._identify()

    def draw(
        self,
        T_map_camera: Array,
        viewport: tuple[int, int, int, int],
        half_tangents: tuple[float, float],
        *,
        ids: bool = False,
    ) -> None:
        """Draw one pinhole view into the buffer.

        Parameters
        ----------
        T_map_camera : (4, 4)
            Pose of the optical frame (z forward, x right, y down); metres.
        viewport : (left, bottom, width, height)
            Pixels of the buffer to draw into; rows count upwards.
        half_tangents : (float, float)
            Tangents of half the horizontal and half the vertical field of view.
        ids : bool
            Draw which body each pixel shows, for :meth:`read_bodies`, instead of colours.
        """
        for camera in self._scene.camera:
            camera.pos[:] = T_map_camera[:3, 3]
            camera.forward[:] = T_map_camera[:3, 2]
            camera.up[:] = -T_map_camera[:3, 1]
            camera.frustum_near, camera.frustum_far = NEAR_M, FAR_M
            camera.frustum_center = 0.0
            camera.frustum_width = NEAR_M * half_tangents[0]
            camera.frustum_top = NEAR_M * half_tangents[1]
            camera.frustum_bottom = -NEAR_M * half_tangents[1]
        self._scene.flags[[_SEGMENT, _ID_COLOUR]] = ids
        mujoco.mjr_setBuffer(_OFFSCREEN, self._context)
        mujoco.mjr_render(mujoco.MjrRect(*viewport), self._scene, self._context)

    def read(self, height: int, width: int, *, depth: bool) -> tuple[Rgb, Depth | None]:
        """Return colours (H, W, 3) and, if wanted, :data:`inverse depth <metres>` of the buffer.

        Rows count **upwards**: row 0 is the lowest, as GL keeps them.
        """
        rgb = np.empty((height, width, 3), np.uint8)
        inverse = np.empty((height, width), np.float32) if depth else None
        mujoco.mjr_readPixels(rgb, inverse, mujoco.MjrRect(0, 0, width, height), self._context)
        return rgb, inverse

    def read_bodies(self, height: int, width: int) -> npt.NDArray[np.int32]:
        """Return the body each pixel shows, (H, W), rows upwards; 0 is shell and furniture."""
        rgb, _ = self.read(height, width, depth=False)
        # Red is the low byte and green the high one: no scene has 65536 geoms.
        colour = rgb[..., 0].astype(np.uint16) + (rgb[..., 1].astype(np.uint16) << 8)
        return self._body_of_colour[np.minimum(colour, len(self._body_of_colour) - 1)]

    def body(self, name: str) -> int:
        """Return the number of a named body."""
        return int(self._model.body(name).id)

    def close(self) -> None:
        """Free what the GL context holds for this scene."""
        self._context.free()

    def _identify(self) -> npt.NDArray[np.int32]:
        """Return the body of each segmentation colour; colours count from 1, 0 is nothing."""
        table = np.zeros(self._scene.ngeom + 2, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == int(mujoco.mjtObj.mjOBJ_GEOM):
                table[geom.segid + 1] = self._model.geom_bodyid[geom.objid]
        return table


def metres(inverse: npt.NDArray[Any]) -> Depth:
    """Return depth in metres along the optical axis of what :meth:`Stage.read` gives.

    The buffer is linear in one over the depth, so planes may be interpolated in it without error.
    """
    span = FAR_M - NEAR_M
    return np.asarray(np.float32(FAR_M * NEAR_M / span) / (inverse + np.float32(NEAR_M / span)))
