"""The exceptions."""


class GreedyFollowerError(RuntimeError):
    """The follower finds no way."""


class InvalidAttachedObject(RuntimeError):
    """What it belonged to is gone."""
