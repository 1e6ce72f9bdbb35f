"""The loop at a real table with a stub in the VLM's place; the worked examples, carried out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from vlm_seers import Body, describes, presses

from wiw_core.arm import TOOL_VOXEL, tool_voxel
from wiw_core.conformance import check_proposer, check_reviser, example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Decision, DecisionKind, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose3
from wiw_core.loop import Policy, run_episode
from wiw_core.plans import Action, Plan
from wiw_core.tasks.manipulation import PushButtons
from wiw_core.wrappers import Validated
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.judging import TASKS
from wiw_planner_node.vlm.policies import VlmProposer, VlmReviser
from wiw_planner_node.vlm.prompts import prompt
from wiw_planner_node.vlm.stub import StubServer
from wiw_wm_node.copy import CopyModel

PROGRESS = {"stack_cups": 0.5}
"""What an example achieves where it is not the whole task: one cup of two."""


@pytest.fixture(scope="module")
def table() -> Iterator[TabletopEnvironment]:
    env = TabletopEnvironment(image_size=256)
    yield env
    env.close()


def vlm_policy(
    env: TabletopEnvironment, stub: StubServer, oracle: bool = True, mode: str = ""
) -> Policy:
    model = Validated(OracleWorldModel(env)) if oracle else None
    proposer = VlmProposer(endpoint=stub.url)
    return Policy(proposer, VlmReviser(mode, endpoint=stub.url), PushButtons().limits, model)


def example_of(task: str) -> tuple[str, list[list[int]], Plan]:
    """The goal, the objects' places and the plan of a task's worked example."""
    text = prompt(f"arm_example_{task}")
    goal = re.search(r'Task: "(.*)"', text)
    objects = re.findall(r"object \d+ at (\[\d+, \d+, \d+\])", text.split("Tool:")[0])
    reply = json.loads(text.split("Reply: ")[1])
    assert goal is not None
    rows = [tuple(float(n) for n in row) for row in reply["executable_plan"]]
    plan = Plan(tuple(Action(TOOL_VOXEL.name, row) for row in rows))
    return goal[1], [json.loads(place) for place in objects], plan


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_worked_example_does_what_it_says_at_the_table_it_is_from(
    table: TabletopEnvironment, task: str
) -> None:
    goal, objects, plan = example_of(task)
    episode, now, _ = table.reset(task, table.episode_ids(task, "train", 1)[0])
    told = [tool_voxel(Pose3(o.x_m, o.y_m, o.z_m), True).values[:3] for o in now.objects]
    assert (goal, objects) == (episode.goal_text, [[int(v) for v in place] for place in told])
    for transition in table.act(plan, observe=False):
        assert transition.code is ErrorCode.OK and not transition.collided
    assert table.value() >= PROGRESS.get(task, 1.0)


@pytest.mark.parametrize(("answer", "mode"), [(presses, "ranking"), (describes, "descriptor")])
def test_a_vlm_closes_the_loop_at_the_table(
    table: TabletopEnvironment, answer: Callable[[Body], str], mode: str
) -> None:
    decisions: list[Decision] = []
    with StubServer(answer) as stub:
        policy = vlm_policy(table, stub, mode=mode)
        for name in table.episode_ids("push_buttons", limit=2):
            result = run_episode(table, "push_buttons", name, policy, on_decision=decisions.append)
            assert result.code is ErrorCode.OK and result.status is not EpisodeStatus.ABORTED_FAULT
            assert mode != "ranking" or (result.success and result.decisions == 1)
    assert all(decision.kind is DecisionKind.ACT for decision in decisions)
    roles = {exchange.role for decision in decisions for exchange in decision.transcript}
    assert roles == {"propose", *(["revise"] if mode == "ranking" else ["describe", "evaluate"])}
    assert all(exchange.code is ErrorCode.OK for d in decisions for exchange in d.transcript)


def test_without_a_world_model_the_vlm_acts_on_its_first_plan(table: TabletopEnvironment) -> None:
    decisions: list[Decision] = []
    with StubServer(presses) as stub:
        policy = vlm_policy(table, stub, oracle=False)
        name = table.episode_ids("push_buttons")[0]
        run_episode(table, "push_buttons", name, policy, on_decision=decisions.append)
        asked = len(stub.requests)
    assert asked == len(decisions) and all(d.chosen == 0 for d in decisions)


def test_a_vlm_that_talks_nonsense_ends_the_episode_before_anything_moves(
    table: TabletopEnvironment,
) -> None:
    with StubServer(lambda body: "push the button!") as stub:
        name = table.episode_ids("push_buttons")[0]
        result = run_episode(table, "push_buttons", name, vlm_policy(table, stub))
    assert (result.status, result.code) == (EpisodeStatus.ABORTED_FAULT, ErrorCode.UNPARSABLE)
    assert result.actions == 0 and result.path_m == 0.0


@pytest.mark.parametrize(("answer", "mode"), [(presses, "ranking"), (describes, "descriptor")])
def test_the_vlm_keeps_the_contracts_at_the_table(
    table: TabletopEnvironment, answer: Callable[[Body], str], mode: str
) -> None:
    def make() -> DecisionContext:
        return example_context(table, PushButtons())

    with StubServer(answer) as stub:
        check_proposer(VlmProposer(endpoint=stub.url), make)
        check_reviser(VlmReviser(mode, endpoint=stub.url), make, CopyModel())
