"""A fake of PyRep: what RLBench's users touch of it."""


class PyRep:
    """The simulator; here only a name that tells this package from the one on PyPI."""
