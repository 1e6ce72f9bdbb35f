"""Commands of their own file, registered in :mod:`wiw.cli`."""
