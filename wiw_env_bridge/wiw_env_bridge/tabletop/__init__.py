"""A table with a 7-DoF arm of the published Panda kinematics: the four manipulation tasks."""
