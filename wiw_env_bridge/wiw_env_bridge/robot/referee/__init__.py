"""Who places the robot at the start of an episode, and judges its end."""

from wiw_env_bridge.robot.referee.base import Referee, Travelled, Whereabouts
from wiw_env_bridge.robot.referee.make import make_referee

__all__ = ["Referee", "Travelled", "Whereabouts", "make_referee"]
