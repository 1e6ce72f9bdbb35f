"""The exceptions."""


class PyRepError(Exception):
    """Any of them."""


class IKError(Exception):
    """Inverse kinematics found nothing."""


class ConfigurationPathError(Exception):
    """No path was found."""
