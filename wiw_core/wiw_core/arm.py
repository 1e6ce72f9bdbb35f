"""The action space of the manipulation tasks: absolute tool poses, continuous or discretised.

Poses are ``T_base_tool`` in the table's frame: z up from the floor, the arm's foot at x = -0.3 m on
a table 0.75 m high. The tool looks along its +z, its fingers open along its y (Franka's TCP). The
grid is the paper's: 100 voxels a side, 3 degrees a bin (arXiv 2510.18135, appendix B.4).
"""

from __future__ import annotations

import math

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, ActionSpec

WORKSPACE_M = ((-0.3, 0.7), (-0.5, 0.5), (0.6, 1.6))
"""Lowest and highest x, y and z that a tool pose may have."""
VOXELS = 100
"""Voxels along each side of the workspace: 1 cm each."""
BIN_DEG = 3.0
"""Degrees of a rotation bin; bin 0 is -180 degrees."""
BINS = 120
"""Rotation bins of a full turn."""

_LOW, _HIGH = (tuple(side[k] for side in WORKSPACE_M) for k in (0, 1))

TOOL_POSE = ActionSpec(
    "tool_pose",
    ("x", "y", "z", "qx", "qy", "qz", "qw", "open"),
    (*_LOW, -1.0, -1.0, -1.0, -1.0, 0.0),
    (*_HIGH, 1.0, 1.0, 1.0, 1.0, 1.0),
    ("m", "m", "m", "", "", "", "", ""),
)
"""Go to a pose along a straight line, then open (``open`` > 0.5) or close the gripper."""

TOOL_VOXEL = ActionSpec(
    "tool_voxel",
    ("x", "y", "z", "roll", "pitch", "yaw", "open"),
    (0.0,) * 7,
    (VOXELS - 1.0,) * 3 + (BINS - 1.0,) * 3 + (1.0,),
    ("voxel",) * 3 + ("bin",) * 3 + ("",),
)
"""The same with whole numbers: a voxel's middle, and Euler angles about the fixed x, y, z axes."""

ARM: dict[str, ActionSpec] = {spec.name: spec for spec in (TOOL_POSE, TOOL_VOXEL)}
"""Every action of the manipulation tasks."""


def tool_pose(pose: Pose3, opened: bool) -> Action:
    """Return the continuous action that goes to ``pose`` and leaves the gripper so."""
    values = (pose.x_m, pose.y_m, pose.z_m, pose.qx, pose.qy, pose.qz, pose.qw)
    return Action(TOOL_POSE.name, (*(float(v) for v in values), float(opened)))


def tool_voxel(pose: Pose3, opened: bool) -> Action:
    """Return the discretised action nearest to ``pose``.

    Raises
    ------
    WiwError
        ``ACTION_OUT_OF_LIMITS`` if the position is outside the workspace or not finite.
    """
    from scipy.spatial.transform import Rotation

    voxels = []
    for value, (low, high) in zip(pose.position, WORKSPACE_M):
        if not (math.isfinite(value) and low <= value <= high):
            raise WiwError(
                ErrorCode.ACTION_OUT_OF_LIMITS,
                f"The position {value:.3f} m is outside the workspace [{low}, {high}] m.",
            )
        voxels.append(min(VOXELS - 1, math.floor((value - low) / (high - low) * VOXELS)))
    degrees = Rotation.from_quat(pose.quaternion).as_euler("xyz", degrees=True)
    bins = [round((float(angle) + 180.0) / BIN_DEG) % BINS for angle in degrees]
    return Action(TOOL_VOXEL.name, (*map(float, voxels), *map(float, bins), float(opened)))


def target_of(action: Action) -> tuple[Pose3, bool]:
    """Return where an action sends the tool, and whether the gripper is open afterwards.

    Raises
    ------
    WiwError
        ``UNKNOWN_ACTION`` or ``ACTION_OUT_OF_LIMITS``, also for a voxel or bin that is no whole
        number and for a quaternion whose norm is not 1.
    """
    spec = ARM.get(action.name)
    if spec is None:
        raise WiwError(ErrorCode.UNKNOWN_ACTION, f"'{action.name}' is no action of an arm.")
    spec.check(action)
    *numbers, opened = action.values
    if spec is TOOL_VOXEL:
        return _of_voxel(numbers), opened > 0.5
    norm = math.sqrt(sum(q * q for q in numbers[3:]))
    if abs(norm - 1.0) > 1e-3:
        raise WiwError(
            ErrorCode.ACTION_OUT_OF_LIMITS, f"A tool pose has a quaternion of norm {norm:.4f}."
        )
    x, y, z, *quaternion = numbers
    return Pose3(x, y, z, *(q / norm for q in quaternion)), opened > 0.5


def _of_voxel(numbers: list[float]) -> Pose3:
    from scipy.spatial.transform import Rotation

    if any(number != round(number) for number in numbers):
        raise WiwError(ErrorCode.ACTION_OUT_OF_LIMITS, "A voxel or a bin is no whole number.")
    position = [
        low + (voxel + 0.5) * (high - low) / VOXELS
        for voxel, (low, high) in zip(numbers, WORKSPACE_M)
    ]
    angles = np.array(numbers[3:]) * BIN_DEG - 180.0
    x, y, z, w = Rotation.from_euler("xyz", angles, degrees=True).as_quat()
    return Pose3(position[0], position[1], position[2], float(x), float(y), float(z), float(w))
