"""Interface packages that may be absent, such as ``nav2_msgs``: a sentence, not an ImportError."""

from __future__ import annotations

import importlib
from types import ModuleType

from wiw_core.errors import ErrorCode, WiwError


def optional(module: str) -> ModuleType:
    """Return an interface module, such as ``nav2_msgs.action``.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING`` naming the Debian package that brings it.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            f"The interface package '{package}' cannot be imported ({error}).",
            f"Install it, for example: apt install ros-jazzy-{package.replace('_', '-')}.",
        ) from error
