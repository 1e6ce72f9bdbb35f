"""The referee that a profile asks for."""

from __future__ import annotations

from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.referee.base import Referee, Whereabouts
from wiw_env_bridge.robot.referee.episodes import load_episodes
from wiw_env_bridge.robot.referee.operator import OperatorReferee
from wiw_env_bridge.robot.referee.pose import PoseReferee
from wiw_env_bridge.robot.referee.simulated import SimulatedReferee


def make_referee(link: RobotLink, profile: RobotProfile, where: Whereabouts) -> Referee:
    """Return the referee of ``profile.referee``; raises ``BAD_PARAMETER`` on bad episodes."""
    if profile.referee.kind == "simulated":
        return SimulatedReferee(link, profile)
    episodes = load_episodes(profile.folder / profile.referee.episodes)
    if profile.referee.kind == "operator":
        return OperatorReferee(link, profile, episodes)
    frames = {"map": profile.frames.map, "odom": profile.frames.odom}
    return PoseReferee(episodes, frames, where)
