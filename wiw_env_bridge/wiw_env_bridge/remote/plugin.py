"""The registered environment ``remote``: any other one, in a process of its own."""

from __future__ import annotations

from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.remote.client import Patience, RemoteEnvironment
from wiw_env_bridge.remote.offers import Clone, Imagination, Motion
from wiw_ros.parameters import key_values


class _MovingClone(Motion, Clone):
    """Both."""


class _MovingImagination(Motion, Imagination):
    """Both."""


_KINDS: dict[frozenset[str], type[RemoteEnvironment]] = {
    frozenset(): RemoteEnvironment,
    frozenset({"mobile"}): Motion,
    frozenset({"cloneable"}): Clone,
    frozenset({"cloneable", "imaginable"}): Imagination,
    frozenset({"mobile", "cloneable"}): _MovingClone,
    frozenset({"mobile", "cloneable", "imaginable"}): _MovingImagination,
}
"""By what the environment in the worker offers."""


def remote(
    environment: str = "",
    arguments: tuple[str, ...] = (),
    python: str = "",
    path: tuple[str, ...] = (),
    start_s: float = Patience.start_s,
    reset_s: float = Patience.reset_s,
    act_s: float = Patience.act_s,
    answer_s: float = Patience.answer_s,
) -> RemoteEnvironment:
    """Run any environment in a process, and an interpreter, of its own.

    Parameters
    ----------
    environment : str
        ``MODULE:CLASS``, imported by the worker.
    arguments : tuple of str
        The environment's own parameters, each ``key=value``.
    python : str
        Interpreter of the worker, 3.9 or newer with numpy, scipy and msgpack; empty: this one.
    path : tuple of str
        Folders that the worker may import from besides its own.
    start_s, reset_s, act_s, answer_s : float
        Longest times in seconds, see :class:`wiw_env_bridge.remote.client.Patience`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``; ``ENVIRONMENT_FAILED`` if the worker could not start; or what the
        environment raised when it was built.
    """
    if ":" not in environment:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            "The environment 'remote' needs to know which one to run.",
            "Give environment=MODULE:CLASS.",
        )
    parameters: dict[str, Any] = key_values(arguments, "arguments")
    patience = Patience(start_s, reset_s, act_s, answer_s)
    made = RemoteEnvironment("remote", environment, parameters, python, path, {}, patience)
    made.__class__ = _KINDS[made.offers]  # only now it is known what it offers
    return made
