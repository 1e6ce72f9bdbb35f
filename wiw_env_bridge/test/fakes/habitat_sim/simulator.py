"""The simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from habitat_sim.agent import Agent, AgentConfiguration
from habitat_sim.boxes import CEILING, FLOOR, WALL, Boxes
from habitat_sim.nav import PathFinder
from habitat_sim.sensor import CameraSensorSpec, SensorType


class SimulatorConfiguration:
    """What to load."""

    def __init__(self) -> None:
        self.scene_id = ""
        self.scene_dataset_config_file = "default"
        self.random_seed = 0
        self.gpu_device_id = 0
        self.enable_physics = False
        self.allow_sliding = True
        self.load_semantic_mesh = True


@dataclass
class Configuration:
    """A simulator and its agents."""

    sim_cfg: SimulatorConfiguration
    agents: list[AgentConfiguration] = field(default_factory=list)
    metadata_mediator: Any = None
    enable_batch_renderer: bool = False


@dataclass(frozen=True)
class _Category:
    label: str

    def name(self, mapping: str = "") -> str:
        return self.label


@dataclass(frozen=True)
class _Object:
    semantic_id: int
    category: _Category


@dataclass(frozen=True)
class _SemanticScene:
    objects: list[_Object]


class Simulator:
    """One scene; as Habitat's, it aborts without a scene and renders all sensors at once."""

    def __init__(self, config: Configuration) -> None:
        sim = config.sim_cfg
        if not Path(sim.scene_id).is_file():
            raise FileNotFoundError(f"Scene {sim.scene_id} does not exist")
        if (
            sim.scene_dataset_config_file != "default"
            and not Path(sim.scene_dataset_config_file).is_file()
        ):
            raise FileNotFoundError(f"Dataset {sim.scene_dataset_config_file} does not exist")
        if not any(agent.sensor_specifications for agent in config.agents):
            raise RuntimeError(
                "recomputeNavMesh: SimulatorConfiguration::createRenderer is false. Scene geometry"
                " is required to recompute navmesh."
            )
        self.config = config
        self._boxes = Boxes(sim.scene_id)
        self.pathfinder = PathFinder(self._boxes, config.agents[0].radius)
        step = (
            self.pathfinder.try_step if sim.allow_sliding else self.pathfinder.try_step_no_sliding
        )
        self.agents = [Agent(agent, step) for agent in config.agents]
        names = {FLOOR: "floor", CEILING: "ceiling", WALL: "wall"}
        names.update({b["id"]: b["category"] for b in self._boxes.boxes})
        objects = [_Object(n, _Category(label)) for n, label in sorted(names.items())]
        self.semantic_scene = _SemanticScene(objects)
        self.seed(sim.random_seed)

    def seed(self, new_seed: int) -> None:
        """Begin all chance anew."""
        self.pathfinder.seed(new_seed)

    def get_agent(self, agent_id: int) -> Agent:
        """Return an agent."""
        return self.agents[agent_id]

    def reset(self) -> dict[str, Any]:
        """Look."""
        return self.get_sensor_observations()

    def step(self, action: Any) -> dict[str, Any]:
        """Take an action and look; the answer also tells of a collision."""
        collided = self.agents[0].act(action)
        return {**self.get_sensor_observations(), "collided": collided}

    def get_sensor_observations(self) -> dict[str, Any]:
        """Return COLOR as RGBA uint8, DEPTH as float32 metres, SEMANTIC as uint32."""
        agent = self.agents[0]
        state = agent.get_state()
        seen: dict[Any, tuple[Any, Any, Any]] = {}
        observations = {}
        for spec in agent.agent_config.sensor_specifications:
            view = (tuple(spec.orientation), tuple(spec.resolution), float(spec.hfov))
            if view not in seen:
                seen[view] = self._draw(spec, state)
            rgb, depth, numbers = seen[view]
            if spec.sensor_type is SensorType.COLOR:
                observations[spec.uuid] = rgb
            elif spec.sensor_type is SensorType.DEPTH:
                observations[spec.uuid] = depth
            elif spec.sensor_type is SensorType.SEMANTIC:
                observations[spec.uuid] = numbers
        return observations

    def close(self, destroy: bool = True) -> None:
        """Forget everything."""
        self.agents = []

    def _draw(self, spec: CameraSensorSpec, state: Any) -> tuple[Any, Any, Any]:
        height, width = (int(side) for side in spec.resolution)
        half = math.tan(math.radians(float(spec.hfov)) / 2)
        x = ((np.arange(width) + 0.5) / width * 2 - 1) * half
        y = (1 - (np.arange(height) + 0.5) / height * 2) * half * height / width
        rays = np.stack(np.broadcast_arrays(x[None, :], y[:, None], -1.0), axis=-1).reshape(-1, 3)
        rotation = state.rotation.matrix() @ _euler(*(float(a) for a in spec.orientation))
        body = state.rotation.matrix() @ np.asarray(spec.position, float)
        origin = state.position.astype(float) + body
        rays = rays @ rotation.T
        far, numbers = self._boxes.cast(origin, rays)
        colours = self._boxes.colours(origin + far[:, None] * rays, numbers)
        alpha = np.full((len(colours), 1), 255, np.uint8)
        return (
            np.concatenate([colours, alpha], 1).reshape(height, width, 4),
            far.astype(np.float32).reshape(height, width),  # rays have length 1 along the axis
            numbers.reshape(height, width),
        )


def _euler(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Rotations about x, then y, then z of the parent, as Magnum's rotateX, rotateY, rotateZ."""
    (cx, sx), (cy, sy), (cz, sz) = ((math.cos(a), math.sin(a)) for a in (pitch, yaw, roll))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)
