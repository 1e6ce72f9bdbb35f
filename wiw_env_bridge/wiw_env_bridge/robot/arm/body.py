"""An arm as the body of a robot: tool poses, executed as trajectories that passed the gate."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from wiw_core.arm import ARM, target_of
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2, Pose3
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_env_bridge.arm_kinematics import ArmKinematics
from wiw_env_bridge.robot import gate
from wiw_env_bridge.robot.arm.description import Description
from wiw_env_bridge.robot.arm.gripper import Gripper
from wiw_env_bridge.robot.arm.joints import JointReader
from wiw_env_bridge.robot.arm.kinematics import kinematics
from wiw_env_bridge.robot.arm.moveit import MoveIt, Planned
from wiw_env_bridge.robot.arm.settings import MOVEIT
from wiw_env_bridge.robot.arm.timing import Pace, Timed, time_path
from wiw_env_bridge.robot.arm.trajectory import End, TrajectoryPort
from wiw_env_bridge.robot.arm.travel import Travel
from wiw_env_bridge.robot.arm.urdf import Chain, parse, transform
from wiw_env_bridge.robot.body import BodyState, Outcome
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile

_MARGIN_RAD = 1e-3
"""Kept from the gate's own margin: the spline between two solutions may bow a little."""
_THERE_RAD = 1e-3
"""A trajectory on which no joint moves more than this is not sent."""
_OPEN = 0.9
"""A gripper that is less open than this is not open."""
_STILL_S, _STILL_RAD = 0.15, 0.005
"""An arm whose joints change by less than this over so long is still; noise is below it."""


class _Arm(NamedTuple):
    """What is known once the robot's description has been read."""

    chain: Chain
    kinematics: ArmKinematics
    T_planning_base: Array
    T_tool_tip: Array
    joints: tuple[gate.Joint, ...]


