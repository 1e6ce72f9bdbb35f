"""One compiled apartment on a canvas, and which of its bodies each pixel shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Array
from wiw_env_bridge.mujoco.apartment import Layout, draw_apartment
from wiw_env_bridge.mujoco.canvas import Canvas

_GEOM = int(mujoco.mjtObj.mjOBJ_GEOM)
_OUT_OF_SIGHT_M = 4096.0


class Stage(Canvas):
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
        model = mujoco.MjModel.from_xml_string(scene.mjcf(), scene.assets)
        self._data = mujoco.MjData(model)
        mujoco.mj_forward(model, self._data)
        super().__init__(model, self._data, buffer_hw)
        self._body_of_colour = self._identify()

    def read_bodies(self, height: int, width: int) -> npt.NDArray[np.int32]:
        """Return the body each pixel shows, (H, W), rows upwards; 0 is floor, walls and doors."""
        rgb, _ = self.read(height, width, depth=False)
        # Red is the low byte and green the high one: no scene has 65536 geoms.
        colour = rgb[..., 0].astype(np.uint16) + (rgb[..., 1].astype(np.uint16) << 8)
        return self._body_of_colour[np.minimum(colour, len(self._body_of_colour) - 1)]

    def body(self, name: str) -> int:
        """Return the number of a named body."""
        return int(self._model.body(name).id)

    @contextmanager
    def only(self, body: int) -> Iterator[None]:
        """Draw one body and nothing else meanwhile: what it would show with nothing in the way."""
        rest = [
            (geom, geom.pos.copy())
            for geom in self._scene.geoms[: self._scene.ngeom]
            if geom.objtype != _GEOM or self._model.geom_bodyid[geom.objid] != body
        ]
        for geom, _ in rest:
            geom.pos[:] = _OUT_OF_SIGHT_M
        try:
            yield
        finally:
            for geom, place in rest:
                geom.pos[:] = place

    @property
    def body_names(self) -> tuple[str, ...]:
        """The name of each body, by number: furniture and targets; the first is the shell."""
        return tuple(self._model.body(k).name for k in range(self._model.nbody))

    def centre(self, body: int) -> Array:
        """Return the middle of the body's bounding box, (3,) metres in the map frame."""
        corners = []
        for geom in np.nonzero(self._model.geom_bodyid == body)[0]:
            middle, half = self._model.geom_aabb[geom, :3], self._model.geom_aabb[geom, 3:]
            turn = self._data.geom_xmat[geom].reshape(3, 3)
            at = self._data.geom_xpos[geom] + turn @ middle
            corners += [at - np.abs(turn) @ half, at + np.abs(turn) @ half]
        return np.asarray((np.min(corners, axis=0) + np.max(corners, axis=0)) / 2)

    def _identify(self) -> npt.NDArray[np.int32]:
        """Return the body of each segmentation colour; colours count from 1, 0 is nothing."""
        table = np.zeros(self._scene.ngeom + 2, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == _GEOM:
                table[geom.segid + 1] = self._model.geom_bodyid[geom.objid]
        return table
