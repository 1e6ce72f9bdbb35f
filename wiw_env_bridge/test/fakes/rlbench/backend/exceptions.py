"""The exceptions."""


class BoundaryError(Exception):
    """A place is outside."""


class WaypointError(Exception):
    """A waypoint cannot be reached."""


class InvalidActionError(Exception):
    """An action cannot be begun."""


class TaskEnvironmentError(Exception):
    """A task was used wrongly."""
