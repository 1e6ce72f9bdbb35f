"""Where the fork keeps its tasks."""
