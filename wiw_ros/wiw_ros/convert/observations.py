"""Views, observations and episodes."""

from __future__ import annotations

import array

from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.observation import Box, Episode, Observation, Projection, SceneObject, View
from wiw_msgs.msg import Episode as EpisodeMsg
from wiw_msgs.msg import Observation as ObservationMsg
from wiw_msgs.msg import SceneObject as SceneObjectMsg
from wiw_msgs.msg import View as ViewMsg
from wiw_ros.convert import geometry, images
from wiw_ros.convert.checks import enum_from_msg, require_finite


def view_to_msg(view: View, stamp_s: float = 0.0) -> ViewMsg:
    """Return the view as a message; its images are in the frame ``<name>_optical_frame``."""
    header = Header(stamp=geometry.stamp_to_msg(stamp_s), frame_id=f"{view.name}_optical_frame")
    message = ViewMsg(
        name=view.name,
        projection=int(view.projection),
        image=images.image_to_msg(view.rgb, header),
        camera_info=images.camera_info_to_msg(
            view.intrinsics, view.size, header, view.projection is Projection.EQUIRECTANGULAR
        ),
        t_base_camera=geometry.transform_to_msg(view.T_base_camera),
        target_box=array.array("i", view.target_box or ()),
    )
    if view.depth is not None:
        if view.depth.shape != view.size:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"View '{view.name}' has depth {view.depth.shape}, image {view.size}.",
            )
        message.depth = images.depth_to_msg(view.depth, header)
    return message


def view_from_msg(message: ViewMsg) -> View:
    """Return the view, its images looking into the message; raises ``BAD_IMAGE``."""
    try:
        rgb = images.image_from_msg(message.image)
        depth = images.depth_from_msg(message.depth) if message.depth.height else None
        size = int(rgb.shape[0]), int(rgb.shape[1])
        if depth is not None and depth.shape != size:
            raise WiwError(ErrorCode.BAD_IMAGE, f"The depth is {depth.shape}, the image {size}.")
        return View(
            name=message.name,
            rgb=rgb,
            projection=enum_from_msg(
                Projection, message.projection, "The projection", ErrorCode.BAD_IMAGE
            ),
            depth=depth,
            intrinsics=images.intrinsics_from_msg(message.camera_info, size),
            T_base_camera=geometry.transform_from_msg(message.t_base_camera),
            target_box=_box(tuple(message.target_box), size),
        )
    except WiwError as error:
        raise WiwError(error.code, f"View '{message.name}': {error.message}") from error


def observation_to_msg(observation: Observation) -> ObservationMsg:
    """Return the observation as a message; its pose is in the frame ``odom``."""
    stamp = geometry.stamp_to_msg(observation.stamp_s)
    return ObservationMsg(
        header=Header(stamp=stamp, frame_id="odom"),
        episode_id=observation.episode_id,
        step=observation.step,
        views=[view_to_msg(v, observation.stamp_s) for v in observation.views],
        base_pose=geometry.pose_to_msg(observation.base_pose),
        joint_state=_joints_to_msg(observation, stamp),
        tool_pose=geometry.pose3_to_msg(observation.tool_pose or Pose3()),
        gripper=float(observation.gripper),
        objects=[
            SceneObjectMsg(name=o.name, centroid=geometry.point_to_msg((o.x_m, o.y_m, o.z_m)))
            for o in observation.objects
        ],
    )


def observation_from_msg(message: ObservationMsg) -> Observation:
    """Return the observation, its images looking into the message; raises ``BAD_IMAGE``."""
    names = [view.name for view in message.views]
    if len(set(names)) != len(names):
        raise WiwError(
            ErrorCode.BAD_IMAGE, f"An observation names a view twice: {', '.join(names)}."
        )
    return Observation(
        episode_id=message.episode_id,
        step=message.step,
        views=tuple(view_from_msg(v) for v in message.views),
        base_pose=geometry.pose_from_msg(message.base_pose),
        stamp_s=geometry.stamp_from_msg(message.header.stamp),
        joints=_joints_from_msg(message.joint_state),
        tool_pose=geometry.pose3_from_msg(message.tool_pose) if message.joint_state.name else None,
        gripper=_finite(message.gripper, "The gripper's opening"),
        objects=tuple(_object_from_msg(o) for o in message.objects),
    )


def _object_from_msg(message: SceneObjectMsg) -> SceneObject:
    c = message.centroid
    x, y, z = (_finite(v, f"The centroid of '{message.name}'") for v in (c.x, c.y, c.z))
    return SceneObject(message.name, x, y, z)


def _joints_from_msg(message: JointState) -> tuple[tuple[str, float], ...]:
    if len(message.name) != len(message.position):
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"An observation names {len(message.name)} joints"
            f" and gives {len(message.position)} positions.",
        )
    return tuple(
        (name, _finite(position, f"Joint '{name}'"))
        for name, position in zip(message.name, message.position)
    )


def _finite(value: float, what: str) -> float:
    require_finite((value,), what, ErrorCode.BAD_IMAGE)
    return float(value)


def _joints_to_msg(observation: Observation, stamp: Time) -> JointState:
    return JointState(
        header=Header(stamp=stamp),
        name=[name for name, _ in observation.joints],
        position=array.array("d", (position for _, position in observation.joints)),
    )


def episode_to_msg(episode: Episode) -> EpisodeMsg:
    """Return the public side of the episode as a message."""
    message = EpisodeMsg(
        task=episode.task,
        id=episode.id,
        seed=episode.seed,
        scene=episode.scene,
        split=episode.split,
        goal_text=episode.goal_text,
        labels=list(episode.labels),
        budget=episode.budget,
        privileges=list(episode.privileges),
        difficulty=episode.difficulty,
    )
    if episode.goal_view is not None:
        message.goal_view = view_to_msg(episode.goal_view)
    return message


def episode_from_msg(message: EpisodeMsg) -> Episode:
    """Return the public side of the episode; raises ``BAD_IMAGE`` on a malformed goal image."""
    return Episode(
        task=message.task,
        id=message.id,
        seed=message.seed,
        scene=message.scene,
        split=message.split,
        budget=message.budget,
        goal_text=message.goal_text,
        goal_view=view_from_msg(message.goal_view) if message.goal_view.image.height else None,
        labels=tuple(message.labels),
        privileges=tuple(message.privileges),
        difficulty=message.difficulty,
    )


def _box(box: tuple[int, ...], size: tuple[int, int]) -> Box | None:
    if not box:
        return None
    height, width = size
    if len(box) == 4:
        x0, y0, x1, y1 = box
        if 0 <= x0 < x1 <= 2 * width and x0 < width and 0 <= y0 < y1 <= height:
            return x0, y0, x1, y1
    raise WiwError(
        ErrorCode.BAD_IMAGE, f"The target box {list(box)} is not inside {width}x{height} pixels."
    )
