"""What the examples share: eyes and wheels of a robot as its own software uses them; an advisor.

Nothing here needs the bridge. The robot is driven through its standard interfaces alone, by this
program; WIW's planner is asked what it would do, and moves nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rclpy
from nav2_msgs.action import DriveOnHeading, Spin
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import FORWARD_M, TURN_RAD
from wiw_msgs.action import Decide
from wiw_msgs.msg import Decision, Episode, Observation, View
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import wait
from wiw_ros.convert import transform_from_msg, transform_to_msg
from wiw_ros.qos import LATCHED

WAIT_S = 60.0
"""Longest wait for anything; a planner that imagines a lot may need more."""
SPEED_M_S, TURN_RAD_S = 0.3, 0.8
"""Greatest speeds of this robot. They belong to its owner, not to the advisor."""
CAMERAS = {"front": "camera", "panorama": "panorama"}
"""Views that the advisor's task wants, and the prefix of each camera's topics."""


@contextmanager
def running(name: str) -> Iterator[Node]:
    """Give a node that spins in a thread of its own until the block ends."""
    rclpy.init()
    node = rclpy.create_node(name)
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            pass

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown(timeout_sec=2.0)
        thread.join(2.0)
        rclpy.try_shutdown()


class Eyes:
    """Keeps the newest message of every sensor, and puts an observation together."""

    def __init__(self, node: Node) -> None:
        self._news = threading.Condition()
        self._newest: dict[str, Any] = {}
        self._parents: dict[str, tuple[str, np.ndarray]] = {}
        self._node = node
        for name, prefix in CAMERAS.items():
            self._hear(Image, f"{prefix}/image_raw", f"{name} image", qos_profile_sensor_data)
            self._hear(Image, f"{prefix}/depth/image_raw", f"{name} depth", qos_profile_sensor_data)
        self._hear(CameraInfo, "camera/camera_info", "front info", qos_profile_sensor_data)
        self._hear(Odometry, "odom", "odom", qos_profile_sensor_data)
        node.create_subscription(TFMessage, "tf_static", self._mounts, LATCHED)

    def observe(self, episode_id: str, step: int) -> Observation:
        """Return what the robot sees from now on; it must stand still."""
        after_s = self._node.get_clock().now().nanoseconds * 1e-9
        names = [f"{name} {what}" for name in CAMERAS for what in ("image", "depth")]
        self._until(
            lambda: all(self._stamp_s(name) > after_s for name in [*names, "odom"]),
            "a new picture of every camera, and odometry",
        )
        seen = Observation(episode_id=episode_id, step=step)
        odom = self._newest["odom"]
        seen.header.stamp, seen.header.frame_id = odom.header.stamp, "odom"
        seen.base_pose = odom.pose.pose
        seen.tool_pose.orientation.w = 1.0
        seen.views = [self._view(name) for name in CAMERAS]
        return seen

    @property
    def place(self) -> tuple[float, float]:
        """Where odometry says the robot is; metres."""
        self._until(lambda: "odom" in self._newest, "odometry")
        position = self._newest["odom"].pose.pose.position
        return position.x, position.y

    def _view(self, name: str) -> View:
        image = self._newest[f"{name} image"]
        view = View(name=name, image=image, depth=self._newest[f"{name} depth"])
        if name == "panorama":
            view.projection = View.EQUIRECTANGULAR
        else:
            view.camera_info = self._newest[f"{name} info"]
        view.t_base_camera = transform_to_msg(self._mount(image.header.frame_id))
        return view

    def _mount(self, frame: str) -> np.ndarray:
        """Return ``T_base_camera`` of a camera that is fixed to the robot."""
        pose = np.eye(4)
        self._until(lambda: frame in self._parents, f"the static transform to '{frame}'")
        while frame in self._parents:
            frame, step = self._parents[frame]
            pose = step @ pose
        return pose

    def _hear(self, kind: Any, topic: str, name: str, qos: QoSProfile) -> None:
        def take(message: Any) -> None:
            with self._news:
                self._newest[name] = message
                self._news.notify_all()

        self._node.create_subscription(kind, topic, take, qos)

    def _mounts(self, message: TFMessage) -> None:
        with self._news:
            for t in message.transforms:
                pose = transform_from_msg(t.transform)
                self._parents[t.child_frame_id] = (t.header.frame_id, pose)
            self._news.notify_all()

    def _stamp_s(self, name: str) -> float:
        message = self._newest.get(name)
        if message is None:
            return 0.0
        return float(message.header.stamp.sec + message.header.stamp.nanosec * 1e-9)

    def _until(self, test: Callable[[], bool], what: str) -> None:
        with self._news:
            if not self._news.wait_for(test, WAIT_S):
                raise WiwError(ErrorCode.STALE_OBSERVATION, f"No {what} in {WAIT_S:.0f} s.")


class Advisor:
    """Asks the planner what it would do. Nothing moves by it."""

    def __init__(self, node: Node, episode: Episode, planner: str = "planner_node") -> None:
        self._client = SafeActionClient(node, Decide, f"{planner}/decide")
        self._episode = episode
        self._asked = 0

    def ask(self, observation: Observation) -> Decision:
        """Return its decision; raises its own code if it has none."""
        goal = Decide.Goal(episode=self._episode, observations=[observation], index=self._asked)
        result = act(self._client, goal)
        if result.code != ErrorCode.OK:
            raise WiwError(ErrorCode(result.code), result.message)
        self._asked += 1
        return result.decision


class Wheels:
    """Drives through Nav2's behaviours, which look out for obstacles."""

    def __init__(self, node: Node) -> None:
        self._drive = SafeActionClient(node, DriveOnHeading, "drive_on_heading")
        self._spin = SafeActionClient(node, Spin, "spin")

    def execute(self, name: str) -> bool:
        """Execute one primitive; False if it was given up, such as before an obstacle."""
        if name == "forward":
            goal = DriveOnHeading.Goal(speed=SPEED_M_S)
            goal.target.x = FORWARD_M
            goal.time_allowance.sec = math.ceil(3.0 * FORWARD_M / SPEED_M_S)
            return act(self._drive, goal).error_code == DriveOnHeading.Result.NONE
        goal = Spin.Goal(target_yaw=TURN_RAD if name == "turn_left" else -TURN_RAD)
        goal.time_allowance.sec = math.ceil(3.0 * TURN_RAD / TURN_RAD_S)
        return act(self._spin, goal).error_code == Spin.Result.NONE


def act(client: SafeActionClient, goal: Any) -> Any:
    """Send a goal and wait for its result; whatever interrupts the wait cancels the goal."""
    name = client._action_name
    if not client.wait_for_server(WAIT_S):
        raise WiwError(ErrorCode.ACTION_SERVER_LOST, f"Nobody offers '{name}'.")
    late = WiwError(ErrorCode.ACTION_SERVER_LOST, f"No answer of '{name}' in {WAIT_S:.0f} s.")
    handle = wait(client.send_goal_async(goal), time.monotonic() + WAIT_S, late)
    if not handle.accepted:
        raise WiwError(ErrorCode.GOAL_REJECTED, f"'{name}' rejected the goal.")
    try:
        return wait(handle.get_result_async(), time.monotonic() + WAIT_S, late).result
    except BaseException:
        handle.cancel_goal_async()
        raise
