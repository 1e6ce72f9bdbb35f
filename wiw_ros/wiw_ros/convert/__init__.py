"""Core types to messages and back: ``x_to_msg(core)``, ``x_from_msg(message)``.

What is malformed raises a ``WiwError`` with one sentence, on the way in and on the way out.
Image payloads are not copied on the way in: the arrays look into the message. A round trip core ->
message -> core gives equal values, to the bit; time stamps to the nanosecond.
"""

from __future__ import annotations

from wiw_ros.convert.checks import code_from_msg
from wiw_ros.convert.decisions import (
    candidate_from_msg,
    candidate_to_msg,
    decision_from_msg,
    decision_to_msg,
    result_from_msg,
    result_to_msg,
)
from wiw_ros.convert.geometry import (
    pose_from_msg,
    pose_to_msg,
    stamp_from_msg,
    stamp_to_msg,
    transform_from_msg,
    transform_to_msg,
)
from wiw_ros.convert.images import (
    camera_info_to_msg,
    depth_from_msg,
    depth_to_msg,
    image_from_msg,
    image_to_msg,
)
from wiw_ros.convert.observations import (
    episode_from_msg,
    episode_to_msg,
    observation_from_msg,
    observation_to_msg,
    view_from_msg,
    view_to_msg,
)
from wiw_ros.convert.plans import (
    action_from_msg,
    action_spec_from_msg,
    action_spec_to_msg,
    action_to_msg,
    plan_from_msg,
    plan_to_msg,
)
from wiw_ros.convert.rollouts import (
    model_info_from_msg,
    model_info_to_msg,
    request_from_goal,
    rollout_from_msg,
    rollout_to_msg,
    video_from_msg,
    video_to_msg,
)
from wiw_ros.convert.turns import (
    Begun,
    Turn,
    begun_from_msg,
    begun_to_msg,
    imagined_from_msg,
    imagined_to_msg,
    turn_from_msg,
    turn_to_msg,
)

__all__ = [
    "Begun",
    "Turn",
    "action_from_msg",
    "action_spec_from_msg",
    "action_spec_to_msg",
    "action_to_msg",
    "begun_from_msg",
    "begun_to_msg",
    "camera_info_to_msg",
    "candidate_from_msg",
    "candidate_to_msg",
    "code_from_msg",
    "decision_from_msg",
    "decision_to_msg",
    "depth_from_msg",
    "depth_to_msg",
    "episode_from_msg",
    "episode_to_msg",
    "image_from_msg",
    "image_to_msg",
    "imagined_from_msg",
    "imagined_to_msg",
    "model_info_from_msg",
    "model_info_to_msg",
    "observation_from_msg",
    "observation_to_msg",
    "plan_from_msg",
    "plan_to_msg",
    "pose_from_msg",
    "pose_to_msg",
    "request_from_goal",
    "result_from_msg",
    "result_to_msg",
    "rollout_from_msg",
    "rollout_to_msg",
    "stamp_from_msg",
    "stamp_to_msg",
    "transform_from_msg",
    "transform_to_msg",
    "turn_from_msg",
    "turn_to_msg",
    "video_from_msg",
    "video_to_msg",
    "view_from_msg",
    "view_to_msg",
]
