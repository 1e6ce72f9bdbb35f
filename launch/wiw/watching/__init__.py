"""Watching a run, live or from a recording."""
