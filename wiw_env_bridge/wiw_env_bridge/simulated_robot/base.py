"""The simulated mobile base: a driver, odometry, two cameras and a behaviour server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.node import Node

from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.mujoco.cameras import camera_pose
from wiw_env_bridge.simulated_robot.apartment import Apartment, ApartmentJudge
from wiw_env_bridge.simulated_robot.behaviours import BehaviourServer
from wiw_env_bridge.simulated_robot.cameras import (
    CameraThread,
    CameraTopics,
    Moment,
    SensorNoise,
)
from wiw_env_bridge.simulated_robot.drive import (
    STEP_S,
    Drive,
    DriveLimits,
    DriveState,
    WorldClock,
)
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.odometry import OdometryTopics
from wiw_env_bridge.simulated_robot.velocity import hear_velocity
from wiw_ros.parameters import Param

PARAMS = (
    Param("stamped", True, "cmd_vel is TwistStamped, else Twist."),
    Param("behaviours", True, "Offer drive_on_heading and spin."),
    Param("max_speed_m_s", 0.6, "Greatest forward speed.", "m/s", 0.01, 5.0),
    Param("max_turn_rad_s", 1.6, "Greatest yaw rate.", "rad/s", 0.01, 10.0),
    Param("acceleration_m_s2", 1.5, "Of driving and braking.", "m/s2", 0.05, 20.0),
    Param("turn_acceleration_rad_s2", 4.0, "Of turning.", "rad/s2", 0.05, 50.0),
    Param("latency_s", 0.04, "From a command to its effect.", "s", 0.0, 1.0),
    Param(
        "watchdog_s",
        0.5,
        "Silence on cmd_vel after which it stops.",
        "s",
        0.05,
        5.0,
    ),
    Param("odom_hz", 30.0, "Rate of odom and tf.", "Hz", 1.0, 100.0),
    Param("odom_noise", 0.01, "Of the odometry, as a share of motion.", "", 0.0, 0.2),
    Param(
        "simulate_ahead_s",
        2.0,
        "How far ahead in time the behaviours look for obstacles, as Nav2's parameter.",
        "s",
        0.0,
        10.0,
    ),
    Param("camera_hz", 5.0, "Rate of the cameras.", "Hz", 0.1, 60.0),
    Param("front_size", 512, "Height and width of the camera.", "px", 16, 2048),
    Param("panorama_height", 576, "Of the 360 degree camera.", "px", 16, 2048),
    Param("panorama_width", 1024, "Of the same; a multiple of 16.", "px", 32, 4096),
    Param("image_noise", 1.0, "Of each colour, in levels of 255.", "", 0.0, 50.0),
    Param("depth_noise", 0.002, "Of the depth, as a share of it.", "", 0.0, 0.2),
)

CAMERAS = {"front": "camera", "panorama": "panorama"}
"""Prefix of each camera's topics and optical frame."""


class SimulatedBase:
    """A robot on wheels in an apartment, in real time.

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
        self._node, self._faults, self._on_error = node, faults, on_error
        panorama_hw = values["panorama_height"], values["panorama_width"]
        self._apartment = Apartment(panorama_hw, values["front_size"])
        limits = DriveLimits(
            values["max_speed_m_s"],
            values["max_turn_rad_s"],
            values["acceleration_m_s2"],
            values["turn_acceleration_rad_s2"],
            values["latency_s"],
            values["watchdog_s"],
            values["odom_noise"],
        )
        first = self._apartment.first
        self._clock = WorldClock()
        self._drive = Drive(limits, faults, self._clock.now(), values["seed"])
        self._drive.place(first.scene, self._apartment.grid(first.scene), first.start)
        self._behaviours: BehaviourServer | None = None
        if values["behaviours"]:
            self._behaviours = BehaviourServer(
                node, self._drive, faults, values["simulate_ahead_s"], values["stamped"]
            )
        self.judge = ApartmentJudge(self._apartment, self._drive, self.stop)
        self._stamped = values["stamped"]
        self._odom_s = 1.0 / values["odom_hz"]
        self._now: tuple[DriveState, Time] = self._drive.state, self._stamp()
        frames = {name: f"{prefix}_optical_frame" for name, prefix in CAMERAS.items()}
        self._odometry = OdometryTopics(
            node, {frame: camera_pose() for frame in frames.values()}, faults
        )
        self._cameras = self._make_cameras(values, frames)
        self._ending, self._tending = threading.Event(), threading.Lock()
        self._wheels = threading.Thread(target=self._roll, name="drive", daemon=True)

    def start(self) -> None:
        """Draw a first picture, then move and be seen."""
        state = self._drive.advance(self._clock.tick())
        self._apartment.draw("front", state.scene, state.pose)
        self._wheels.start()
        hear_velocity(
            self._node,
            self._stamped,
            self._drive.limits.watchdog_s,
            lambda speed, turn: self._drive.command(speed, turn, self._clock.now()),
        )
        self._cameras.start()
        self.tend()

    def tend(self) -> None:
        """Let the behaviour server vanish, or come back, as the fault says."""
        with self._tending:
            if self._behaviours is None or self._ending.is_set():
                return
            if self._faults.on("vanish_servers"):
                self._behaviours.vanish(crash=self._faults.value("vanish_servers") >= 1.0)
            else:
                self._behaviours.open()

    def stop(self) -> None:
        """End the goal in progress and stand still."""
        if self._behaviours is not None:
            self._behaviours.halt()
        self._drive.stop()

    def close(self) -> None:
        """Stop, say so once on odom, and free everything."""
        self.stop()
        with self._tending:
            self._ending.set()
            if self._behaviours is not None:
                self._behaviours.close()
        if self._wheels.is_alive():
            self._wheels.join(2.0)
        self._cameras.close()
        self._apartment.close()

    # What the cameras look at ---------------------------------------------------------------------

    def moment(self) -> Moment:
        """Return where the base is: the apartment and ``T_map_base``."""
        state, stamp = self._now
        return Moment((state.scene, state.pose), stamp)

    def draw(self, camera: str, key: Any) -> tuple[Rgb, Depth]:
        """Return what a camera sees there."""
        return self._apartment.draw(camera, *key)

    # Parts ----------------------------------------------------------------------------------------

    def _roll(self) -> None:
        """Advance the drive in real time, and tell it."""
        told_s = -1.0
        while not self._ending.wait(STEP_S):
            try:
                now = self._clock.tick()
                self._now = self._drive.advance(now), self._stamp()
                if now - told_s >= self._odom_s - 0.5 * STEP_S:
                    told_s = now
                    self._odometry.publish(*self._now)
            except Exception as error:  # noqa: BLE001 - a base that fails once goes on
                self._on_error(error)
        self._odometry.publish(self._drive.state, self._stamp())

    def _make_cameras(self, values: dict[str, Any], frames: dict[str, str]) -> CameraThread:
        front, panorama = self._apartment.renderer.front, self._apartment.renderer.panorama
        sizes = {"front": (front.size, front.size), "panorama": (panorama.height, panorama.width)}
        most = max(height * width for height, width in sizes.values())
        noise = SensorNoise(values["image_noise"], values["depth_noise"], most, values["seed"])
        topics = {
            name: CameraTopics(
                self._node,
                prefix,
                frames[name],
                sizes[name],
                front.intrinsics.copy() if name == "front" else None,
                noise,
                self._faults,
            )
            for name, prefix in CAMERAS.items()
        }
        return CameraThread(self, topics, values["camera_hz"], self._on_error)

    def _stamp(self) -> Time:
        return self._node.get_clock().now().to_msg()
