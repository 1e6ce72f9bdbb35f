"""``wiw check``: a plugin against every promise of its contract, before anybody relies on it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wiw.serving import ARM_CONTROL
from wiw_core.conformance import (
    check_environment,
    check_proposer,
    check_reviser,
    check_task,
    check_world_model,
    example_context,
    example_request,
)
from wiw_core.contracts import DecisionContext, Environment
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import NAVIGATION
from wiw_core.registry import (
    ENVIRONMENTS,
    PROPOSERS,
    REVISERS,
    TASKS,
    WORLD_MODELS,
    Kind,
    Registry,
)
from wiw_ros.parameters import key_values

KINDS: dict[str, Kind] = {
    "model": WORLD_MODELS,
    "proposer": PROPOSERS,
    "reviser": REVISERS,
    "env": ENVIRONMENTS,
    "task": TASKS,
}
SMALL = {
    "mujoco": {"panorama_height": 72, "panorama_width": 128, "front_size": 64},
    "tabletop": {"image_size": 64},
}
"""Parameters that make an environment quick enough to check a plugin in it."""


@dataclass(frozen=True)
class Check:
    """One run of a conformance suite; ``broken`` is the promise that was not kept, or empty."""

    where: str
    broken: str


def check(
    kind: str, name: str, parameters: Sequence[str] = (), task: str = "", levels: int = 0
) -> Iterator[Check]:
    """Check a plugin wherever it can be used, and say how each check went.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    name : str
        Registered name, or ``FILE.py:CLASS`` for one that is not registered yet.
    parameters : sequence of str
        The plugin's own, each ``key=value``.
    task : str
        Whose first episode is used; empty: a task that the plugin serves.
    levels : int
        By how many of 255 a batched world model's pixels may differ between a plan alone and the
        same plan among others; 0: as many as the model's attribute ``levels`` says, or none.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``, the code for an unknown name, or what the plugin raises while it is made.
    """
    if kind not in KINDS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "kind of plugin", kind, KINDS)
    factory = _factory(KINDS[kind], name)
    given = key_values(parameters, "set", factory)

    def make() -> Any:
        try:
            return factory(**given)
        except TypeError as error:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{name}' cannot be made: {error}.") from error

    if kind in ("env", "task"):
        alone: Callable[[Any], None] = check_environment if kind == "env" else check_task
        yield _outcome(f"the {kind} itself", lambda: alone(make()))
        return
    plugin = make()
    for where, context in _contexts(task or _served(kind, name, plugin)):
        if kind == "model":
            asked = partial(example_request, context())  # each request has its own deadline
            allowed = levels or getattr(plugin, "levels", 0)
            suite = partial(check_world_model, make(), asked, levels=allowed)
            yield _outcome(where, suite)
        elif kind == "proposer":
            yield _outcome(where, partial(check_proposer, plugin, context))
        else:
            copy = Registry(WORLD_MODELS).create("copy")
            yield _outcome(where, partial(check_reviser, plugin, context, copy))


def _outcome(where: str, run: Callable[[], None]) -> Check:
    try:
        run()
    except AssertionError as broken:
        return Check(where, str(broken))
    except WiwError:
        raise
    except Exception as error:  # noqa: BLE001 - an author's plugin may raise anything
        return Check(where, f"It raised {type(error).__name__}: {error}.")
    return Check(where, "")


def _factory(kind: Kind, name: str) -> Callable[..., Any]:
    path, colon, attribute = name.rpartition(":")
    if not colon:
        if name.endswith(".py"):
            raise WiwError(ErrorCode.BAD_PARAMETER, f"Which class of '{name}'?", "FILE.py:CLASS")
        return Registry(kind).get(name).load()
    file = Path(path)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{path}' is not a Python file.",
            "Name a registered plugin, or FILE.py:CLASS.",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the author's file raises
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{path}' cannot be imported: {type(error).__name__}: {error}.",
        ) from error
    own = [k for k, v in vars(module).items() if getattr(v, "__module__", "") == spec.name]
    if attribute not in own:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "class in that file", attribute, own)
    loaded: Callable[..., Any] = getattr(module, attribute)
    return loaded


def _served(kind: str, name: str, plugin: Any) -> str:
    """Return a task that the plugin can be used in."""
    if kind == "model":
        return "push_buttons" if set(plugin.info.controls) == {ARM_CONTROL} else "ignav"
    for task in getattr(plugin, "serves", ()):
        return str(task)
    for task in Registry(TASKS).names():
        if getattr(Registry(TASKS).create(task), kind) == name:
            return task
    return "ignav"


def _contexts(task: str) -> Iterator[tuple[str, Callable[[], DecisionContext]]]:
    """Yield makers of a first decision's context: in the fake room if it can be, and at home."""
    definition = Registry(TASKS).create(task)
    home = definition.environment
    worlds: dict[str, Callable[[], Environment]] = {}
    if definition.actions == NAVIGATION and task in FakeEnvironment().tasks():
        worlds["the fake room"] = FakeEnvironment
    worlds[f"'{home}'"] = partial(Registry(ENVIRONMENTS).create, home, **SMALL.get(home, {}))
    for where, make in worlds.items():
        env = make()
        try:
            yield f"{task} in {where}", partial(example_context, env, definition)
        finally:
            env.close()
