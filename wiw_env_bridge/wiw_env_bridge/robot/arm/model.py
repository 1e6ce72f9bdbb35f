"""What is known of an arm once its description has been read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_env_bridge.arm_kinematics import ArmKinematics
from wiw_env_bridge.robot import gate
from wiw_env_bridge.robot.arm.kinematics import kinematics
from wiw_env_bridge.robot.arm.urdf import parse, transform
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile

_SPARE_RAD = 1e-3
"""Kept beyond the gate's own margin: the spline between two solutions may bow a little."""


@dataclass(frozen=True)
class ArmModel:
    """An arm between the frames ``planning`` and ``tool`` of its profile.

    Attributes
    ----------
    names : tuple of str
        Its joints, from base to tool; every array of joint positions here has this order.
    joints : tuple of gate.Joint
        Their limits.
    velocity : (n,)
        Their greatest speeds by the description, per second.
    kinematics : ArmKinematics
        In the base frame, for the tool as WIW means it (:mod:`wiw_core.arm`).
    T_planning_base, T_tool_tip : (4, 4)
        From those to the planning frame and to the tool link, which MoveIt is told.
    """

    names: tuple[str, ...]
    joints: tuple[gate.Joint, ...]
    velocity: Array
    kinematics: ArmKinematics
    T_planning_base: Array
    T_tool_tip: Array


def make_model(urdf: str, profile: RobotProfile, T_base_planning: Array) -> ArmModel:
    """Return the model of the arm that a URDF describes.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` naming what is wrong in the URDF, or a posture of another length.
    """
    settings, frames, limits = profile.arm, profile.frames, profile.limits
    chain = parse(urdf, frames.planning or frames.base, frames.tool)
    if settings.posture and len(settings.posture) != len(chain.joints):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'arm.posture' has {len(settings.posture)} angles; the arm has"
            f" {len(chain.joints)} joints: {', '.join(chain.names)}.",
        )
    T_tip_tool = transform(settings.tool_xyz, settings.tool_rpy)
    model = kinematics(
        chain.placed(T_base_planning, T_tip_tool),
        np.array(settings.posture),
        limits.joint_margin_rad + _SPARE_RAD,
        limits.joint_jump_rad,
    )
    joints = tuple(gate.Joint(j.name, j.low, j.high, j.velocity) for j in chain.joints)
    inverses = (np.asarray(np.linalg.inv(T), np.float64) for T in (T_base_planning, T_tip_tool))
    return ArmModel(chain.names, joints, chain.velocity, model, *inverses)


def placement(link: RobotLink, profile: RobotProfile) -> Array:
    """Return ``T_base_planning``: told by the profile, else by tf; raises ``TF_UNAVAILABLE``."""
    settings, frames = profile.arm, profile.frames
    if settings.base_xyz:
        return transform(settings.base_xyz, settings.base_rpy)
    if frames.planning in ("", frames.base):
        return np.eye(4)
    wait_s = profile.timing.server_wait_s
    return link.transforms.lookup(frames.base, frames.planning, wait_s=wait_s)
