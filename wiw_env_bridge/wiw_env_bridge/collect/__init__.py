"""Collects datasets from the simulators' train scenes: ``wiw collect``."""

from wiw_env_bridge.collect.jobs import SAMPLERS, Job, Sampler
from wiw_env_bridge.collect.running import collect
from wiw_env_bridge.collect.settings import FIRST_SCENE, Settings

__all__ = ["FIRST_SCENE", "SAMPLERS", "Job", "Sampler", "Settings", "collect"]
