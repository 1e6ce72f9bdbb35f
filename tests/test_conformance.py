"""Every registered plugin keeps its contract, and so do the clients that stand for remote ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from graph import Graph

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
from wiw_core.contracts import DecisionContext
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import NAVIGATION
from wiw_core.registry import (
    ENVIRONMENTS,
    KINDS,
    PROPOSERS,
    REVISERS,
    TASKS,
    WORLD_MODELS,
    Registry,
)
from wiw_ros.clients import Liveness, RosEnvironment, RosWorldModel

SMALL = {"panorama_height": 72, "panorama_width": 128, "front_size": 64}
PARAMETERS: dict[str, dict[str, Any]] = {"mujoco": SMALL, "tabletop": {"image_size": 64}}
"""What makes a plugin quick enough to be checked; any other one is checked as it comes."""


def plugins(kind: Any) -> list[str]:
    return Registry(kind).names()


@cache
def small(name: str) -> Any:
    return Registry(ENVIRONMENTS).create(name, **PARAMETERS[name])


def contexts(task: str) -> list[Callable[[], DecisionContext]]:
    """Return makers of a first decision's context: in the fake room if it can, and at home."""
    definition = Registry(TASKS).create(task)
    fake = FakeEnvironment()
    worlds = [*([fake] if task in fake.tasks() else []), small(definition.environment)]
    return [lambda env=env: example_context(env, definition) for env in worlds]


def test_every_kind_of_plugin_has_a_fake_or_is_plain_data() -> None:
    for kind in KINDS:
        assert "fake" in plugins(kind) or kind is TASKS


@pytest.mark.parametrize("name", plugins(ENVIRONMENTS))
def test_every_environment_keeps_its_contract(name: str) -> None:
    check_environment(Registry(ENVIRONMENTS).create(name, **PARAMETERS.get(name, {})))


@pytest.mark.parametrize("name", plugins(WORLD_MODELS))
def test_every_world_model_keeps_its_contract(name: str) -> None:
    model = Registry(WORLD_MODELS).create(name)
    arm_alone = set(model.info.controls) == {ARM_CONTROL}
    for make in contexts("push_buttons" if arm_alone else "ignav"):
        request = example_request(make())
        check_world_model(model, lambda request=request: request)


def served(role: str, name: str) -> list[str]:
    """Return the tasks with the actions of those whose default it is; the fake room's if none."""
    tasks = {task: Registry(TASKS).create(task) for task in plugins(TASKS)}
    own = [t.actions for t in tasks.values() if getattr(t, role) == name] or [NAVIGATION]
    return [task for task, definition in tasks.items() if definition.actions in own]


@pytest.mark.parametrize(
    ("name", "task"),
    [(name, task) for name in plugins(PROPOSERS) for task in served("proposer", name)],
)
def test_every_proposer_keeps_its_contract(name: str, task: str) -> None:
    for make in contexts(task):
        check_proposer(Registry(PROPOSERS).create(name), make)


@pytest.mark.parametrize("name", plugins(REVISERS))
def test_every_reviser_keeps_its_contract_in_a_task_that_it_serves(name: str) -> None:
    tasks = [t for t in plugins(TASKS) if Registry(TASKS).create(t).reviser == name]
    for task in tasks or FakeEnvironment().tasks():
        for make in contexts(task):
            model = Registry(WORLD_MODELS).create("copy")  # it imagines any view
            check_reviser(Registry(REVISERS).create(name), make, model)


@pytest.mark.parametrize("name", plugins(TASKS))
def test_every_task_keeps_its_contract(name: str) -> None:
    check_task(Registry(TASKS).create(name))


@pytest.fixture
def liveness(graph: Graph) -> Iterator[Liveness]:
    liveness = Liveness(graph.probe.node)
    yield liveness
    liveness.close()


@pytest.mark.system
def test_a_world_model_behind_ros_keeps_the_contract(graph: Graph, liveness: Liveness) -> None:
    model = RosWorldModel(graph.probe.node, ["/wm_node/rollout"], liveness)
    check_world_model(model, lambda: example_request(contexts("ignav")[0]()))


@pytest.mark.system
def test_the_oracle_behind_ros_keeps_the_contract(graph: Graph, liveness: Liveness) -> None:
    small = [f"{key}={value}" for key, value in SMALL.items()]
    with graph.changed("env_bridge", environment="mujoco", environment_parameters=small):
        env = RosEnvironment(graph.probe.node, "/env_bridge", liveness)
        context = example_context(env, Registry(TASKS).create("ignav"))
        oracle = RosWorldModel(graph.probe.node, ["/env_bridge/rollout"], liveness)
        check_world_model(oracle, lambda: example_request(context))
        env.finish(0)
