"""RLBench on CoppeliaSim as an environment, in a worker with its own interpreter.

``plugin`` is what the bridge loads; ``world`` is the environment that the worker runs; ``flavours``
are upstream RLBench and the reference fork. CoppeliaSim, PyRep and RLBench come from the user:
docs/rlbench.md.
"""
