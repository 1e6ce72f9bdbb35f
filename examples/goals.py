"""Where an example's goal comes from: a photo, or the simulated robot's own episodes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.msg import Episode
from wiw_msgs.srv import ListEpisodes, ResetEpisode
from wiw_ros.clients.call import Service
from wiw_ros.convert import image_to_msg

REFEREE = "simulated_robot/referee"
WAIT_S = 60.0


def photo(path: Path) -> Episode:
    """Return image-goal navigation to where this picture was taken."""
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise WiwError(ErrorCode.BAD_IMAGE, f"'{path}' is no picture that can be read.")
    episode = Episode(task="ignav", id=path.stem, budget=20)
    episode.goal_view.name = "goal"
    episode.goal_view.image = image_to_msg(np.ascontiguousarray(bgr[..., ::-1]))
    episode.goal_view.t_base_camera.rotation.w = 1.0
    return episode


def simulated(node: Node) -> Episode:
    """Have the simulated robot placed at the start of its first episode; return that."""
    listing = Service(node, ListEpisodes, f"{REFEREE}/list_episodes", ErrorCode.UNKNOWN_EPISODE)
    request = ListEpisodes.Request(task="ignav", split="val", limit=1)
    episode_id = listing.call(request, WAIT_S, tries=3).episode_ids[0]
    placing = Service(node, ResetEpisode, f"{REFEREE}/reset_episode", ErrorCode.UNKNOWN_EPISODE)
    reply = placing.call(ResetEpisode.Request(task="ignav", episode_id=episode_id), WAIT_S)
    return reply.episode
