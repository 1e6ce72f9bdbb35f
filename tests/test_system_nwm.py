"""NWM with its tiny random network, behind a real node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graph import Graph

from wiw_core.conformance import check_world_model, example_context, example_request
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_ros.clients import Liveness, RosWorldModel

pytestmark = pytest.mark.system

TINY = ["weights=tiny", "steps=2", "batch=1"]


@pytest.fixture(scope="module")
def imagining(graph: Graph) -> Iterator[Graph]:
    with graph.changed("wm_node", model="nwm", model_parameters=TINY):
        yield graph


def test_nwm_behind_ros_keeps_the_contract(imagining: Graph) -> None:
    liveness = Liveness(imagining.probe.node)
    try:
        model = RosWorldModel(imagining.probe.node, ["/wm_node/rollout"], liveness)
        context = example_context(FakeEnvironment(), ImageGoalNavigation())
        check_world_model(model, lambda: example_request(context))
        assert model.info.revision == "tiny-random"
        assert model.info.licence == "CC BY-NC 4.0"
    finally:
        liveness.close()


def test_an_episode_imagined_by_nwm_ends_without_a_fault(imagining: Graph) -> None:
    with imagining.changed("planner_node", rollout_deadline_s=30.0):
        result, decisions = imagining.run()
    assert result.code == ErrorCode.OK, result.message
    assert decisions and all(d.frames_imagined > 0 for d in decisions)
    assert all(c.code is ErrorCode.OK for d in decisions for c in d.candidates)