class ArmBody:
    """A serial arm with a gripper, on a base that stands still.

    ``tool_pose`` and ``tool_voxel`` go to a pose in the base frame (``frames.base`` of the profile)
    along a straight line (or as MoveIt plans, with ``arm.interface: moveit``), then open or close
    the gripper, if it is told something else than before; as in the embedded ``tabletop``
    environment. An action that has no solution (``IK_FAILED``) or no straight line (``NO_PATH``)
    sends nothing.

    Parameters
    ----------
    link : RobotLink
        The node that talks to the robot.
    profile : RobotProfile
        Its sections ``arm``, ``frames``, ``limits`` and ``timing``.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING`` without control_msgs (or moveit_msgs where it is asked for).
    """

    def __init__(self, link: RobotLink, profile: RobotProfile) -> None:
        self._link, self._profile = link, profile
        settings, timing = profile.arm, profile.timing
        self._description = Description(link, settings, profile.folder)
        self._joints = JointReader(link, settings.joint_states, timing.joint_age_s, profile.limits)
        self._controller = TrajectoryPort(link, settings, timing)
        self._gripper = Gripper(link, settings.gripper, timing)
        self._moveit: MoveIt | None = None
        if settings.interface == MOVEIT:
            self._moveit = MoveIt(link, settings, profile.frames, timing)
        self._arm: _Arm | None = None
        self._opened: bool | None = None

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Tool poses, continuous or discretised."""
        return ARM

    def ready(self) -> None:
        """Read the description and wait for joints and servers; see :class:`Body`."""
        wait_s = self._profile.timing.server_wait_s
        self._arm = self._read_description(wait_s)
        self._joints.wait(self._all_names(self._arm), wait_s)
        ports = [self._controller.port] + ([self._moveit.port] if self._moveit else [])
        for port in ports:
            port.wait(wait_s)
        self._gripper.connect(wait_s)

    def state(self) -> BodyState:
        """Return where joints, tool and gripper are now; see :class:`Body`."""
        arm = self._known()
        names = self._all_names(arm)
        reading = self._joints.read(names)
        count = len(arm.chain.names)
        joints = tuple(zip(names, (float(q) for q in reading.positions)))
        return BodyState(
            joints=joints,
            tool_pose=Pose3.from_matrix(arm.kinematics.tool(reading.positions[:count])),
            gripper=self._gripper.opening(float(reading.positions[count:].mean())),
            stamp_s=reading.stamp_s,
            age_s=reading.age_s,
        )

    def check(self, plan: Plan) -> None:
        """Plan every action from where the one before ends, and pass each through the gate."""
        check_plan(plan, self.actions)
        arm = self._known()
        angles = self._measured(arm)
        for action in plan.actions:
            planned = self._plan(arm, target_of(action)[0], angles, threading.Event())
            if planned.timed is None:
                raise WiwError(planned.code, planned.message)
            angles = planned.timed.positions[-1]

    def execute(self, action: Action, halted: threading.Event) -> Outcome:
        """Go to a pose, then open or close the gripper; see :class:`Body`."""
        try:
            return self._execute(*target_of(action), halted)
        except BaseException:
            self.hold()
            raise

    def hold(self) -> None:
        """Cancel every goal of the controller, the gripper and the planner; see :class:`Body`.

        A joint trajectory controller then holds its position, which is why it stays active.
        """
        self._controller.port.cancel_all()
        self._gripper.cancel()
        if self._moveit is not None:
            self._moveit.port.cancel_all()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return that the base stands where it stands."""
        return Pose2(), 0.0, 0.0

    def close(self) -> None:
        """Hold; the link gives everything back."""
        self.hold()

    def _execute(self, target: Pose3, opened: bool, halted: threading.Event) -> Outcome:
        arm = self._known()
        start = self._measured(arm)
        planned = self._plan(arm, target, start, halted)
        if planned.timed is None or halted.is_set():
            code = ErrorCode.OK if halted.is_set() else planned.code
            now_s = self._link.now_s()
            return Outcome(now_s, code=code, message=planned.message, stopped=halted.is_set())
        travel = Travel(arm.kinematics, lambda: self._joints.read(arm.chain.names).positions)
        end, message = self._follow(arm, planned.timed, start, halted, travel)
        collided = end is End.VIOLATED and self._profile.arm.violation == "contact"
        failed = end in (End.VIOLATED, End.FAILED) and not collided
        if not failed and end is not End.HALTED and not halted.is_set():
            message = self._grip(opened, halted) or ("" if not collided else message)
            failed = self._opened is not opened and not halted.is_set()
        self._settle(arm)
        travel.look()
        if end is End.DONE and not halted.is_set():
            observed = Pose3.from_matrix(arm.kinematics.tool(self._measured(arm)))
            gate.check_tool_displacement(target, observed, self._profile.limits)
        return Outcome(
            self._link.now_s(),
            path_m=travel.metres,
            collided=collided,
            code=ErrorCode.ACTION_FAILED if failed else ErrorCode.OK,
            message=message if failed or collided else "",
            stopped=halted.is_set(),
        )

    def _plan(self, arm: _Arm, target: Pose3, start: Array, halted: threading.Event) -> Planned:
        """Return a trajectory that has passed the gate, or why there is none."""
        limits, goal = self._profile.limits, target.matrix()
        now = Pose3.from_matrix(arm.kinematics.tool(start))
        gate.check_tool_target(target, now, limits)
        if self._moveit is None:
            planned = self._straight(arm, start, goal)
        else:
            tip = arm.T_planning_base @ goal @ arm.T_tool_tip
            watch = self._link.check_alive
            planned = self._moveit.plan(tip, arm.chain.names, start, halted, watch)
        if planned.timed is None:
            return planned
        timed = planned.timed
        trajectory = gate.Trajectory(arm.joints, timed.times_s, timed.positions, timed.velocities)
        try:
            gate.check_trajectory(trajectory, start, arm.kinematics.tool, limits)
        except WiwError as error:
            if error.code is ErrorCode.IK_FAILED:  # nothing has moved, another plan may do
                return Planned(None, error.code, str(error))
            raise
        last = Pose3.from_matrix(arm.kinematics.tool(timed.positions[-1]))
        gate.check_tool_displacement(target, last, limits)
        return planned

    def _straight(self, arm: _Arm, start: Array, goal: Array) -> Planned:
        settings, model = self._profile.arm, arm.kinematics
        if model.reach(goal, start) is None:
            return Planned(None, ErrorCode.IK_FAILED, "The arm cannot reach that pose.")
        path = model.straight(start, goal)
        if path is None:
            return Planned(None, ErrorCode.NO_PATH, "No straight line leads to that pose.")
        here = model.tool(start)
        length_m = float(np.linalg.norm(goal[:3, 3] - here[:3, 3]))
        turn_rad = float(Rotation.from_matrix(goal[:3, :3] @ here[:3, :3].T).magnitude())
        pace = Pace(
            arm.chain.velocity * settings.velocity_scaling,
            settings.acceleration,
            settings.speed_m_s,
            settings.turn_rad_s,
        )
        return Planned(time_path(path, length_m, turn_rad, pace, settings.point_s))

    def _follow(
        self, arm: _Arm, timed: Timed, start: Array, halted: threading.Event, travel: Travel
    ) -> tuple[End, str]:
        if np.abs(timed.positions - start).max() < _THERE_RAD:
            return End.DONE, ""
        followed = self._controller.follow(arm.chain.names, timed, halted, travel.look)
        return followed.end, followed.message

    def _grip(self, opened: bool, halted: threading.Event) -> str:
        """Open or close, if that is another order than the last; return why it did not."""
        if self._opened is opened and (not opened or self.state().gripper >= _OPEN):
            return ""
        self._opened = None
        message = self._gripper.command(opened, halted, self._link.check_alive)
        if not message and not halted.is_set():
            self._opened = opened
        return message

    def _settle(self, arm: _Arm) -> None:
        """Wait until the joints are at rest; raise ``ACTION_FAILED`` if they do not come to it."""
        names, limit_s = arm.chain.names, self._profile.timing.cancel_s
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            time.sleep(_STILL_S / 4)
            rows = self._joints.history(names, time.monotonic() - _STILL_S)
            if len(rows) >= 3 and float(np.ptp(rows, axis=0).max()) < _STILL_RAD:
                return
            self._joints.read(names)
        raise WiwError(
            ErrorCode.ACTION_FAILED,
            f"The arm still moves {limit_s:g} s after its goal ended.",
            "Is somebody else moving it?",
        )

    def _measured(self, arm: _Arm) -> Array:
        positions = self._joints.read(arm.chain.names).positions
        gate.check_joints_read(arm.joints, positions.tolist(), self._joints.stream.topic)
        return positions

    def _all_names(self, arm: _Arm) -> tuple[str, ...]:
        return (*arm.chain.names, *self._profile.arm.gripper.joints)

    def _known(self) -> _Arm:
        if self._arm is None:
            self.ready()
        assert self._arm is not None
        return self._arm

    def _read_description(self, wait_s: float) -> _Arm:
        settings, frames, limits = self._profile.arm, self._profile.frames, self._profile.limits
        planning = frames.planning or frames.base
        chain = parse(self._description.read(wait_s), planning, frames.tool)
        T_tip_tool = transform(settings.tool_xyz, settings.tool_rpy)
        T_base_planning = self._placed(planning)
        if settings.posture and len(settings.posture) != len(chain.joints):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'arm.posture' has {len(settings.posture)} angles; the arm has"
                f" {len(chain.joints)} joints: {', '.join(chain.names)}.",
            )
        return _Arm(
            chain,
            kinematics(
                chain.placed(T_base_planning, T_tip_tool),
                np.array(settings.posture),
                limits.joint_margin_rad + _MARGIN_RAD,
                limits.joint_jump_rad,
            ),
            np.linalg.inv(T_base_planning),
            np.linalg.inv(T_tip_tool),
            tuple(gate.Joint(j.name, j.low, j.high, j.velocity) for j in chain.joints),
        )

    def _placed(self, planning: str) -> Array:
        """Return ``T_base_planning``."""
        settings, base = self._profile.arm, self._profile.frames.base
        if settings.base_xyz:
            return transform(settings.base_xyz, settings.base_rpy)
        if planning == base:
            return np.eye(4)
        return self._link.transforms.lookup(
            base, planning, wait_s=self._profile.timing.server_wait_s
        )
