"""An arm as the body of a robot: tool poses, executed as trajectories that passed the gate."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np

from wiw_core.arm import ARM, target_of
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2, Pose3
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_env_bridge.robot import gate
from wiw_env_bridge.robot.actions import ActionPort
from wiw_env_bridge.robot.arm.description import Description
from wiw_env_bridge.robot.arm.gripper import Gripper
from wiw_env_bridge.robot.arm.joints import JointReader
from wiw_env_bridge.robot.arm.model import ArmModel, make_model, placement
from wiw_env_bridge.robot.arm.moveit import MoveIt
from wiw_env_bridge.robot.arm.planning import ArmPlanner
from wiw_env_bridge.robot.arm.settings import CONTACT, MOVEIT
from wiw_env_bridge.robot.arm.timing import Timed
from wiw_env_bridge.robot.arm.trajectory import End, Followed, TrajectoryPort
from wiw_env_bridge.robot.arm.travel import Travel
from wiw_env_bridge.robot.body import BodyState, Outcome
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile

_THERE_RAD = 1e-3
"""A trajectory on which no joint moves more than this is not sent."""
_OPEN = 0.9
"""A gripper that is less open than this is not open."""
_STILL_S, _STILL_RAD = 0.15, 0.005
"""An arm whose joints change by less than this over so long is still; noise is below it."""


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
        self._joints = JointReader(link, settings.joint_states, timing, profile.limits)
        self._controller = TrajectoryPort(link, settings, timing)
        self._gripper = Gripper(link, settings.gripper, timing)
        self._moveit: MoveIt | None = None
        if settings.interface == MOVEIT:
            self._moveit = MoveIt(link, settings, profile.frames, timing)
        self._model: ArmModel | None = None
        self._opened: bool | None = None

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Tool poses, continuous or discretised."""
        return ARM

    @property
    def ports(self) -> tuple[ActionPort, ...]:
        """The actions that move the arm or plan for it; the gripper's is found in the graph."""
        planner = (self._moveit.port,) if self._moveit is not None else ()
        return (self._controller.port, *planner)

    def ready(self) -> None:
        """Read the description, then wait for joints and servers; see :class:`Body`.

        Raises
        ------
        WiwError
            Also ``BAD_PARAMETER`` for what is wrong in the description, and ``TF_UNAVAILABLE``
            where tf should tell where the planning frame is and does not.
        """
        wait_s = self._profile.timing.server_wait_s
        urdf = self._description.read(wait_s)
        model = make_model(urdf, self._profile, placement(self._link, self._profile))
        self._joints.wait(self._all_names(model), wait_s)
        for port in self.ports:
            self._wait_for(port, wait_s)
        self._gripper.connect(wait_s)
        self._model = model

    def state(self) -> BodyState:
        """Return where joints, tool and gripper are now; see :class:`Body`."""
        model = self._known()
        names, count = self._all_names(model), len(model.names)
        reading = self._joints.fresh(names)
        angles, fingers = reading.positions[:count], reading.positions[count:]
        return BodyState(
            joints=tuple(zip(names, (float(q) for q in reading.positions))),
            tool_pose=Pose3.from_matrix(model.kinematics.tool(angles)),
            gripper=self._gripper.opening(float(fingers.mean())),
            stamp_s=reading.stamp_s,
            age_s=reading.age_s,
        )

    def check(self, plan: Plan) -> None:
        """Plan every action from where the one before ends, and pass each through the gate.

        Raises
        ------
        WiwError
            What :meth:`execute` would raise; also ``IK_FAILED`` and ``NO_PATH``.
        """
        check_plan(plan, self.actions)
        model = self._known()
        planner, angles = self._planner(model), self._measured(model)
        for action in plan.actions:
            planned = planner.plan(target_of(action)[0], angles, threading.Event())
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
        for port in self.ports:
            port.cancel_all()
        self._gripper.cancel()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return that the base stands where it stands."""
        return Pose2(), 0.0, 0.0

    def close(self) -> None:
        """Hold; the link gives everything back."""
        self.hold()

    def _execute(self, target: Pose3, opened: bool, halted: threading.Event) -> Outcome:
        model = self._known()
        start = self._measured(model)
        planned = self._planner(model).plan(target, start, halted)
        if halted.is_set():
            return Outcome(self._link.now_s(), stopped=True)
        if planned.timed is None:
            return Outcome(self._link.now_s(), code=planned.code, message=planned.message)
        travel = Travel(model.kinematics, lambda: self._joints.moving(model.names).positions)
        followed = self._follow(model, planned.timed, start, halted, travel)
        contact = self._met_something(followed, travel)
        problem = followed.message if followed.end in (End.VIOLATED, End.FAILED) else ""
        if not halted.is_set() and (contact or not problem):
            problem = self._grip(opened, halted, travel)
        self._settle(model)
        travel.look()
        if followed.end is End.DONE and not halted.is_set():
            observed = Pose3.from_matrix(model.kinematics.tool(self._measured(model)))
            gate.check_tool_displacement(target, observed, self._profile.limits)
        return Outcome(
            self._link.now_s(),
            path_m=travel.metres,
            collided=contact,
            code=ErrorCode.ACTION_FAILED if problem and not halted.is_set() else ErrorCode.OK,
            message=problem or followed.message,
            stopped=halted.is_set(),
        )

    def _follow(
        self,
        model: ArmModel,
        timed: Timed,
        start: Array,
        halted: threading.Event,
        travel: Travel,
    ) -> Followed:
        if np.abs(timed.positions - start).max() < _THERE_RAD:
            return Followed(End.DONE)
        # Planning took a while: somebody may have moved the arm meanwhile.
        limits = self._profile.limits
        gate.check_start(model.joints, timed.positions[0], self._measured(model), limits)
        return self._controller.follow(model.names, timed, halted, travel.look)

    def _met_something(self, followed: Followed, travel: Travel) -> bool:
        """Tell whether a violated tolerance means contact: an arm that never moved met nothing."""
        if followed.end is not End.VIOLATED or self._profile.arm.violation != CONTACT:
            return False
        travel.look()
        return travel.metres > 0.0

    def _grip(self, opened: bool, halted: threading.Event, travel: Travel) -> str:
        """Open or close, if that is another order than the last; return why it did not.

        Also if it is not as it was ordered: somebody has opened or closed it by hand.
        """
        if self._opened is opened and opened == (self.state().gripper >= _OPEN):
            return ""
        self._opened = None
        problem = self._gripper.command(opened, halted, travel.look)
        if not problem and not halted.is_set():
            self._opened = opened
        return problem

    def _settle(self, model: ArmModel) -> None:
        """Wait until the joints are at rest; raise ``ACTION_FAILED`` if they do not come to it."""
        limit_s = self._profile.timing.cancel_s
        since = time.monotonic()

        def still() -> bool | None:
            rows = self._joints.history(model.names, time.monotonic() - _STILL_S)
            ripe = time.monotonic() - since >= _STILL_S and len(rows) >= 3
            return (ripe and float(np.ptp(rows, axis=0).max()) < _STILL_RAD) or None

        if self._link.until(still, limit_s, lambda: None) is None:
            self._joints.moving(model.names)
            raise WiwError(
                ErrorCode.ACTION_FAILED,
                f"The arm still moves {limit_s:g} s after its goal ended.",
                "Is somebody else moving it?",
            )

    def _measured(self, model: ArmModel) -> Array:
        positions = self._joints.fresh(model.names).positions
        gate.check_joints_read(model.joints, positions.tolist(), self._joints.stream.topic)
        return positions

    def _planner(self, model: ArmModel) -> ArmPlanner:
        return ArmPlanner(model, self._profile, self._moveit, self._link.check_alive)

    def _all_names(self, model: ArmModel) -> tuple[str, ...]:
        return (*model.names, *self._profile.arm.gripper.joints)

    def _known(self) -> ArmModel:
        if self._model is None:
            self.ready()
        assert self._model is not None
        return self._model

    def _wait_for(self, port: ActionPort, wait_s: float) -> None:
        if self._link.until(lambda: port.offered or None, wait_s, lambda: None) is None:
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST,
                f"Nobody has offered the action '{port.name}' within {wait_s:g} s.",
                "Is the robot's controller running and active?",
            )
