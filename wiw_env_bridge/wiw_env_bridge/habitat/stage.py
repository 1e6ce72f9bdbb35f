"""One scene in Habitat-Sim: place the agent, move it, look, measure along the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2
from wiw_core.plans import FORWARD_M, TURN_RAD
from wiw_env_bridge.habitat.frames import pose_of
from wiw_env_bridge.habitat.rig import Rig

AGENT_HEIGHT_M, AGENT_RADIUS_M = 1.0, 0.1
"""The agent of the released solver."""
MOVES = {"forward": "move_forward", "turn_left": "turn_left", "turn_right": "turn_right"}
"""Habitat's name of each primitive."""
_NAMES = {habitat: ours for ours, habitat in MOVES.items()}

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """Where an agent is: Habitat's position in metres, and its rotation (w, x, y, z)."""

    position: Vector
    rotation: tuple[float, float, float, float]

    @property
    def pose(self) -> Pose2:
        """``T_map_base``."""
        return pose_of(self.position, self.rotation)


@dataclass(frozen=True)
class Settings:
    """How the simulator is set up.

    Attributes
    ----------
    gpu : int
        Graphics device; -1 draws in software.
    seed : int
        Of the simulator; 42 in the released solver.
    sliding : bool
        Whether a blocked forward slides along the wall: Habitat's default, and the paper's.
    """

    gpu: int = 0
    seed: int = 42
    sliding: bool = True


def load_habitat_sim() -> Any:
    """Return the module; raises ``INTERFACE_MISSING`` if it cannot be imported here."""
    try:
        import habitat_sim
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            f"This interpreter cannot import habitat_sim ({error}).",
            "Install it there (conda install habitat-sim -c conda-forge -c aihabitat), or give"
            " python=, the interpreter that has it.",
        ) from error
    return habitat_sim


class Stage:
    """A scene with one agent in it.

    Parameters
    ----------
    scene : Path
        The scene's file.
    dataset : str
        The scene dataset's configuration file; empty for none.
    rig : Rig
        The cameras.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING``; ``ENVIRONMENT_FAILED`` if the scene has no navigation mesh.
    """

    def __init__(self, scene: Path, dataset: str, rig: Rig, settings: Settings) -> None:
        self._habitat = habitat_sim = load_habitat_sim()
        config = habitat_sim.SimulatorConfiguration()
        config.scene_id = str(scene)
        if dataset:
            config.scene_dataset_config_file = dataset
        config.random_seed = settings.seed
        config.gpu_device_id = settings.gpu
        config.enable_physics = False
        config.allow_sliding = settings.sliding
        config.load_semantic_mesh = rig.semantic
        agent = habitat_sim.agent.AgentConfiguration()
        agent.height, agent.radius = AGENT_HEIGHT_M, AGENT_RADIUS_M
        agent.sensor_specifications = rig.specifications(habitat_sim)
        turn = math.degrees(TURN_RAD)
        agent.action_space = {
            name: habitat_sim.ActionSpec(name, habitat_sim.ActuationSpec(amount=amount))
            for name, amount in (
                ("move_forward", FORWARD_M),
                ("turn_left", turn),
                ("turn_right", turn),
            )
        }
        self._simulator = habitat_sim.Simulator(habitat_sim.Configuration(config, [agent]))
        self._simulator.seed(settings.seed)
        if not self._simulator.pathfinder.is_loaded:
            self.close()
            raise WiwError(
                ErrorCode.ENVIRONMENT_FAILED,
                f"The scene '{scene}' has no navigation mesh.",
                "It lies beside the scene, with the ending .navmesh.",
            )

    @property
    def place(self) -> Place:
        """Where the agent is."""
        state = self._agent.get_state()
        x, y, z = (float(value) for value in state.position)
        q = state.rotation
        return Place((x, y, z), (float(q.w), float(q.x), float(q.y), float(q.z)))

    def put(self, place: Place) -> None:
        """Put the agent there, wherever it is."""
        state = self._habitat.AgentState()
        state.position = np.array(place.position, np.float32)
        state.rotation = type(state.rotation)(*place.rotation)  # numpy-quaternion, (w, x, y, z)
        self._agent.set_state(state, reset_sensors=False)

    def move(self, name: str) -> tuple[float, bool]:
        """Execute a primitive; return the metres moved on the floor, and whether it was blocked."""
        before = self.place
        collided = bool(self._agent.act(MOVES[name]))
        return math.dist(before.position, self.place.position), collided

    def look(self) -> dict[str, Any]:
        """Return what every sensor sees, by its name."""
        observations: dict[str, Any] = self._simulator.get_sensor_observations()
        return observations

    def is_navigable(self, position: Sequence[float]) -> bool:
        """Tell whether the agent can stand there."""
        return bool(self._simulator.pathfinder.is_navigable(_vector(position)))

    def seed(self, number: int) -> None:
        """Begin all chance anew: the same random points follow."""
        self._simulator.seed(number)
        self._simulator.pathfinder.seed(number)

    def random_point(self) -> Vector:
        """Return a place to stand, drawn by Habitat."""
        x, y, z = (float(v) for v in self._simulator.pathfinder.get_random_navigable_point())
        return x, y, z

    def metres(self, start: Sequence[float], end: Sequence[float]) -> float:
        """Return the geodesic distance along the floor; infinite if there is no way."""
        path = self._habitat.ShortestPath()
        path.requested_start, path.requested_end = _vector(start), _vector(end)
        found = self._simulator.pathfinder.find_path(path)
        return float(path.geodesic_distance) if found else math.inf

    def route(self, goal: Sequence[float], radius_m: float) -> tuple[str, ...]:
        """Return the primitives that Habitat's follower takes from here to within a radius.

        Raises
        ------
        WiwError
            ``NO_PATH`` if it finds none.
        """
        nav = self._habitat.nav
        follower = nav.GreedyGeodesicFollower(
            self._simulator.pathfinder, self._agent, goal_radius=radius_m
        )
        try:
            names = follower.find_path(_vector(goal))
        except self._habitat.errors.GreedyFollowerError as error:
            raise WiwError(ErrorCode.NO_PATH, "Habitat's follower finds no way there.") from error
        return tuple(_NAMES[name] for name in names if name is not None)

    def close(self) -> None:
        """Free the scene."""
        self._simulator.close()

    @property
    def _agent(self) -> Any:
        return self._simulator.get_agent(0)


def _vector(position: Sequence[float]) -> Array:
    return np.asarray(position, np.float32)
