"""Datasets, training, weights and measures of the world models."""
