"""Recordings of runs: making them, reading them, replaying them, exporting them."""
