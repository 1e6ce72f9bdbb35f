"""The core contracts over ROS: thin clients of the env_bridge and of rollout servers."""

from wiw_ros.clients.environment import RosEnvironment
from wiw_ros.clients.liveness import Liveness, Patience
from wiw_ros.clients.world_model import RosWorldModel

__all__ = ["Liveness", "Patience", "RosEnvironment", "RosWorldModel"]
