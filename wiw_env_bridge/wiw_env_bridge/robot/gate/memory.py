"""Checks that need to remember: a camera that shows the past, and failures in a row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.gate.limits import Limits


@dataclass
class _Seen:
    digest: bytes
    count: int = 1
    moved_m: float = 0.0
    moved_rad: float = 0.0


class FrozenCameras:
    """Finds a camera whose stamps go on and whose pixels do not, while the robot is moved.

    A real sensor is noisy: two of its pictures never have the same bits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[str, _Seen] = {}

    def reset(self) -> None:
        """Forget every picture: a new episode."""
        self._seen.clear()

    def moved(self, distance_m: float, angle_rad: float) -> None:
        """Note a motion that was commanded; also one that nothing is known to have come of."""
        for seen in self._seen.values():
            seen.moved_m += abs(distance_m)
            seen.moved_rad += abs(angle_rad)

    def seen(self, camera: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Note a picture; raises ``FROZEN_CAMERA`` if too many in a row were this very one."""
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        last = self._seen.get(camera)
        if last is None or last.digest != digest:
            self._seen[camera] = _Seen(digest)
            return
        last.count += 1
        limits = self._limits
        moved = last.moved_m >= limits.frozen_m or last.moved_rad >= limits.frozen_rad
        if last.count >= limits.frozen_frames and moved:
            raise WiwError(
                ErrorCode.FROZEN_CAMERA,
                f"Camera '{camera}' has shown the same pixels {last.count} times while the robot"
                f" was sent {last.moved_m:.2f} m and {last.moved_rad:.2f} rad.",
                "Restart its driver; look whether the lens is covered.",
            )


class Failures:
    """Counts failed actions in a row."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.failures
        self._count = 0

    def reset(self) -> None:
        """Forget them: a new episode."""
        self._count = 0

    def note(self, failed: bool, why: str = "") -> None:
        """Note how an action ended; raises ``ACTION_FAILED`` when the last few all failed."""
        self._count = self._count + 1 if failed else 0
        if self._count >= self._limit:
            raise WiwError(
                ErrorCode.ACTION_FAILED,
                f"{self._count} actions in a row have failed. The last one: {why or 'no reason'}",
                "The robot holds; look at it before going on.",
            )
