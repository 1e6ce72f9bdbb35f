"""A table with a 7-DoF arm of the published Panda kinematics: the four manipulation tasks."""

import wiw_env_bridge.mujoco  # noqa: F401 - sets the GL defaults before mujoco is first imported
