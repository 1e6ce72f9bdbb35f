"""What a policy server is shown: pictures at its size, and the state of the arm."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.arm import TOOL_POSE
from wiw_core.cameras import pinhole
from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, Rgb, View
from wiw_planner_node.clients.chunks import tool_now

Floats = npt.NDArray[np.float32]
_FINGER_M = 0.04
"""How far each finger of a Panda hand moves from closed to open."""


def require_tool_poses(context: DecisionContext) -> None:
    """Raise ``PROPOSAL_INVALID`` unless the environment takes continuous tool poses."""
    if TOOL_POSE.name not in context.actions:
        raise WiwError(
            ErrorCode.PROPOSAL_INVALID,
            f"The environment does not accept '{TOOL_POSE.name}'.",
            "Use a task with an arm.",
        )


def view_named(now: Observation, name: str) -> View:
    """Return the perspective view of that name; an empty name is the first one.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if there is none.
    """
    views = [v for v in now.views if v.projection is Projection.PERSPECTIVE]
    found = next((v for v in views if not name or v.name == name), None)
    if found is None:
        names = ", ".join(v.name for v in views) or "none"
        raise WiwError(
            ErrorCode.BAD_IMAGE, f"There is no perspective view '{name}'; there are: {names}."
        )
    return found


def padded(rgb: Rgb, side: int) -> Rgb:
    """Return the picture in a square of ``side`` pixels, its shape kept, black where it ends."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    rows, columns = (max(1, round(n * scale)) for n in (height, width))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    out = np.zeros((side, side, 3), np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
    out[top : top + rows, left : left + columns] = cv2.resize(
        rgb, (columns, rows), interpolation=how
    )
    return out


def axis_angle_state(now: Observation) -> Floats:
    """Return (8,): tool position in metres, its rotation vector in radians, both fingers in metres.

    The second finger's number is negative, as in the data such policies are trained on.
    """
    from scipy.spatial.transform import Rotation

    tool = tool_now(now.tool_pose)
    finger = _FINGER_M * now.gripper
    turned = Rotation.from_quat(tool.quaternion).as_rotvec()
    return np.array([*tool.position, *turned, finger, -finger], np.float32)


def pose_state(now: Observation) -> Floats:
    """Return (8,): tool position in metres, quaternion x, y, z, w, opening 0 to 1."""
    tool = tool_now(now.tool_pose)
    return np.array([*tool.position, *tool.quaternion, now.gripper], np.float32)


def calibrated(view: View, side: int) -> dict[str, Any]:
    """Return a view at ``side`` x ``side`` pixels with what makes points of it.

    ``rgb`` (S, S, 3) uint8, ``depth`` (S, S) float32 metres along the optical axis with 0 where it
    is unknown (absent if the view has none), ``intrinsics`` (3, 3) and ``T_base_camera`` (4, 4)
    float64.
    """
    size = (side, side)
    found: dict[str, Any] = {
        "rgb": np.asarray(cv2.resize(view.rgb, size, interpolation=cv2.INTER_AREA), np.uint8),
        "intrinsics": pinhole.resized(view.intrinsics, view.size, size),
        "T_base_camera": np.asarray(view.T_base_camera, np.float64),
    }
    if view.depth is not None:
        depth = cv2.resize(view.depth, size, interpolation=cv2.INTER_NEAREST)
        found["depth"] = np.asarray(depth, np.float32)
    return found
