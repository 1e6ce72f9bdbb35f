"""The sections of a robot's profile that every kind of robot has, and that of a base."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wiw_env_bridge.robot.schema import setting


@dataclass(frozen=True)
class Frames:
    """Names of tf frames."""

    base: str = setting("The robot's base: x forward, y left, z up.", "base_link")
    odom: str = setting("Where odometry is smooth.", "odom")
    map: str = setting("Where a localised robot is; empty without one.", "")
    tf: str = setting("Topic of moving transforms.", "tf")
    tf_static: str = setting("Topic of fixed transforms.", "tf_static")
    planning: str = setting("Where poses of the arm are given; empty for the base frame.", "")
    tool: str = setting("The arm's tool centre point; empty without an arm.", "")


@dataclass(frozen=True)
class Camera:
    """One camera: a view of every observation, under the name it has in the profile."""

    image: str = setting("Topic of sensor_msgs/Image, or of CompressedImage if `compressed`.")
    compressed: bool = setting("The image topic carries JPEG or PNG.", False)
    info: str = setting("Topic of sensor_msgs/CameraInfo; required of a perspective camera.", "")
    depth: str = setting("Topic of the registered depth image (32FC1 m, 16UC1 mm), or empty.", "")
    depth_info: str = setting("Topic of the depth's CameraInfo, checked against `info`.", "")
    rectified: bool = setting(
        "The driver has straightened the image: its matrix is P, not K; otherwise a lens's"
        " distortion is taken out here.",
        False,
    )
    projection: str = setting(
        "How it sees.", "perspective", choices=("perspective", "equirectangular")
    )
    frame: str = setting("Its optical frame; empty takes the one in the images.", "")
    extrinsic: tuple[float, ...] = setting(
        "x y z (m) qx qy qz qw of the optical frame in the base frame; empty asks tf.",
        (),
        length=7,
    )
    rate_hz: float = setting("Least rate that the doctor accepts.", 2.0, unit="Hz", above=0.0)
    depth_max_m: float = setting("Depth beyond this is unknown.", 20.0, unit="m", above=0.0)

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        found = []
        if self.projection == "perspective" and not self.info:
            found.append("a perspective camera needs 'info'")
        if self.depth_info and not self.depth:
            found.append("'depth_info' is given without 'depth'")
        if self.extrinsic and not math.isclose(math.hypot(*self.extrinsic[3:]), 1.0, abs_tol=1e-3):
            found.append("the quaternion of 'extrinsic' has not norm 1")
        return found


@dataclass(frozen=True)
class Panorama:
    """A panorama made by turning in place, where no 360-degree camera is."""

    turning: str = setting("Name of the camera that is turned; empty for no such panorama.", "")
    turns: int = setting("Pictures per circle: 4, 8 or 16.", 8, low=4, high=16)
    height: int = setting("Height of the panorama.", 288, unit="px", low=16, high=2048)
    width: int = setting(
        "Width of the panorama, a multiple of 16.", 512, unit="px", low=32, high=4096
    )

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        found = ["'width' must be a multiple of 16"] if self.width % 16 else []
        if self.turns not in (4, 8, 16):
            found.append("'turns' must be 4, 8 or 16: turns are 22.5 degrees each")
        return found


@dataclass(frozen=True)
class BaseSettings:
    """How the base is moved."""

    interface: str = setting(
        "nav2: DriveOnHeading and Spin; cmd_vel: velocity, closed on odometry; auto: nav2 if both"
        " servers are there, else cmd_vel.",
        "auto",
        choices=("auto", "nav2", "cmd_vel"),
    )
    drive_action: str = setting("Nav2's DriveOnHeading action.", "drive_on_heading")
    spin_action: str = setting("Nav2's Spin action.", "spin")
    cmd_vel: str = setting("Velocity topic.", "cmd_vel")
    twist: str = setting(
        "Type on the velocity topic; auto finds it in the graph.",
        "auto",
        choices=("auto", "stamped", "plain"),
    )
    odom: str = setting("Topic of nav_msgs/Odometry.", "odom")
    speed_m_s: float = setting("Speed of `forward`.", 0.1, unit="m/s", above=0.0, high=3.0)
    turn_rad_s: float = setting("Speed of a turn.", 0.4, unit="rad/s", above=0.0, high=6.0)
    acceleration_m_s2: float = setting(
        "Of a velocity command.", 0.5, unit="m/s^2", above=0.0, high=10.0
    )
    turn_acceleration_rad_s2: float = setting(
        "Of a velocity command.", 1.5, unit="rad/s^2", above=0.0, high=30.0
    )
    tolerance_m: float = setting("A drive by velocity ends this near.", 0.01, unit="m", above=0.0)
    tolerance_rad: float = setting(
        "A turn by velocity ends this near.", 0.015, unit="rad", above=0.0
    )
    rate_hz: float = setting("Of velocity commands.", 25.0, unit="Hz", low=20.0, high=200.0)
    stuck_s: float = setting(
        "Commanded to move and not moving for this long is a collision.", 1.0, unit="s", above=0.0
    )
    still_m_s: float = setting("Slower than this is standing.", 0.02, unit="m/s", above=0.0)
    still_rad_s: float = setting("Slower than this is standing.", 0.05, unit="rad/s", above=0.0)
    odom_age_s: float = setting("Odometry older than this is stale.", 0.3, unit="s", above=0.0)


@dataclass(frozen=True)
class Timing:
    """Every time-out, finite and above 0."""

    settle_s: float = setting(
        "From the end of motion to a picture.", 0.3, unit="s", above=0.0, high=10.0
    )
    image_age_s: float = setting("An older image is stale.", 0.5, unit="s", above=0.0, high=60.0)
    joint_age_s: float = setting(
        "Older joint_states are stale.", 0.2, unit="s", above=0.0, high=60.0
    )
    pair_s: float = setting(
        "An image, its camera_info and its depth may differ by this much.",
        0.02,
        unit="s",
        above=0.0,
        high=1.0,
    )
    tf_wait_s: float = setting("For a transform.", 0.2, unit="s", above=0.0, high=60.0)
    server_wait_s: float = setting(
        "For action servers and topics at start.", 5.0, unit="s", above=0.0, high=600.0
    )
    accept_s: float = setting("For a goal to be accepted.", 2.0, unit="s", above=0.0, high=60.0)
    result_factor: float = setting(
        "A goal may take this many times its nominal time ...", 1.5, low=1.0, high=20.0
    )
    result_extra_s: float = setting("... and this much more.", 2.0, unit="s", above=0.0, high=60.0)
    silence_s: float = setting(
        "An action server that gave feedback, or an arm's joint_states, silent for this long in"
        " motion are lost.",
        1.0,
        unit="s",
        above=0.0,
        high=60.0,
    )
    cancel_s: float = setting("For a cancelled goal to end.", 2.0, unit="s", above=0.0, high=60.0)
    reacquire_s: float = setting(
        "For a stream that was lost to come back while the robot is still.",
        2.0,
        unit="s",
        above=0.0,
        high=600.0,
    )

    def result_s(self, nominal_s: float) -> float:
        """Return how long a goal may take that nominally takes ``nominal_s``."""
        return nominal_s * self.result_factor + self.result_extra_s


@dataclass(frozen=True)
class RefereeSettings:
    """Who places the robot at an episode's start, and judges its end."""

    kind: str = setting(
        "simulated: the services of a simulated robot; pose: the robot's own pose against the"
        " goal's; operator: a person.",
        choices=("simulated", "pose", "operator"),
    )
    services: str = setting(
        "Prefix of the simulated referee's services.", "simulated_robot/referee"
    )
    tasks: tuple[str, ...] = setting(
        "Tasks that a simulated referee is asked for; empty asks for every registered one.", ()
    )
    episodes: str = setting(
        "File of the episodes (pose and operator); relative to the profile's folder.", ""
    )
    answer_s: float = setting(
        "Longest wait for a simulated referee.", 60.0, unit="s", above=0.0, high=600.0
    )
    verdict_s: float = setting(
        "Longest wait for a person's verdict; the bridge waits 30 s for a result.",
        20.0,
        unit="s",
        above=0.0,
        high=25.0,
    )
    person_s: float = setting(
        "Longest wait for a person; the bridge waits 120 s for a reset.",
        100.0,
        unit="s",
        above=0.0,
        high=110.0,
    )

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        if self.kind != "simulated" and not self.episodes:
            return [f"a referee of kind '{self.kind}' needs 'episodes'"]
        return []
