"""What a policy may know: views, observations and the public side of an episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2, Pose3

Rgb = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, x1 and y1 exclusive; x1 may exceed the width of a panorama."""


class Projection(IntEnum):
    """How a camera maps rays to pixels."""

    PERSPECTIVE = 0
    EQUIRECTANGULAR = 1


@dataclass(frozen=True)
class View:
    """What one camera sees.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    projection : Projection
        ``EQUIRECTANGULAR`` covers 360 x 180 degrees: the centre column looks along base +x, columns
        to the right turn clockwise (to -y), row 0 looks up.
    depth : (H, W) float32, optional
        Metres along the optical axis (perspective) or along the ray (equirectangular); 0 where
        unknown.
    intrinsics : (3, 3) float64
        Pinhole matrix in pixels; zeros for a panorama.
    T_base_camera : (4, 4) float64
        Pose of the optical frame (z forward, x right, y down) in ``base_link``; metres.
    target_box : Box, optional
        The object to recognise, where the task grants it.
    """

    name: str
    rgb: Rgb
    projection: Projection = Projection.PERSPECTIVE
    depth: Depth | None = None
    intrinsics: Array = field(default_factory=lambda: np.zeros((3, 3)))
    T_base_camera: Array = field(default_factory=lambda: T_BASE_OPTICAL.copy())
    target_box: Box | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.rgb.shape[0]), int(self.rgb.shape[1])


@dataclass(frozen=True)
class SceneObject:
    """An object that a task's protocol tells of: its name, its centroid in metres.

    On a table the name has no meaning; in question answering it is a plain noun of
    :data:`wiw_core.tasks.aeqa.NOUNS`.

    ``x_m``, ``y_m``, ``z_m`` are in ``base_link``.
    """

    name: str
    x_m: float
    y_m: float
    z_m: float


@dataclass(frozen=True)
class Observation:
    """All that a policy may know at one instant; never privileged state.

    Attributes
    ----------
    step : int
        Primitive actions executed since the episode began.
    stamp_s : float
        When the sensors were read, ROS time in seconds.
    base_pose : Pose2
        ``T_odom_base``; odom starts at the episode's first pose, so it tells nothing of the map.
    joints : tuple of (str, float)
        Name and position of each joint in radians or metres; empty without an arm.
    tool_pose : Pose3 or None
        ``T_base_tool``; None without an arm.
    gripper : float
        Opening, 0 closed to 1 open; 0 without an arm.
    objects : tuple of SceneObject
        Centroids, where the task grants them (privilege ``object_centroids``), or what is detected
        in the present view (``object_detections``).
    """

    episode_id: str
    step: int
    views: tuple[View, ...]
    base_pose: Pose2 = Pose2()
    stamp_s: float = 0.0
    joints: tuple[tuple[str, float], ...] = ()
    tool_pose: Pose3 | None = None
    gripper: float = 0.0
    objects: tuple[SceneObject, ...] = ()

    def view(self, name: str) -> View | None:
        """Return the view of that name, or None."""
        return next((v for v in self.views if v.name == name), None)


@dataclass(frozen=True)
class Episode:
    """What a policy is told of an episode; the rest stays in the environment bridge.

    Attributes
    ----------
    labels : tuple of str
        The closed answer set; empty if the task asks for no label.
    budget : int
        Greatest number of decisions.
    privileges : tuple of str
        What the task's protocol grants beyond sensors, such as ``"oracle_stop"``.
    difficulty : str
        Level by the task's own measure, such as ``"easy"``; empty if it has none. For tables only.
    """

    task: str
    id: str
    seed: int
    scene: str
    split: str
    budget: int
    goal_text: str = ""
    goal_view: View | None = None
    labels: tuple[str, ...] = ()
    privileges: tuple[str, ...] = ()
    difficulty: str = ""
