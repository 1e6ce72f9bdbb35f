"""The simulated arm: a Panda at the table with its controllers, description and five cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.node import Node

from wiw_core.cameras import pinhole
from wiw_env_bridge.simulated_robot import arm_urdf
from wiw_env_bridge.simulated_robot.arm_judge import ArmJudge, first_table
from wiw_env_bridge.simulated_robot.arm_plant import ArmState, Plant
from wiw_env_bridge.simulated_robot.arm_servers import GRIPPERS, ArmServers
from wiw_env_bridge.simulated_robot.arm_topics import ArmTopics
from wiw_env_bridge.simulated_robot.arm_trajectory import default_tolerances
from wiw_env_bridge.simulated_robot.arm_views import TableViews, optical_frame
from wiw_env_bridge.simulated_robot.cameras import CameraThread, CameraTopics, SensorNoise
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.tabletop.cameras import CAMERAS
from wiw_ros.parameters import Param

PARAMS = (
    Param("gripper", "parallel", "Action type of the gripper.", choices=tuple(GRIPPERS)),
    Param("moveit", False, "Offer move_action, as MoveIt's move_group does."),
    Param("speed", 1.0, "Simulated seconds per second of the clock.", "", 0.1, 20.0),
    Param("path_tolerance_rad", 0.1, "On the way, where a goal gives none.", "rad", 1e-3, 1.0),
    Param("goal_tolerance_rad", 0.01, "At the end, where a goal gives none.", "rad", 1e-3, 1.0),
    Param("goal_time_s", 1.0, "How late the end may be, where a goal is silent.", "s", 0.05, 60.0),
    Param("joint_noise_rad", 0.0, "Of the joints' positions on joint_states.", "rad", 0.0, 0.05),
    Param("camera_hz", 5.0, "Rate of the cameras.", "Hz", 0.1, 60.0),
    Param("image_size", 500, "Height and width of each camera.", "px", 16, 2048),
    Param("image_noise", 1.0, "Of each colour, in levels of 255.", "", 0.0, 50.0),
    Param("depth_noise", 0.002, "Of the depth, as a share of it.", "", 0.0, 0.2),
)

JOINT_STATES_S = 0.02
"""Between two joint states, however fast the simulated time runs."""


class SimulatedArm:
    """A seven-joint arm with a gripper at a table, in real time.

    Parameters
    ----------
    node : Node
        What it is shown on.
    values : dict
        Of :data:`PARAMS`, and ``seed``.
    on_error : callable
        Logs an exception of one of its threads.
    """

    def __init__(
        self,
        node: Node,
        values: dict[str, Any],
        faults: Faults,
        on_error: Callable[[BaseException], object],
    ) -> None:
        self._faults, clock = faults, node.get_clock()
        self._rng = np.random.default_rng(values["seed"])
        self._noise_rad, self._due_s = values["joint_noise_rad"], 0.0
        mounts = {
            optical_frame(name): (camera.body or arm_urdf.WORLD, camera.T_body_camera)
            for name, camera in CAMERAS.items()
        }
        self._topics = ArmTopics(node, mounts, faults)
        self._plant = Plant(
            first_table(),
            values["speed"],
            lambda: clock.now().to_msg(),
            self._heard,
            lambda: faults.on("ignore_commands"),
            on_error,
        )
        self.judge = ArmJudge(self._plant)
        tolerances = default_tolerances(
            values["path_tolerance_rad"], values["goal_tolerance_rad"], values["goal_time_s"]
        )
        self._servers = ArmServers(
            node, self._plant, faults, values["gripper"], tolerances, values["moveit"]
        )
        self._views = TableViews(self._plant, values["image_size"])
        self._cameras = self._make_cameras(node, values, on_error)
        self._ending, self._tending = threading.Event(), threading.Lock()

    def start(self) -> None:
        """Draw a first picture, then move and be seen."""
        self._views.warm()
        self._plant.start()
        self._cameras.start()
        self.tend()

    def tend(self) -> None:
        """Let the controllers vanish, or come back, as the fault says."""
        with self._tending:
            if self._ending.is_set():
                return
            if self._faults.on("vanish_servers"):
                self._servers.vanish()
            else:
                self._servers.open()

    def stop(self) -> None:
        """End every goal and hold the position."""
        self._plant.stop()

    def close(self) -> None:
        """Stop and free everything."""
        self.stop()
        with self._tending:
            self._ending.set()
            self._servers.close()
        self._cameras.close()
        self._plant.close()
        self._views.close()

    def _heard(self, state: ArmState) -> None:
        """Tell what the encoders say, no more often than a driver does; in the plant's thread."""
        now = time.monotonic()
        if now < self._due_s:
            return
        self._due_s = max(self._due_s + JOINT_STATES_S, now)
        if self._noise_rad:
            noise = self._rng.normal(0.0, self._noise_rad, 7)
            positions = state.positions + np.concatenate([noise, np.zeros(2)])
            state = replace(state, positions=positions)
        self._topics.publish(state)

    def _make_cameras(
        self, node: Node, values: dict[str, Any], on_error: Callable[[BaseException], object]
    ) -> CameraThread:
        size = values["image_size"]
        noise = SensorNoise(values["image_noise"], values["depth_noise"], size**2, values["seed"])
        topics = {
            name: CameraTopics(
                node,
                name,
                optical_frame(name),
                (size, size),
                pinhole.intrinsics(size, size, camera.fov_rad),
                noise,
                self._faults,
            )
            for name, camera in CAMERAS.items()
        }
        return CameraThread(self._views, topics, values["camera_hz"], on_error)
