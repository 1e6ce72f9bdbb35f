"""A mobile base: the navigation primitives by Nav2's behaviours or by velocity."""

from wiw_env_bridge.robot.base.body import BaseBody

__all__ = ["BaseBody"]
