"""What is known of a plugin before it is loaded: what ``wiw list`` shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class ModelSheet:
    """What a world model takes, gives and costs, said without importing or loading it.

    A world model's class may have one as its attribute ``sheet``.

    Attributes
    ----------
    controls : tuple of str
        As :attr:`wiw_core.rollouts.ModelInfo.controls`.
    height, width : int
        Pixels of a clip at its defaults; 0: as the view.
    frames : int
        Frames of a clip at its defaults, the given one among them; 0: one per action asked for.
    memory_gib : float
        Accelerator memory that its defaults are expected to need, weights and activations; 0: it
        runs without an accelerator. ``measured`` tells whether somebody has looked.
    licence : str
        Of the weights.
    source : str
        Where the weights come from: ``ships with WIW``, or the name of a public repository.
    missing : callable
        Returns an empty text if the model can be loaded here as it comes, else one sentence that
        says what is missing. It looks and never loads, downloads or imports anything heavy.
    """

    controls: tuple[str, ...] = ("camera",)
    height: int = 0
    width: int = 0
    frames: int = 0
    memory_gib: float = 0.0
    measured: bool = False
    licence: str = "Apache-2.0"
    source: str = "ships with WIW"
    missing: Callable[[], str] = _nothing


@dataclass(frozen=True)
class EnvironmentSheet:
    """Whether an environment can be used here, said without starting it.

    An environment's class may have one as its attribute ``sheet``.

    Attributes
    ----------
    missing : callable
        Returns an empty text if the environment can be used as it comes, else one sentence that
        says what is missing. It looks and never starts, downloads or imports anything heavy.
    """

    missing: Callable[[], str] = _nothing
