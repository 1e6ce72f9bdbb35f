"""The table, its arm and one episode's objects, as physics: motions, grasps, saved states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.furniture import WORLD_HEAD, world_mjcf
from wiw_env_bridge.tabletop.grasp import Grasp, weld_mjcf
from wiw_env_bridge.tabletop.kinematics import READY_RAD, Kinematics
from wiw_env_bridge.tabletop.scene import NUSERDATA, TableScene
from wiw_env_bridge.tabletop.servo import FINGER_M_S, commands

STEP_S = 0.004
"""Seconds of a physics step."""
TICK = 5
"""Steps between two looks at the contact torques and at the clock."""
SETTLE_S, STILL = 1.0, 0.02
"""After an action everything comes to rest: longest wait, and speeds (m/s, rad/s) that are rest."""
_QUIET_S = 0.06
_CLOSE_S = 0.8
_BRAKE_S = 0.2
_TRIP_NM: Array = np.array([link.trip_nm for link in panda.LINKS])
_BREAKDOWNS = tuple(
    int(kind)
    for kind in (
        mujoco.mjtWarning.mjWARN_BADQPOS,
        mujoco.mjtWarning.mjWARN_BADQVEL,
        mujoco.mjtWarning.mjWARN_BADQACC,
    )
)

Pace = Callable[[float], bool]
"""Called after each tick with its simulated seconds; True stops the arm where it is."""


def never(seconds: float) -> bool:
    """Return False: a motion that nothing interrupts."""
    return False


@dataclass(frozen=True)
class Outcome:
    """What an action really did.

    Attributes
    ----------
    path_m : float
        Metres that the tool travelled.
    collided : bool
        The arm, or what it holds, pressed against something and stopped there; then the gripper did
        what it was told.
    code : ErrorCode
        ``IK_FAILED`` or ``NO_PATH``: nothing has moved.
    stopped : bool
        Told to hold before its end.
    """

    path_m: float = 0.0
    collided: bool = False
    code: ErrorCode = ErrorCode.OK
    stopped: bool = False


@dataclass(frozen=True)
class TableState:
    """All that changes in a table, bit by bit."""

    physics: bytes
    welds: bytes
    opened: bool


class Table:
    """One scene with the arm. Not thread-safe; the same calls give the same bits.

    A collision is an external torque on a joint above ``panda.Link.trip_nm`` that lasts, as in
    libfranka's reflex: what comes of contacts of the arm and of what it holds. Lightly pushing
    things is none.
    """

    def __init__(self, scene: TableScene) -> None:
        self.scene = scene
        self.model = mujoco.MjModel.from_xml_string(table_mjcf(scene))
        self.data = mujoco.MjData(self.model)
        self._kinematics = Kinematics()
        self._grasp = Grasp(self.model, self.data, scene.graspable)
        joints = [self.model.joint(name) for name in (*panda.JOINTS, *panda.FINGERS)]
        self._q = np.array([joint.qposadr[0] for joint in joints])
        self._v = np.array([joint.dofadr[0] for joint in joints])
        self._arm_q, self._arm_v = self._q[:7], self._v[:7]
        self._tool = int(self.model.site(panda.TOOL).id)
        self._signature = int(mujoco.mjtState.mjSTATE_INTEGRATION)
        self._state = np.empty(mujoco.mj_stateSize(self.model, self._signature))
        self.opened = True
        self._begin()

    @property
    def joints(self) -> tuple[tuple[str, float], ...]:
        """Name and position of each joint: seven in radians, two fingers in metres."""
        names = (*panda.JOINTS, *panda.FINGERS)
        return tuple(zip(names, (float(q) for q in self.data.qpos[self._q])))

    @property
    def rates(self) -> Array:
        """Rates of the joints in the order of :attr:`joints`, (9,): rad/s and m/s."""
        return np.asarray(self.data.qvel[self._v])

    @property
    def gripper(self) -> float:
        """Real opening of the gripper, 0 to 1."""
        gap = float(self.data.qpos[self._q[7:]].mean()) / panda.OPEN_M
        return min(1.0, max(0.0, gap))

    @property
    def held(self) -> str:
        """Name of the body that the gripper holds; empty if it holds none."""
        return self._grasp.held

    def tool_pose(self) -> Pose3:
        """Return ``T_base_tool``."""
        pose = np.eye(4)
        pose[:3, 3] = self.data.site_xpos[self._tool]
        pose[:3, :3] = self.data.site_xmat[self._tool].reshape(3, 3)
        return Pose3.from_matrix(pose)

    def centroids(self) -> list[tuple[float, ...]]:
        """Return the middles of the objects that the protocol may tell, (x, y, z) in metres."""
        names = self.scene.objects
        return [tuple(self.scene.centroid(self.model, self.data, name)) for name in names]

    def move(self, target: Pose3, opened: bool, pace: Pace = never) -> Outcome:
        """Bring the tool to a pose along a straight line, then open or close the gripper.

        The gripper acts only if it is told something else than before. Everything has come to rest
        when this returns, unless ``pace`` stopped it. Raises ``ENVIRONMENT_FAILED`` if the physics
        broke down.
        """
        here, goal = self.data.qpos[self._arm_q].copy(), target.matrix()
        if self._kinematics.reach(goal, here) is None:
            return Outcome(code=ErrorCode.IK_FAILED)
        path = self._kinematics.straight(here, goal)
        if path is None:
            return Outcome(code=ErrorCode.NO_PATH)
        run = Run(self, pace)
        length = float(np.linalg.norm(goal[:3, 3] - self.data.site_xpos[self._tool]))
        arm = commands(path, length, STEP_S)
        rows = np.column_stack([arm, np.full(len(arm), self.data.ctrl[7])])
        if not run.follow(rows, watch_torque=True):
            self._brake()
        if not run.stopped:
            done = self._grip(run, opened) if opened != self.opened else run.settle()
            if not done:
                self._brake()
        self.refresh()
        self.require_sound()
        return Outcome(run.path_m, run.collided, stopped=run.stopped)

    def seize(self) -> bool:
        """Hold what both pads touch now, if it can be held; the fingers then stay where they are.

        The fingers must have come to rest. Returns whether something is held.
        """
        self.refresh()
        if self._grasp.seize():
            self.stay_fingers()  # the weld holds: squeezing on would only fight it
        return bool(self._grasp.held)

    def release(self) -> None:
        """Let go of what is held."""
        self._grasp.release()

    def stay_arm(self) -> None:
        """Tell the arm's servos to hold the present angles."""
        self.data.ctrl[:7] = self.data.qpos[self._arm_q]

    def stay_fingers(self) -> None:
        """Tell the fingers' servo to hold the present position."""
        self.data.ctrl[7] = self.data.qpos[self._q[7]]

    def progress(self) -> float:
        """Return how near the goal is, 0 to 1."""
        return float(self.scene.progress(self.model, self.data))

    def succeeded(self) -> bool:
        """Tell whether the goal is reached."""
        return bool(self.scene.succeeded(self.model, self.data))

    def decided(self) -> bool:
        """Tell whether the goal is reached, or can no longer be."""
        return self.succeeded() or bool(self.scene.failed(self.model, self.data))

    def snapshot(self) -> TableState:
        """Return the present state."""
        mujoco.mj_getState(self.model, self.data, self._state, self._signature)
        return TableState(self._state.tobytes(), self._grasp.state(), self.opened)

    def restore(self, state: TableState) -> None:
        """Return to a snapshot of this table, bit by bit."""
        physics = np.frombuffer(state.physics)
        mujoco.mj_setState(self.model, self.data, physics, self._signature)
        self._grasp.restore(state.welds)
        self.opened = state.opened
        self.refresh()

    def refresh(self) -> None:
        """Bring places, contacts and velocities up to date with the state, and change nothing."""
        mujoco.mj_fwdPosition(self.model, self.data)
        mujoco.mj_fwdVelocity(self.model, self.data)

    def _begin(self) -> None:
        data = self.data
        data.qpos[self._arm_q] = data.ctrl[:7] = READY_RAD
        data.qpos[self._q[7:]] = data.ctrl[7] = panda.OPEN_M
        Run(self).settle()
        data.time = 0.0
        self.refresh()

    def _grip(self, run: Run, opened: bool) -> bool:
        """Move the fingers; then hold what is between them. False if it was stopped."""
        data = self.data
        if opened:
            self.release()
        start, goal = float(data.qpos[self._q[7]]), panda.OPEN_M if opened else 0.0
        count = max(1, round(abs(goal - start) / (FINGER_M_S * STEP_S)))
        rows = np.tile(data.ctrl, (count, 1))
        rows[:, 7] = np.linspace(start, goal, count + 1)[1:]
        if not (run.follow(rows) and run.settle(_CLOSE_S)):
            return False
        self.opened = opened
        if not opened:
            self.seize()
        return True

    def require_sound(self) -> None:
        """Raise if MuJoCo met numbers that are not finite: it then starts over without a word."""
        if any(self.data.warning[kind].number for kind in _BREAKDOWNS):
            raise WiwError(
                ErrorCode.ENVIRONMENT_FAILED,
                f"The physics of the table broke down at {self.data.time:.2f} s.",
                "Begin the episode again, and report the plan that did it.",
            )

    def _brake(self) -> None:
        """Stop where the arm is: the servos are told the present angles, and damp what moves."""
        self.stay_arm()
        self.stay_fingers()
        Run(self).settle(_BRAKE_S)


