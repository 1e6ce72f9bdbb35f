"""Perception without downloaded weights: how alike two places are, and what is in a box."""
