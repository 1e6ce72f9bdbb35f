"""A simulated robot that shows standard ROS 2 interfaces only: on the wire it is a robot."""
