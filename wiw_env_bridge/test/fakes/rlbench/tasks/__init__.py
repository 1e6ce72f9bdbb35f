"""The tasks that upstream has; it lacks the fourth."""
