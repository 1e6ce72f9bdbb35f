"""The gripper: it holds what both of its pads really touch, and lets go when it opens."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from wiw_env_bridge.tabletop import panda

TOUCH_M = 1e-3
"""A pad touches what is nearer than this."""
FACING = 0.7
"""Least cosine between a contact's normal and the way the fingers close: not a pad's underside."""
_WELD = "held_"


def weld_mjcf(graspable: Sequence[str]) -> str:
    """Return one inactive weld per body that can be held."""
    return "".join(
        f'<weld name="{_WELD}{name}" body1="{panda.HAND}" body2="{name}" active="false"'
        ' solref=".01 1"/>'
        for name in graspable
    )


class Grasp:
    """Welds to the hand what the closed gripper holds.

    A grasp by friction alone slips at these time steps; so what *both* pads touch when the gripper
    has closed is welded to the hand until it opens. Nothing is held without that contact.

    Parameters
    ----------
    graspable : sequence of str
        Names of bodies that can be held, parts of theirs included.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, graspable: Sequence[str]
    ) -> None:
        self._model, self._data = model, data
        self._names = tuple(graspable)
        self._welds = [int(model.equality(_WELD + name).id) for name in graspable]
        self._bodies = [int(model.body(name).id) for name in graspable]
        self._hand = int(model.body(panda.HAND).id)
        self._pads = [int(model.geom(name).id) for name in panda.PADS]
        self._holder_of_body = self._owners()

    @property
    def held(self) -> str:
        """Name of the body that is held; empty if none is."""
        active = (n for n, weld in zip(self._names, self._welds) if self._data.eq_active[weld])
        return next(active, "")

    def seize(self) -> str:
        """Hold what both pads touch now, if it can be held; returns its name, or nothing."""
        touched = self._touched(self._pads[0]) & self._touched(self._pads[1])
        if not touched:
            return ""
        index = min(touched)
        self._weld(index)
        return self._names[index]

    def release(self) -> None:
        """Let go of everything."""
        for weld in self._welds:
            self._data.eq_active[weld] = 0

    def state(self) -> bytes:
        """Return what the welds hold: it lies in the model, not in the simulator's state."""
        return bytes(self._model.eq_data[self._welds].tobytes())

    def restore(self, state: bytes) -> None:
        """Return to a :meth:`state`."""
        rows = np.frombuffer(state).reshape(-1, self._model.eq_data.shape[1])
        for weld, row in zip(self._welds, rows):
            self._model.eq_data[weld] = row

    def _touched(self, pad: int) -> set[int]:
        """Return the indices of the graspable bodies that a pad's face presses on."""
        contacts, closing = self._data.contact, self._data.xmat[self._hand].reshape(3, 3)[:, 1]
        pressed = (
            (contacts.dist < TOUCH_M)
            & (contacts.geom == pad).any(axis=1)
            & (np.abs(contacts.frame[:, :3] @ closing) > FACING)
        )
        others = {int(self._model.geom_bodyid[g]) for g in contacts.geom[pressed].ravel()}
        return {self._holder_of_body[b] for b in others if b in self._holder_of_body}

    def _owners(self) -> dict[int, int]:
        """Return, for each graspable body and each of its parts, its index."""
        owners: dict[int, int] = {}
        for body in range(self._model.nbody):
            above = body
            while above and above not in self._bodies:
                above = int(self._model.body_parentid[above])
            if above:
                owners[body] = self._bodies.index(above)
        return owners

    def _weld(self, index: int) -> None:
        """Hold a body just where it is relative to the hand."""
        data, body, weld = self._data, self._bodies[index], self._welds[index]
        turn, place, relative = np.zeros(4), np.zeros(3), np.zeros(4)
        mujoco.mju_negQuat(turn, data.xquat[self._hand])
        mujoco.mju_rotVecQuat(place, data.xpos[body] - data.xpos[self._hand], turn)
        mujoco.mju_mulQuat(relative, turn, data.xquat[body])
        self._model.eq_data[weld, :11] = [0.0, 0.0, 0.0, *place, *relative, 1.0]
        data.eq_active[weld] = 1
