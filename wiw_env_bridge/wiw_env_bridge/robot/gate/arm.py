"""Checks of an arm: where it is sent, every point on the way there, and whether it came there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_env_bridge.robot.gate.limits import Limits
from wiw_env_bridge.robot.gate.numbers import require_within

READ_SLACK_RAD = 0.1
"""How far outside its limits a joint may be read before the reading is taken for degrees."""
REST_SHARE = 0.02
"""Share of its fastest speed that a joint may still have at the end of a trajectory."""
BETWEEN = 4
"""Samples of each piece between two points of a trajectory; a controller goes through them too."""
_SLACK = 1e-9
"""For numbers that were rounded on their way."""


@dataclass(frozen=True)
class Joint:
    """A joint's limits, from the robot's description; infinite for a continuous joint.

    A sliding joint has metres in place of radians.
    """

    name: str
    lower_rad: float
    upper_rad: float
    velocity_rad_s: float


@dataclass(frozen=True)
class Trajectory:
    """What a joint trajectory controller is about to be sent.

    Attributes
    ----------
    joints : tuple of Joint
        In the order of the columns.
    times_s : (N,)
        From the start; the first is 0, where the arm is.
    positions : (N, J)
        Radians.
    velocities : (N, J) or None
        Radians a second: then the controller follows cubics, without them straight lines.
    """

    joints: tuple[Joint, ...]
    times_s: Array
    positions: Array
    velocities: Array | None = None


def check_tool_target(target: Pose3, now: Pose3, limits: Limits) -> None:
    """Raise ``ACTION_OUT_OF_LIMITS`` unless a whole action stays in the workspace and is short."""
    _require_inside(target.position, now.position, limits)
    distance_m, angle_rad = _between(now.matrix(), target.matrix())
    require_within("The tool is sent over", distance_m, limits.move_m, "m")
    require_within("The tool is turned by", angle_rad, limits.move_rad, "rad")


def check_joints_read(joints: Sequence[Joint], positions: Sequence[float], topic: str) -> None:
    """Raise ``START_STATE`` unless measured joint positions are finite and plausible.

    Raises
    ------
    WiwError
        Also for one far outside its limits: such a reading is in degrees, or of another robot.
    """
    for joint, value in zip(joints, positions, strict=True):
        low, high = joint.lower_rad - READ_SLACK_RAD, joint.upper_rad + READ_SLACK_RAD
        if not (math.isfinite(value) and low <= value <= high):
            raise WiwError(
                ErrorCode.START_STATE,
                f"'{topic}' says that joint '{joint.name}' is at {value:.3f} rad, outside its"
                f" limits [{joint.lower_rad:.3f}, {joint.upper_rad:.3f}] rad.",
                "Angles are in radians: are these degrees, or another robot's joints?",
            )


def check_start(joints: Sequence[Joint], begins: Array, measured: Array, limits: Limits) -> None:
    """Raise ``START_STATE`` unless the arm is where a trajectory begins.

    To be asked again with a new reading just before the trajectory is sent: planning takes time.

    Parameters
    ----------
    begins, measured : (J,)
        First point of the trajectory, and where the joints are now.
    """
    if not begins.shape == measured.shape == (len(joints),):
        raise WiwError(
            ErrorCode.START_STATE,
            f"{len(joints)} joints are moved, {measured.size} are measured.",
        )
    away = np.abs(begins - measured)
    if (away <= limits.start_rad).all():
        return
    worst = int(np.argmax(np.where(np.isfinite(away), away, np.inf)))
    raise WiwError(
        ErrorCode.START_STATE,
        f"The trajectory begins {away[worst]:.3f} rad from where joint '{joints[worst].name}' is;"
        f" the limit is {limits.start_rad:g} rad.",
        "The arm has moved since it was planned: plan again.",
    )


def check_trajectory(
    trajectory: Trajectory,
    measured: Array,
    tool: Callable[[Array], Array],
    limits: Limits,
) -> None:
    """Refuse a trajectory unless all of it, as the controller will follow it, is within limits.

    Parameters
    ----------
    measured : (J,)
        Where the joints are now, in the trajectory's order.
    tool : callable
        Forward kinematics: (J,) joint positions to the (4, 4) pose of the tool, in the frame of
        ``limits.workspace_low_m``.

    Raises
    ------
    WiwError
        ``START_STATE``: it does not begin where the arm is. ``IK_FAILED``: a joint jumps.
        ``ACTION_OUT_OF_LIMITS``: anything else.
    """
    _require_sound(trajectory, limits)
    check_start(trajectory.joints, trajectory.positions[0], measured, limits)
    _require_no_jump(trajectory, limits)
    positions, speeds, step_s = _followed(trajectory)
    _require_joints(trajectory.joints, positions, speeds, limits)
    _require_tool(positions, step_s, tool, limits)


def check_tool_displacement(target: Pose3, observed: Pose3, limits: Limits) -> None:
    """Raise ``DISPLACEMENT_MISMATCH`` unless the tool came where it was sent, by its own joints."""
    distance_m, angle_rad = _between(target.matrix(), observed.matrix())
    if distance_m <= limits.slip_m and angle_rad <= limits.slip_rad:  # NaN is neither
        return
    raise WiwError(
        ErrorCode.DISPLACEMENT_MISMATCH,
        f"The tool is {distance_m:.3f} m and {angle_rad:.2f} rad from where it was sent;"
        f" {limits.slip_m:g} m and {limits.slip_rad:g} rad are allowed.",
        "Check the robot's description against the robot, and that nothing holds the arm.",
    )


def _require_sound(trajectory: Trajectory, limits: Limits) -> None:
    times, positions, velocities = trajectory.times_s, trajectory.positions, trajectory.velocities
    shape = (len(times), len(trajectory.joints))
    if len(times) < 2 or positions.shape != shape:
        _refuse(f"The trajectory has {len(times)} times and positions of {positions.shape}.")
    if velocities is not None and velocities.shape != shape:
        _refuse(f"The trajectory has velocities of {velocities.shape}, positions of {shape}.")
    arrays = (times, positions) if velocities is None else (times, positions, velocities)
    if not all(np.isfinite(array).all() for array in arrays):
        _refuse("The trajectory has a number that is not finite.")
    if abs(times[0]) > _SLACK or not (np.diff(times) > 0.0).all():
        _refuse("The times of the trajectory do not begin at 0 and increase from there.")
    require_within("The trajectory takes", float(times[-1]), limits.duration_s, "s")
    if velocities is None:
        return
    for joint, speed in zip(trajectory.joints, np.abs(velocities[-1]), strict=True):
        if not speed <= REST_SHARE * joint.velocity_rad_s:
            _refuse(f"The trajectory ends with joint '{joint.name}' moving at {speed:.3f} rad/s.")


def _require_no_jump(trajectory: Trajectory, limits: Limits) -> None:
    jumps = np.abs(np.diff(trajectory.positions, axis=0)).max(axis=0)
    worst = int(np.argmax(jumps))
    if not jumps[worst] <= limits.joint_jump_rad:
        raise WiwError(
            ErrorCode.IK_FAILED,
            f"Joint '{trajectory.joints[worst].name}' jumps by {jumps[worst]:.2f} rad between two"
            f" points; the limit is {limits.joint_jump_rad:g} rad.",
            "The way leads through a singular posture; go another way.",
        )


def _followed(trajectory: Trajectory) -> tuple[Array, Array, Array]:
    """Return positions and speeds as a controller will follow them, and the seconds of each step.

    Notes
    -----
    joint_trajectory_controller joins points by cubics where they carry velocities, else by lines.
    Speeds are compared at the samples and, for lines, over each piece.
    """
    times, positions = trajectory.times_s, trajectory.positions
    shares = np.arange(BETWEEN) / BETWEEN
    dense = (times[:-1, None] + np.diff(times)[:, None] * shares).ravel()
    dense = np.append(dense, times[-1])
    if trajectory.velocities is None:
        columns = [np.interp(dense, times, column) for column in positions.T]
        speeds = np.repeat(np.diff(positions, axis=0) / np.diff(times)[:, None], BETWEEN, axis=0)
        return np.stack(columns, axis=1), speeds, np.diff(dense)
    curve = CubicHermiteSpline(times, positions, trajectory.velocities)
    return np.asarray(curve(dense)), np.asarray(curve(dense, 1)), np.diff(dense)


def _require_joints(
    joints: Sequence[Joint], positions: Array, speeds: Array, limits: Limits
) -> None:
    for column, joint in enumerate(joints):
        places = positions[:, column]
        fast = float(np.abs(speeds[:, column]).max())
        limit = limits.joint_speed_share * joint.velocity_rad_s
        require_within(
            f"Joint '{joint.name}' is told to move at", fast, limit * (1.0 + 1e-6), "rad/s"
        )
        margin = limits.joint_margin_rad
        for end, over in (
            (joint.lower_rad, joint.lower_rad + margin - places),
            (joint.upper_rad, places - (joint.upper_rad - margin)),
        ):
            # An arm that stands within the margin may leave it, and go no deeper.
            allowed = min(max(float(over[0]), 0.0), margin)
            if not float(over.max()) <= allowed + _SLACK:
                at = float(places[int(np.argmax(over))])
                _refuse(
                    f"Joint '{joint.name}' is sent to {at:.3f} rad; its limit is {end:.3f} rad,"
                    f" of which {margin:g} rad are kept free."
                )


def _require_tool(
    positions: Array, step_s: Array, tool: Callable[[Array], Array], limits: Limits
) -> None:
    poses = [tool(row) for row in positions]
    start = poses[0][:3, 3]
    for pose in poses:
        _require_inside(pose[:3, 3], start, limits)
    for before, after in zip(poses[::BETWEEN], poses[BETWEEN::BETWEEN]):
        distance_m, angle_rad = _between(before, after)
        require_within("Between two points the tool goes", distance_m, limits.point_step_m, "m")
        require_within("Between two points the tool turns", angle_rad, limits.point_step_rad, "rad")
    places = np.array([pose[:3, 3] for pose in poses])
    speed = float((np.linalg.norm(np.diff(places, axis=0), axis=1) / step_s).max())
    require_within("The tool is moved at", speed, limits.tool_speed_m_s, "m/s")


def _require_inside(place: Array, start: Array, limits: Limits) -> None:
    """Raise unless a place is in the workspace; a tool that begins outside may only come nearer."""
    low, high = np.array(limits.workspace_low_m), np.array(limits.workspace_high_m)
    if not (np.isfinite(place).all() and np.isfinite(start).all()):
        _refuse("The tool is sent to a place that is not finite.")
    outside = np.maximum(0.0, np.maximum(low - place, place - high))
    allowed = np.maximum(0.0, np.maximum(low - start, start - high))
    if not (outside <= allowed + _SLACK).all():
        _refuse(
            f"The tool is sent to ({', '.join(f'{v:.3f}' for v in place)}) m, outside the workspace"
            f" from {limits.workspace_low_m} to {limits.workspace_high_m} m."
        )


def _between(a: Array, b: Array) -> tuple[float, float]:
    """Return metres and radians between two (4, 4) poses; NaN where a number is."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan, math.nan
    turn = a[:3, :3].T @ b[:3, :3]
    # Twice the sine and the cosine: together exact at every angle.
    sine = np.linalg.norm(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
    angle = math.atan2(float(sine), float(np.trace(turn)) - 1.0)
    return float(np.linalg.norm(b[:3, 3] - a[:3, 3])), angle


def _refuse(sentence: str) -> None:
    raise WiwError(ErrorCode.ACTION_OUT_OF_LIMITS, sentence)
