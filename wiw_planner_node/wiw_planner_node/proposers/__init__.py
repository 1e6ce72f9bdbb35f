"""Proposers: what the robot might do next."""
