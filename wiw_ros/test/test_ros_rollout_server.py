"""The rollout server around a model that hangs for good, and around too many callers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_msgs.action import Rollout as RolloutAction
from wiw_ros import convert
from wiw_ros.node import ManagedNode
from wiw_ros.rollout_server import GOALS, Backend, RolloutServer
from wiw_ros.testing import Probe, own_domain
from wiw_ros.worker import Worker


class DeafModel:
    """A fake that heeds neither cancellation nor deadline until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self._inner = FakeWorldModel()

    @property
    def info(self) -> ModelInfo:
        return self._inner.info

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        self.released.wait()
        return self._inner.rollout(replace(request, deadline_s=float("inf")))

    def close(self) -> None:
        self.released.set()


class Served:
    """A rollout server around a deaf model, and a probe in the same process."""

    def __init__(self, probe: Probe) -> None:
        self.probe, self.model = probe, DeafModel()
        self.node = ManagedNode("deaf", (), context=probe.node.context)
        backend = Backend(self.model, Worker("model"))
        self.server = RolloutServer(self.node, lambda: backend)
        probe.add(self.node)
        probe.until_state("deaf", "active")

    def send(self, deadline_s: float) -> Any:
        seen = FakeEnvironment().reset("ignav", "val_000")[1]
        goal = RolloutAction.Goal(
            observations=[convert.observation_to_msg(seen)],
            plans=[convert.plan_to_msg(navigation_plan(["forward"]))],
            frames=[1],
            deadline_s=deadline_s,
        )
        return self.probe.send(RolloutAction, "deaf/rollout", goal)


@pytest.fixture
def served() -> Iterator[Served]:
    with own_domain() as domain, Probe(domain) as probe:
        served = Served(probe)
        yield served
        served.model.released.set()


def test_a_deaf_model_is_answered_for_at_the_deadline(served: Served) -> None:
    first = served.probe.result(served.send(0.2))
    assert first.result.code == 2003
    behind = served.probe.result(served.send(0.2))
    assert behind.result.code == 2002
    assert "busy with an earlier request" in behind.result.message


def test_a_deaf_model_does_not_keep_a_cancelled_caller(served: Served) -> None:
    handle = served.send(20.0)
    served.probe.cancel(handle)
    assert served.probe.result(handle).result.code == 2005


def test_a_model_that_wakes_up_serves_the_next_goal(served: Served) -> None:
    assert served.probe.result(served.send(0.2)).result.code == 2003
    served.model.released.set()
    answer = served.probe.result(served.send(20.0))
    assert (answer.result.code, answer.result.rollouts) == (1, 1)


def test_too_many_goals_are_refused_not_piled_up(served: Served) -> None:
    waiting = [served.send(20.0).get_result_async() for _ in range(GOALS)]
    refused = served.probe.result(served.send(20.0))
    assert refused.result.code == 1032
    served.model.released.set()
    assert [served.probe.wait(future).result.code for future in waiting] == [1] * GOALS
