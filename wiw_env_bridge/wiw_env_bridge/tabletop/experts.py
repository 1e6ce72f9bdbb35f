"""Scripted experts of the table tasks: what a policy that knows the true state would do next.

They are upper bounds and sources of data. Each looks at the present state and returns one plan, a
few waypoints long, so that one which failed is tried again from where it left the objects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import Action, Plan
from wiw_core.tasks.manipulation import HORIZON
from wiw_env_bridge.tabletop.layout import flat_m, middle
from wiw_env_bridge.tabletop.panda import TABLE_TOP_M
from wiw_env_bridge.tabletop.scene import TableScene
from wiw_env_bridge.tabletop.tasks.push_buttons import HEIGHT_M, TRAVEL_M, ButtonsScene
from wiw_env_bridge.tabletop.tasks.slide_block import BLOCK_HALF_M, SlideScene
from wiw_env_bridge.tabletop.tasks.square_peg import HANDLE_M, SPOKE_TOP_M, PegScene
from wiw_env_bridge.tabletop.tasks.stack_cups import (
    CUP_HALF_M,
    GRASP_M,
    NESTED_M,
    RIM_M,
    CupsScene,
)

TIP_M = 0.012
"""How far the finger tips reach beyond the tool."""
FINGER_HALF_M = 0.011
"""Half the width of the closed fingers."""
_ABOVE_M = 0.08
_SAFE_Z_M = TABLE_TOP_M + 0.26
"""Height of the tool at which what it holds passes over everything."""


def next_plan(scene: TableScene, model: mujoco.MjModel, data: mujoco.MjData) -> Plan:
    """Return what to do next, at most five continuous tool poses.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK`` for a scene that no expert is written for.
    """
    if isinstance(scene, ButtonsScene):
        return _push(scene, data)
    if isinstance(scene, SlideScene):
        return _slide(scene, data)
    if isinstance(scene, PegScene):
        return _insert(scene, data)
    if isinstance(scene, CupsScene):
        return _stack(scene, data)
    raise WiwError(ErrorCode.UNKNOWN_TASK, f"No expert is written for a {type(scene).__name__}.")


def _push(scene: ButtonsScene, data: mujoco.MjData) -> Plan:
    """Above the button, down, up."""
    place = middle(data, f"button{scene.named}")
    top = place[2] + HEIGHT_M / 2
    down = top - TRAVEL_M + TIP_M
    return _plan(
        _to(place, top + _ABOVE_M, opened=False),
        _to(place, down, opened=False),
        _to(place, top + _ABOVE_M, opened=False),
    )


def _slide(scene: SlideScene, data: mujoco.MjData) -> Plan:
    """Down behind the block, through its middle to the square, up."""
    block, goal = middle(data, "block"), np.array(scene.square(scene.named))
    way = goal - block[:2]
    ahead = way / np.linalg.norm(way)
    turn = data.body("block").xmat.reshape(3, 3)[:2, :2]
    # The fingers touch a face: so far from the middle along the way.
    reach = BLOCK_HALF_M[0] / float(np.abs(turn.T @ ahead).max()) + FINGER_HALF_M
    yaw = math.atan2(ahead[1], ahead[0])
    behind, end = block[:2] - ahead * (reach + 0.03), goal - ahead * reach
    low, high = float(block[2]), float(block[2]) + _ABOVE_M
    return _plan(
        _to(behind, high, yaw, opened=False),
        _to(behind, low, yaw, opened=False),
        _to(end, low, yaw, opened=False),
        _to(end, high, yaw, opened=False),
    )


def _insert(scene: PegScene, data: mujoco.MjData) -> Plan:
    """Above the handle, grasp, lift, over the spoke, down and let go."""
    ring, spoke = middle(data, "ring"), scene.spoke(scene.named)
    turn = data.body("ring").xmat.reshape(3, 3)
    handle = ring + turn @ np.array(HANDLE_M)
    yaw = math.atan2(turn[1, 0], turn[0, 0])
    # The tool keeps its yaw, and so does the ring: the handle stays where it is beside the hole.
    over = np.array(spoke) + (handle - ring)[:2]
    drop = SPOKE_TOP_M - 0.03 + HANDLE_M[2]
    return _plan(
        _to(handle, handle[2] + _ABOVE_M, yaw, opened=True),
        _to(handle, handle[2], yaw, opened=False),
        _to(handle, _SAFE_Z_M, yaw, opened=False),
        _to(over, _SAFE_Z_M, yaw, opened=False),
        _to(over, drop, yaw, opened=True),
    )


def _stack(scene: CupsScene, data: mujoco.MjData) -> Plan:
    """Above a cup, grasp its rim, over the named cup, down and let go; then the other cup."""
    base, tool = middle(data, f"cup{scene.named}"), np.array(data.site("tool").xpos)
    places = {name: middle(data, name) for name in scene.others}
    loose = [name for name in scene.others if flat_m(places[name], base) > NESTED_M]
    over = base + np.array(GRASP_M)
    drop = over[2] + (scene.stacked(data) + 1) * 0.03
    put = (_to(over, _SAFE_Z_M, opened=False), _to(over, drop, opened=True))
    held = [name for name in scene.others if _is_held(places[name], tool)]
    if held or not loose:
        return _plan(*put)
    name = min(loose, key=lambda n: float(places[n][1]))
    rim = places[name] + np.array(GRASP_M)
    away = [places[n] for n in loose if n != name]
    lift = [_to(rim, _SAFE_Z_M, opened=False)] if _in_the_way(away, rim, over) else []
    up = [_to(tool, _SAFE_Z_M, opened=True)] if tool[2] < _SAFE_Z_M - 0.05 else []
    above, grasp = _to(rim, rim[2] + 0.1, opened=True), _to(rim, rim[2], opened=False)
    return _plan(*(*up, above, grasp, *lift, *put)[:HORIZON])


def _is_held(cup: Array, tool: Array) -> bool:
    """Tell whether a cup hangs under the tool."""
    off_table = cup[2] > TABLE_TOP_M + CUP_HALF_M + 0.1
    return bool(off_table and flat_m(cup, tool) < 2 * RIM_M)


def _in_the_way(cups: Sequence[Array], here: Array, there: Array) -> bool:
    """Tell whether a held cup, on its straight way, would pass over one of ``cups``."""
    way = (there - here)[:2]
    for cup in cups:
        share = np.clip((cup - here)[:2] @ way / (way @ way), 0.0, 1.0)
        if np.hypot(*((cup - here)[:2] - share * way)) < 2 * RIM_M + 0.06:
            return True
    return False


def _plan(*actions: Action) -> Plan:
    return Plan(actions)


def _to(
    place: Sequence[float] | Array, z_m: float, yaw_rad: float = 0.0, *, opened: bool
) -> Action:
    """Return the tool pose over (x, y) at height ``z_m``, straight down.

    Half a turn makes no difference to the gripper, so the yaw is brought to within a quarter turn.
    """
    yaw = (yaw_rad + math.pi / 2) % math.pi - math.pi / 2
    down = Rotation.from_euler("z", yaw) * Rotation.from_euler("x", math.pi)
    x, y, z, w = (float(q) for q in down.as_quat())
    return tool_pose(Pose3(float(place[0]), float(place[1]), float(z_m), x, y, z, w), opened)
