"""What some environments offer besides, through the worker: live motion, and a state to save."""

from __future__ import annotations

import time
import weakref
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection, Rgb
from wiw_core.plans import Action, Plan
from wiw_env_bridge.remote import codec
from wiw_env_bridge.remote.client import RemoteEnvironment
from wiw_env_bridge.remote.codec import Fields
from wiw_env_bridge.remote.framing import BadMessage, Closed, Late
from wiw_env_bridge.remote.process import WorkerProcess

MOTION_S = 0.1
"""Longest time that a caller waits until the worker has told how the robot moves."""


class State:
    """A saved state; it stays in the worker, and is dropped there once this is."""

    def __init__(self, worker: WorkerProcess, number: int) -> None:
        self.worker, self.number = worker, number


class Clone(RemoteEnvironment):
    """A remote environment whose state can be saved and restored."""

    def snapshot(self) -> State:
        """Return an opaque state of the open episode."""
        number = self._ask("snapshot", lambda reply: reply.whole("state"))
        worker = self._worker
        assert worker is not None  # it has just answered
        state = State(worker, number)
        weakref.finalize(state, self._forgotten.append, (worker, number))
        return state

    def restore(self, state: State) -> None:
        """Return to a state; ``ENVIRONMENT_MISMATCH`` if its episode, or its worker, has ended."""
        if state.worker is not self._worker:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH, "The snapshot went with the worker that had it."
            )
        self._ask("restore", _nothing, state=state.number)


class Imagination(Clone):
    """A remote environment that is :class:`wiw_env_bridge.oracle.Imaginable`."""

    @property
    def frame_projection(self) -> Projection:
        """How the camera of :meth:`imagine_frame` maps rays to pixels."""
        return self._frames[0]

    @property
    def frame_hw(self) -> tuple[int, int]:
        """Height and width in pixels that its frames have unless others are asked for."""
        return self._frames[1]

    def moment(self) -> tuple[str, int]:
        """Return the open episode's id and its actions executed so far."""
        return self._ask("moment", lambda reply: (reply.text("episode_id"), reply.whole("step")))

    def imagine_action(self, action: Action) -> None:
        """Advance the state as this action would, at once."""
        self._ask("imagine_action", _nothing, action=codec.pack_action(action))

    def imagine_frame(self, height: int, width: int) -> Rgb:
        """Return what the main camera sees at the present state, (height, width, 3)."""

        def read(reply: Fields) -> Any:
            return codec.unpack_array(reply.get("frame", dict), "uint8", 3, "A frame")

        frame: Rgb = self._ask("imagine_frame", read, height=height, width=width)
        return frame

    def value(self) -> float:
        """Return the task's true value of the present state."""
        return self._ask("value", lambda reply: reply.number("value"))

    def advise(self, length: int) -> Plan:
        """Return what an expert that knows the map would do next; empty at the goal.

        Raises ``MODEL_UNAVAILABLE`` if the environment has no expert.
        """
        return self._ask(
            "advise", lambda reply: codec.unpack_plan(reply.get("plan", dict)), length=length
        )


class Motion(RemoteEnvironment):
    """A remote environment that tells how it moves."""

    _asked = False
    _seen = Pose2()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return ``T_odom_base``, speed in m/s and yaw rate in rad/s; from any thread.

        While the worker does not answer its simulation stands still: it is where it was seen last.
        """
        with self._asking:
            worker = self._worker
            if worker is None or self._dead is not None:
                return self._seen, 0.0, 0.0
            wait_s = 0.0 if self._asked else MOTION_S
            try:
                if not self._asked:
                    worker.control.send({"ask": "motion"}, MOTION_S)
                    self._asked = True
                until = time.monotonic() + wait_s
                fields = Fields(worker.control.receive(lambda: until), "the live motion")
                self._asked = False
                self._seen = Pose2(*fields.numbers("pose", 3))
                return self._seen, fields.number("forward"), fields.number("turn")
            except (BadMessage, Closed, Late):
                return self._seen, 0.0, 0.0  # whoever waits for the action is told why

    def _start(self, deadline: float) -> None:
        with self._asking:
            self._asked, self._seen = False, Pose2()
        super()._start(deadline)


def _nothing(reply: Fields) -> None:
    """Read nothing: that there is a reply is all."""
