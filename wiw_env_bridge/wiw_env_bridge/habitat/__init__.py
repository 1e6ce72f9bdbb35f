"""Habitat-Sim as an environment, in a worker with its own interpreter.

``plugin`` is what the bridge loads; ``world`` is the environment that the worker runs. Habitat-Sim
itself, its scenes and the paper's episode files come from the user: docs/habitat.md.
"""
