"""Every registered plugin keeps its contract, and so do the clients that stand for remote ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from graph import Graph

from wiw.checking import SMALL
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
from wiw_planner_node.clients.fake_server import FakePolicyServer
from wiw_planner_node.clients.server import ENDPOINT_VARIABLE as POLICY_VARIABLE
from wiw_planner_node.vlm.endpoint import ENDPOINT_VARIABLE
from wiw_planner_node.vlm.stub import StubServer, obliging
from wiw_ros.clients import Liveness, RosEnvironment, RosWorldModel
from wiw_wm_node.runway.stub import RunwayStub
from wiw_wm_node.video import tiny
from wiw_wm_node.video.model import VideoModel

PARAMETERS: dict[str, dict[str, Any]] = {
    **SMALL,
    "remote": {"environment": "wiw_core.fakes.environment:FakeEnvironment"},
    "openpi": {"seed_key": "seed"},  # without one a server's samples do not repeat
    "nwm": {"weights": "tiny", "steps": 3, "batch": 1},
    "svd_action": {"frames": 14, "width": 128},  # one frame per action, noise that can be turned
}
"""What makes a plugin quick enough to be checked; any other one is checked as it comes."""


@pytest.fixture(scope="module", autouse=True)
def language_model() -> Iterator[None]:
    """A stub on this machine that answers every policy with a language model, always legally."""
    with pytest.MonkeyPatch.context() as patch, StubServer(obliging) as stub:
        patch.setenv(ENDPOINT_VARIABLE, stub.url)
        yield


@pytest.fixture(scope="module", autouse=True)
def policy_server() -> Iterator[None]:
    """A fake policy server on this machine, for the clients of others."""
    with pytest.MonkeyPatch.context() as patch, FakePolicyServer() as fake:
        patch.setenv(POLICY_VARIABLE, fake.url)
        yield


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


ELSEWHERE = {
    "robot": "test_robot_base.py",
    "habitat": "test_habitat_contract.py",
    "rlbench": "test_rlbench_contract.py",
}
"""Environments that need a program beside them, and where their contract is checked."""


@pytest.mark.parametrize("name", [n for n in plugins(ENVIRONMENTS) if n not in ELSEWHERE])
def test_every_environment_keeps_its_contract(name: str) -> None:
    check_environment(Registry(ENVIRONMENTS).create(name, **PARAMETERS.get(name, {})))


def parameters_of(name: str) -> dict[str, Any]:
    """Return what makes a world model quick: of a video model, an untrained tiny pipeline."""
    video = issubclass(Registry(WORLD_MODELS).get(name).load(), VideoModel)
    return {**(tiny.SMALL if video else {}), **PARAMETERS.get(name, {})}


@pytest.fixture(scope="module")
def stubs() -> Iterator[dict[str, dict[str, Any]]]:
    """Return the parameters of plugins that stand for a service: each talks to a stub of it."""
    with RunwayStub() as runway, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNWAYML_API_SECRET", "a stub takes any")
        quick = {"url": runway.url, "hosts": ("127.0.0.1",), "poll_s": 0.01, "duration_s": 2}
        yield {"runway": {"send_images": True, "max_credits": 1e6, "height": 96, **quick}}


@pytest.mark.parametrize("name", plugins(WORLD_MODELS))
def test_every_world_model_keeps_its_contract(name: str, stubs: dict[str, dict[str, Any]]) -> None:
    parameters = {**parameters_of(name), **stubs.get(name, {})}
    arm_alone = set(Registry(WORLD_MODELS).get(name).load().sheet.controls) == {ARM_CONTROL}
    for make in contexts("push_buttons" if arm_alone else "ignav"):
        model = Registry(WORLD_MODELS).create(name, **parameters)
        levels = (
            1 if isinstance(model, VideoModel) else 0
        )  # a batch rounds otherwise than one alone
        context = make()  # each request has a deadline of its own
        check_world_model(model, lambda context=context: example_request(context), levels=levels)


def served(kind: Any, role: str, name: str) -> list[str]:
    """Return the tasks that the plugin's class says it serves, else those like its default ones.

    Those are the tasks with the actions of the ones whose default it is; without any, the fake
    room's.
    """
    own = getattr(Registry(kind).get(name).load(), "serves", ())
    if own:
        return list(own)
    tasks = {task: Registry(TASKS).create(task) for task in plugins(TASKS)}
    actions = [t.actions for t in tasks.values() if getattr(t, role) == name] or [NAVIGATION]
    return [task for task, definition in tasks.items() if definition.actions in actions]


@pytest.mark.parametrize(
    ("name", "task"),
    [(name, task) for name in plugins(PROPOSERS) for task in served(PROPOSERS, "proposer", name)],
)
def test_every_proposer_keeps_its_contract(name: str, task: str) -> None:
    for make in contexts(task):
        check_proposer(Registry(PROPOSERS).create(name, **PARAMETERS.get(name, {})), make)


@pytest.mark.parametrize("name", plugins(REVISERS))
def test_every_reviser_keeps_its_contract_in_a_task_that_it_serves(name: str) -> None:
    own = list(getattr(Registry(REVISERS).get(name).load(), "serves", ()))
    tasks = own or [t for t in plugins(TASKS) if Registry(TASKS).create(t).reviser == name]
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
    check_world_model(model, lambda: example_request(contexts("ignav")[0]()), remote=True)


@pytest.mark.system
def test_the_oracle_behind_ros_keeps_the_contract(graph: Graph, liveness: Liveness) -> None:
    small = [f"{key}={value}" for key, value in SMALL["mujoco"].items()]
    with graph.changed("env_bridge", environment="mujoco", environment_parameters=small):
        env = RosEnvironment(graph.probe.node, "/env_bridge", liveness)
        context = example_context(env, Registry(TASKS).create("ignav"))
        oracle = RosWorldModel(graph.probe.node, ["/env_bridge/rollout"], liveness)
        check_world_model(oracle, lambda: example_request(context), remote=True)
        env.finish(0)