class Run:
    """Steps the physics, and sees what happens meanwhile.

    Attributes
    ----------
    path_m : float
        Metres that the tool has travelled.
    collided : bool
        The arm pressed too hard against something while the torques were watched.
    stopped : bool
        ``pace`` told it to stop.
    """

    def __init__(self, table: Table, pace: Pace = never) -> None:
        self._table, self._pace = table, pace
        self.path_m, self.collided, self.stopped = 0.0, False, False
        self._over = False
        self._place = table.data.site_xpos[table._tool].copy()

    def follow(self, rows: Array, *, watch_torque: bool = False) -> bool:
        """Give the servos a row per step; False if the arm had to stop.

        Parameters
        ----------
        rows : (T, 8) float64
            What the seven joints (rad) and one finger (m) are told.
        watch_torque : bool
            An external torque above ``panda.Link.trip_nm`` that lasts two ticks is a collision.
        """
        data = self._table.data
        for start in range(0, len(rows), TICK):
            for row in rows[start : start + TICK]:
                data.ctrl[:] = row
                self._step()
            if self._ticked() or (watch_torque and self._tripped()):
                return False
        return True

    def settle(self, limit_s: float = SETTLE_S) -> bool:
        """Go on until everything is at rest; False if it was told to stop."""
        data, quiet = self._table.data, 0.0
        for _ in range(round(limit_s / STEP_S / TICK)):
            for _ in range(TICK):
                self._step()
            if self._ticked():
                return False
            quiet = quiet + TICK * STEP_S if np.abs(data.qvel).max() < STILL else 0.0
            if quiet >= _QUIET_S:
                break
        return True

    def _step(self) -> None:
        table = self._table
        mujoco.mj_step(table.model, table.data)
        table.scene.watch(table.model, table.data)

    def _ticked(self) -> bool:
        place = self._table.data.site_xpos[self._table._tool]
        self.path_m += float(np.linalg.norm(place - self._place))
        self._place = place.copy()
        self.stopped = self._pace(TICK * STEP_S)
        return self.stopped

    def _tripped(self) -> bool:
        table = self._table
        over = bool((np.abs(table.data.qfrc_constraint[table._arm_v]) > _TRIP_NM).any())
        self.collided, self._over = over and self._over, over  # a knock of one tick is none
        return self.collided


def table_mjcf(scene: TableScene) -> str:
    """Return the whole model as MJCF text."""
    return (
        f'<mujoco model="table"><compiler angle="radian"/><size nuserdata="{NUSERDATA}"/>'
        f'<option timestep="{STEP_S}" integrator="implicitfast" cone="elliptic" impratio="10"/>'
        f"<default>{panda.DEFAULTS}</default>{WORLD_HEAD}<worldbody>{world_mjcf()}"
        f"{panda.arm_mjcf()}{scene.mjcf()}</worldbody>"
        f"<equality>{panda.coupling_mjcf()}{weld_mjcf(scene.graspable)}</equality>"
        f"<actuator>{panda.actuator_mjcf()}</actuator></mujoco>"
    )
