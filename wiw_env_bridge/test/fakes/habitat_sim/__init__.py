"""A fake of Habitat-Sim's Python interface: the names, types and conventions that WIW uses.

Names, argument order, dtypes, units and errors follow habitat-sim 0.3; the
simulator behind them is a small real one: rooms of boxes, drawn by casting rays, walked by a disc.
A "scene" is a JSON file of boxes, see :mod:`habitat_sim.boxes`. It is no part of Habitat-Sim.
"""

from habitat_sim import agent, errors, nav
from habitat_sim.agent import ActionSpec, ActuationSpec, Agent, AgentConfiguration, AgentState
from habitat_sim.nav import MultiGoalShortestPath, PathFinder, ShortestPath
from habitat_sim.sensor import CameraSensorSpec, SensorSubType, SensorType
from habitat_sim.simulator import Configuration, Simulator, SimulatorConfiguration

__all__ = [
    "ActionSpec",
    "ActuationSpec",
    "Agent",
    "AgentConfiguration",
    "AgentState",
    "CameraSensorSpec",
    "Configuration",
    "MultiGoalShortestPath",
    "PathFinder",
    "SensorSubType",
    "SensorType",
    "ShortestPath",
    "Simulator",
    "SimulatorConfiguration",
    "agent",
    "errors",
    "nav",
]
__version__ = "0.3.3+fake"
