"""Processes that run the jobs of a study: in one process each, or each with three ROS 2 nodes."""
