"""A real robot as an environment: cameras, a body, a referee; only standard ROS 2 interfaces."""
