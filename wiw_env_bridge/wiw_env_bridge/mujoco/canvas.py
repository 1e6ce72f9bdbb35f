"""Drawing any MuJoCo model off-screen: one GL context in one thread, and pinhole views read back.

A GL context belongs to the thread that made it; :class:`GlThread` is that thread.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import mujoco
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.mujoco.mjcf import FAR_M, NEAR_M

_ALL = int(mujoco.mjtCatBit.mjCAT_ALL)
_OFFSCREEN = int(mujoco.mjtFramebuffer.mjFB_OFFSCREEN)
_SEGMENT, _ID_COLOUR = int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)
_T = TypeVar("_T")


class GlThread:
    """Runs jobs, one at a time, in the one thread that owns a GL context.

    Parameters
    ----------
    buffer_hw : (int, int)
        Height and width in pixels of the largest image that will be read at once.
    """

    def __init__(self, buffer_hw: tuple[int, int]) -> None:
        self.buffer_hw = buffer_hw
        self._gl: Any = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")

    def run(self, job: Callable[[], _T]) -> _T:
        """Return what ``job`` returns, run with the context current; from any thread.

        Raises ``ENVIRONMENT_FAILED`` when closed, or where there is no GL.
        """
        if self._closed:
            raise WiwError(ErrorCode.ENVIRONMENT_FAILED, "The renderer is closed.")
        return self._thread.submit(self._with_context, job).result()

    def close(self, free: Callable[[], None]) -> None:
        """Run ``free``, give the context back and end the thread; idempotent."""
        if not self._closed:
            self._thread.submit(self._free, free).result()
            self._closed = True
            self._thread.shutdown()

    def _with_context(self, job: Callable[[], _T]) -> _T:
        if self._gl is None:
            self._gl = _gl_context(self.buffer_hw)
        return job()

    def _free(self, free: Callable[[], None]) -> None:
        free()
        if self._gl is not None:
            self._gl.free()


class Canvas:
    """Draws one model. Everything here runs in its :class:`GlThread`.

    Parameters
    ----------
    model : mujoco.MjModel
    data : mujoco.MjData
        Where everything is, for the first :meth:`update`.
    buffer_hw : (int, int)
        Height and width in pixels of the largest image that will be read at once.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, buffer_hw: tuple[int, int]
    ) -> None:
        self._model = model
        model.vis.global_.offheight, model.vis.global_.offwidth = buffer_hw
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 16)
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self.update(data)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR

    def update(self, data: mujoco.MjData) -> None:
        """Take over where everything is now, and its colours."""
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, self._camera, _ALL, self._scene
        )

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
            Draw the number of what each pixel shows instead of colours.
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

    def rgbd(
        self, T_map_camera: Array, image_hw: tuple[int, int], half_tangents: tuple[float, float]
    ) -> tuple[Rgb, Depth]:
        """Return one pinhole view: colours (H, W, 3) and metres along the optical axis (H, W)."""
        height, width = image_hw
        self.draw(T_map_camera, (0, 0, width, height), half_tangents)
        rgb, inverse = self.read(height, width, depth=True)
        assert inverse is not None
        return np.ascontiguousarray(rgb[::-1]), np.ascontiguousarray(metres(inverse)[::-1])

    def close(self) -> None:
        """Free what the GL context holds for this model."""
        self._context.free()


def metres(inverse: npt.NDArray[Any]) -> Depth:
    """Return depth in metres along the optical axis of what :meth:`Canvas.read` gives.

    The buffer is linear in one over the depth, so planes may be interpolated in it without error.
    """
    span = FAR_M - NEAR_M
    return np.asarray(np.float32(FAR_M * NEAR_M / span) / (inverse + np.float32(NEAR_M / span)))


def _gl_context(buffer_hw: tuple[int, int]) -> Any:
    """Return a current GL context; raises ``ENVIRONMENT_FAILED`` where there is no GL."""
    height, width = buffer_hw
    platform = os.environ.get("MUJOCO_GL", "")
    try:
        # Not mujoco.GLContext: that was chosen when mujoco was imported, maybe before our default.
        context = importlib.import_module(f"mujoco.{platform}").GLContext(width, height)
        context.make_current()
    except Exception as error:
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            f"MuJoCo cannot draw off-screen with MUJOCO_GL='{platform}': {error}.",
            "Install libegl1, libopengl0 and libgl1-mesa-dri, and set MUJOCO_GL=egl.",
        ) from error
    return context
