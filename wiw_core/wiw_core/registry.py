"""One registry per kind of plugin, from entry points; refuses duplicates, helps on typos."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name


@dataclass(frozen=True)
class Kind:
    """A kind of plugin: entry-point group, name in a sentence, code for an unknown name."""

    group: str
    noun: str
    unknown: ErrorCode


ENVIRONMENTS = Kind("wiw.environments", "environment", ErrorCode.UNKNOWN_ENVIRONMENT)
WORLD_MODELS = Kind("wiw.world_models", "world model", ErrorCode.UNKNOWN_MODEL)
PROPOSERS = Kind("wiw.proposers", "proposer", ErrorCode.UNKNOWN_PROPOSER)
REVISERS = Kind("wiw.revisers", "reviser", ErrorCode.UNKNOWN_REVISER)
TASKS = Kind("wiw.tasks", "task", ErrorCode.UNKNOWN_TASK)
KINDS = (ENVIRONMENTS, WORLD_MODELS, PROPOSERS, REVISERS, TASKS)


@dataclass(frozen=True)
class Plugin:
    """A registered plugin; ``load`` imports it."""

    name: str
    origin: str
    load: Callable[[], Callable[..., Any]]

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return (self.load().__doc__ or "").strip().splitlines()[0] if self.load().__doc__ else ""


class Registry:
    """Plugins of one kind, by name.

    Parameters
    ----------
    kind : Kind
    entry_points : sequence, optional
        Stands in for the installed entry points, in tests.
    """

    def __init__(
        self, kind: Kind, entry_points: Sequence[metadata.EntryPoint] | None = None
    ) -> None:
        self.kind = kind
        self._plugins: dict[str, Plugin] = {}
        for point in _installed(kind.group) if entry_points is None else entry_points:
            known = self._plugins.get(point.name)
            if known is not None:
                if known.origin == point.value:  # the same distribution seen twice on the path
                    continue
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"Two plugins claim the {kind.noun} '{point.name}':"
                    f" {known.origin} and {point.value}.",
                    "Uninstall or rename one.",
                )
            self._plugins[point.name] = Plugin(point.name, point.value, _loader(kind, point))

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        return sorted(self._plugins)

    def get(self, name: str) -> Plugin:
        """Return the plugin; raises the kind's unknown-name code, suggesting the nearest name."""
        if name not in self._plugins:
            raise unknown_name(self.kind.unknown, self.kind.noun, name, self._plugins)
        return self._plugins[name]

    def create(self, name: str, **parameters: Any) -> Any:
        """Build the plugin with these parameters; ``BAD_PARAMETER`` if it does not take them."""
        factory = self.get(name).load()
        try:
            return factory(**parameters)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise  # raised inside the plugin, not by the call
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The {self.kind.noun} '{name}' does not take: {error}."
            ) from error


@cache  # reading every installed package again is slow, and none is added to a process
def _installed(group: str) -> Sequence[metadata.EntryPoint]:
    if sys.version_info >= (3, 10):
        return tuple(metadata.entry_points(group=group))
    return tuple(metadata.entry_points().get(group, ()))


def _loader(kind: Kind, point: metadata.EntryPoint) -> Callable[[], Callable[..., Any]]:
    def load() -> Callable[..., Any]:
        try:
            loaded: Callable[..., Any] = point.load()
        except Exception as error:  # a broken plugin may raise anything while it is imported
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The {kind.noun} '{point.name}' ({point.value}) cannot be loaded: {error}.",
                "Install what it needs, or uninstall it.",
            ) from error
        return loaded

    return load
