"""tf without tf2: the newest static and moving transforms, and a look-up at a stamp."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_ros.convert import stamp_from_msg, transform_from_msg
from wiw_ros.interfaces import optional

if TYPE_CHECKING:
    from wiw_env_bridge.robot.link import RobotLink

KEPT_S = 10.0
"""How far back moving transforms are kept, as in tf2."""
_LONGEST = 64


@dataclass
class _Edge:
    """``T_parent_child`` at one or more stamps; a static one has no stamps."""

    parent: str
    static: bool
    stamps: deque[float] = field(default_factory=deque)
    matrices: deque[Array] = field(default_factory=deque)

    def add(self, stamp_s: float, matrix: Array) -> None:
        if self.static:
            self.matrices.clear()
        elif self.stamps and stamp_s <= self.stamps[-1]:
            return  # late or repeated: the newest known stays
        else:
            self.stamps.append(stamp_s)
            while self.stamps[-1] - self.stamps[0] > KEPT_S:
                self.stamps.popleft()
                self.matrices.popleft()
        self.matrices.append(matrix)

    def at(self, stamp_s: float | None) -> Array | None:
        """Return the transform at a stamp, or the newest; None where it is not known."""
        if self.static or stamp_s is None:
            return self.matrices[-1]
        if not self.stamps[0] <= stamp_s <= self.stamps[-1]:
            return None
        after = int(np.searchsorted(self.stamps, stamp_s))
        if self.stamps[after] == stamp_s:
            return self.matrices[after]
        return _between(
            self.matrices[after - 1],
            self.matrices[after],
            (stamp_s - self.stamps[after - 1]) / (self.stamps[after] - self.stamps[after - 1]),
        )


class Transforms:
    """All transforms of one robot; thread-safe.

    Parameters
    ----------
    topic, static_topic : str
        ``tf`` and ``tf_static``; relative ones lie in the robot's namespace.
    """

    def __init__(self, link: RobotLink, topic: str = "tf", static_topic: str = "tf_static") -> None:
        message = optional("tf2_msgs.msg").TFMessage
        self._link = link
        self._lock = threading.Lock()
        self._edges: dict[str, _Edge] = {}
        for name, static in ((topic, False), (static_topic, True)):
            hear = partial(self.add, static=static)
            link.listen(message, name, keep=1, latched=static, depth=100, hear=hear)

    def add(self, message: Any, *, static: bool) -> None:
        """Note the transforms of a TFMessage; one that is not rigid is left out with a warning."""
        for t in message.transforms:
            parent, child = _plain(t.header.frame_id), _plain(t.child_frame_id)
            try:
                matrix = transform_from_msg(t.transform)
            except WiwError as error:
                self._link.warn(f"The transform from '{parent}' to '{child}' is bad: {error}")
                continue
            with self._lock:
                edge = self._edges.get(child)
                if edge is None or edge.parent != parent or edge.static != static:
                    edge = self._edges[child] = _Edge(parent, static)
                edge.add(stamp_from_msg(t.header.stamp), matrix)

    def lookup(
        self, target: str, source: str, stamp_s: float | None = None, wait_s: float = 0.2
    ) -> Array:
        """Return ``T_target_source`` (4, 4) at a stamp (ROS time), or the newest.

        Raises
        ------
        WiwError
            ``TF_UNAVAILABLE`` naming the frames, and how old the newest transform is, if the two
            are not joined, or not at that time, within ``wait_s``.
        """
        target, source = _plain(target), _plain(source)
        found = self._link.until(
            lambda: self._compose(target, source, stamp_s), wait_s, lambda: None
        )
        if found is None:
            raise WiwError(ErrorCode.TF_UNAVAILABLE, self._why(target, source, stamp_s))
        return found

    def frames(self) -> dict[str, str]:
        """Return the parent of every frame that has one."""
        with self._lock:
            return {child: edge.parent for child, edge in self._edges.items()}

    def clear(self) -> None:
        """Forget moving transforms: after time has jumped their stamps mean nothing."""
        with self._lock:
            self._edges = {c: e for c, e in self._edges.items() if e.static}

    def _compose(self, target: str, source: str, stamp_s: float | None) -> Array | None:
        with self._lock:
            up, down = self._ancestors(source), self._ancestors(target)
            common = next((f for f in up if f in down), None)
            if common is None:
                return None
            T_common_source = self._chain(up[: up.index(common)], stamp_s)
            T_common_target = self._chain(down[: down.index(common)], stamp_s)
        if T_common_source is None or T_common_target is None:
            return None
        return np.asarray(np.linalg.inv(T_common_target) @ T_common_source)

    def _ancestors(self, frame: str) -> list[str]:
        frames = [frame]
        while frames[-1] in self._edges and len(frames) < _LONGEST:
            frames.append(self._edges[frames[-1]].parent)
        return frames

    def _chain(self, frames: list[str], stamp_s: float | None) -> Array | None:
        total: Array = np.eye(4)
        for frame in frames:
            step = self._edges[frame].at(stamp_s)
            if step is None:
                return None
            total = step @ total
        return total

    def _why(self, target: str, source: str, stamp_s: float | None) -> str:
        with self._lock:
            up, down = self._ancestors(source), self._ancestors(target)
            known = sorted(set(self._edges) | {e.parent for e in self._edges.values()})
            newest = [self._edges[f].stamps[-1] for f in up + down if self._moves(f)]
        said = f"There is no transform from '{source}' to '{target}'"
        if up[-1] != down[-1]:
            return f"{said}; known frames: {', '.join(known[:20]) or 'none'}."
        age = self._link.now_s() - min(newest, default=0.0)
        asked = "" if stamp_s is None else f" {self._link.now_s() - stamp_s:.2f} s ago"
        return f"{said} at the time asked for{asked}; the newest one is {age:.2f} s old."

    def _moves(self, frame: str) -> bool:
        return frame in self._edges and not self._edges[frame].static


def _plain(frame: str) -> str:
    """Return a frame's name without the slash that old drivers put before it."""
    return frame[1:] if frame.startswith("/") else frame


def _between(a: Array, b: Array, share: float) -> Array:
    out: Array = np.eye(4)
    ends = Rotation.from_matrix(np.stack([a[:3, :3], b[:3, :3]]))
    out[:3, :3] = Slerp([0.0, 1.0], ends)(share).as_matrix()
    out[:3, 3] = (1.0 - share) * a[:3, 3] + share * b[:3, 3]
    return out
