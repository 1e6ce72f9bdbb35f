"""Monocular depth: what a robot without a depth camera may take for one."""

from wiw_wm_node.depth.estimator import Estimator

__all__ = ["Estimator"]
