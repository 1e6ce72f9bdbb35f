"""What can go wrong with the simulated robot on request, for tests of what stands above it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wiw_core.errors import ErrorCode, WiwError, unknown_name

BOTH = ("base", "arm")


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    Attributes
    ----------
    text : str
        What the robot then does.
    unit : str
        Of the fault's amount; empty: it has none.
    default : float
        The amount when none, or 0, is given.
    high : float
        Greatest amount.
    kinds : tuple of str
        Robots that have it.
    """

    name: str
    text: str
    unit: str = ""
    default: float = 0.0
    high: float = math.inf
    kinds: tuple[str, ...] = BOTH

    @property
    def sentence(self) -> str:
        """Name, text and amount in one line."""
        amount = f" [{self.unit}, {self.default:g} unless given]" if self.unit else ""
        return f"{self.name}: {self.text}{amount}"


_BASE, _ARM = ("base",), ("arm",)
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("camera_off", "No camera publishes anything."),
        Fault("stale_camera", "Pictures are new; their stamps stand still."),
        Fault("delayed_camera", "Pictures come late, with their true stamps.", "s", 2.0, 30.0),
        Fault("frozen_camera", "Stamps are new; the pictures stay the same, to the bit."),
        Fault("bad_encoding", "Colour images come as mono16, which nobody has asked for."),
        Fault("bad_size", "Images claim twice the height that their data has."),
        Fault("wrong_frame", "Images are in a frame that tf does not know."),
        Fault("bad_intrinsics", "Each camera_info is for images of half the size."),
        Fault("depth_off", "No depth image is published."),
        Fault("tf_off", "Nothing is published on tf, nor, from the start on, on tf_static."),
        Fault("reject_goals", "Every action goal is rejected."),
        Fault("abort_goals", "Every action goal is accepted and aborted before anything moves."),
        Fault(
            "vanish_servers",
            "The action servers are gone; 1: as in a crash, without a last zero command.",
            "0 or 1",
            0.0,
            1.0,
        ),
        Fault("hang_goals", "Every action goal is accepted and never ends; nothing moves."),
        Fault("ignore_cancel", "A cancel request is accepted, and the motion goes on."),
        Fault("slow", "An accepted goal waits this long before it moves.", "s", 5.0, 600.0),
        Fault("odom_off", "No odometry is published; its transform is.", kinds=_BASE),
        Fault("nan_odom", "The odometry's position and speed are not numbers.", kinds=_BASE),
        Fault(
            "odom_degrees", "The odometry's angles are degrees where radians are due.", kinds=_BASE
        ),
        Fault(
            "odom_scale",
            "The odometry's lengths are this many times too long.",
            "times",
            1000.0,
            1e6,
            _BASE,
        ),
        Fault("ignore_commands", "Whatever is commanded, the robot stands still."),
        Fault(
            "driver_deaf", "The base hears no command; only its watchdog still acts.", kinds=_BASE
        ),
        Fault(
            "slip",
            "The wheels turn, and this share of the motion is lost.",
            "share",
            0.5,
            1.0,
            _BASE,
        ),
        Fault("joint_states_off", "No joint state is published.", kinds=_ARM),
        Fault("nan_joint_states", "The positions of the joints are not numbers.", kinds=_ARM),
    )
}
"""Every fault by name."""


@dataclass(frozen=True)
class _Active:
    value: float
    until_s: float


class Faults:
    """The faults that are active now; every method from any thread.

    Parameters
    ----------
    kind : str
        Of the robot, "base" or "arm".
    say : callable
        Logs one sentence.
    """

    def __init__(self, kind: str, say: Callable[[str], object] = lambda text: None) -> None:
        self._kind, self._say = kind, say
        self._lock = threading.Lock()
        self._active: dict[str, _Active] = {}

    @property
    def known(self) -> dict[str, Fault]:
        """The faults of this kind of robot by name."""
        return {name: fault for name, fault in FAULTS.items() if self._kind in fault.kinds}

    def inject(self, name: str, value: float = 0.0, duration_s: float = 0.0) -> None:
        """Begin a fault, or end all of them.

        Parameters
        ----------
        name : str
            Of :attr:`known`; empty mends everything.
        value : float
            In the fault's unit; 0 for its default.
        duration_s : float
            It mends itself after this many seconds; 0: never.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` for an unknown fault or an amount it cannot have.
        """
        if not name:
            with self._lock:
                self._active.clear()
            self._say("every fault is mended")
            return
        fault = self.known.get(name)
        if fault is None:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "fault", name, self.known)
        if not (math.isfinite(value) and 0.0 <= value <= fault.high):
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The fault '{name}' cannot have the amount {value}."
            )
        if not (math.isfinite(duration_s) and duration_s >= 0.0):
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The fault '{name}' cannot last {duration_s} s."
            )
        until = time.monotonic() + duration_s if duration_s else math.inf
        with self._lock:
            self._active[name] = _Active(value or fault.default, until)
        self._say(f"fault {fault.sentence}")

    def read(self, entries: Sequence[str]) -> None:
        """Inject what a parameter gives as ``name`` or ``name=value``; raises as :meth:`inject`."""
        for entry in entries:
            name, equals, text = (part.strip() for part in entry.partition("="))
            try:
                value = float(text) if equals else 0.0
            except ValueError as error:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"'{entry}' in 'faults' is not of the form name=value."
                ) from error
            if not name:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"'{entry}' in 'faults' names no fault.")
            self.inject(name, value)

    def on(self, name: str) -> bool:
        """Tell whether a fault is active; a name that no robot has raises ``KeyError``."""
        return self._find(name) is not None

    def value(self, name: str) -> float:
        """Return the amount of a fault, 0 if it is not active."""
        active = self._find(name)
        return active.value if active else 0.0

    def _find(self, name: str) -> _Active | None:
        if name not in FAULTS:
            raise KeyError(name)
        with self._lock:
            active = self._active.get(name)
            if active is not None and time.monotonic() >= active.until_s:
                del self._active[name]
                return None
            return active
